use labelcast_functions::model::{Confidence, LabelName, Source};
use proptest::prelude::*;

use super::*;

fn probabilities() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(0.0..=1.0_f64, 1..40)
}

#[test]
fn numbers_become_probabilities_as_the_model_says() {
    let softmax = Activation::Softmax.probabilities(&[1000.0, 1000.0]).unwrap();
    assert_eq!(softmax, [0.5, 0.5], "large numbers do not overflow");
    assert_eq!(Activation::Sigmoid.probabilities(&[0.0, -800.0, 800.0]).unwrap(), [0.5, 0.0, 1.0]);
    assert_eq!(Activation::None.probabilities(&[0.25, 1.0005]).unwrap(), [0.25, 1.0]);
}

#[test]
fn what_is_no_number_or_no_probability_is_an_error() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for activation in [Activation::Softmax, Activation::Sigmoid, Activation::None] {
            assert!(matches!(activation.probabilities(&[0.0, bad]), Err(OutputError::NotFinite(_, 1))), "{bad}");
        }
    }
    assert_eq!(Activation::None.probabilities(&[0.5, 2.5]), Err(OutputError::NoProbability(2.5, 1)));
}

proptest! {
    #[test]
    fn together_they_are_never_over_one_and_never_below_any_of_them(given in probabilities()) {
        for combination in [Combination::One, Combination::Any] {
            let together = combination.of(given.iter().copied());
            prop_assert!((0.0..=1.0).contains(&together));
            prop_assert!(given.iter().all(|each| together >= *each), "{combination:?} {together} {given:?}");
        }
    }

    #[test]
    fn a_broader_label_is_at_least_as_sure_as_each_below_it_and_the_surest_comes_first(given in probabilities()) {
        let name = |number: usize| LabelName::fold(&format!("class {number}")).unwrap();
        let all = (0..given.len()).collect();
        let mut groups: Vec<_> = (0..given.len())
            .map(|number| Group { name: name(number), rank: Rank::Specific, classes: vec![number], broader: Vec::new() })
            .collect();
        let broader = LabelName::fold("everything").unwrap();
        groups.push(Group { name: broader.clone(), rank: Rank::Broader, classes: all, broader: Vec::new() });
        let none = Thresholds { broader: Confidence::ZERO, specific: Confidence::ZERO, moderation: Confidence::ZERO };
        let source: Source = "model".parse().unwrap();
        for combination in [Combination::One, Combination::Any] {
            let found = labels(&groups, &given, combination, none, &source);
            prop_assert_eq!(found.len(), groups.len());
            prop_assert_eq!(&found[0].name, &broader, "of the equally sure, broader ones come first");
            prop_assert!(found.is_sorted_by(|one, next| one.confidence >= next.confidence));
            prop_assert!(found.iter().all(|label| label.confidence <= Confidence::FULL));
        }
    }
}
