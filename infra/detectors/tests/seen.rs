//! What models say of pictures: networks of a few numbers, so that the right answer is known.

mod support;

use labelcast_detectors::{Kind, State};
use labelcast_functions::model::{Confidence, LabelName, Source};
use support::onnx::Side;
use support::{Directory, NAMES, colours, plain};

/// In percent, each with its name.
async fn labels(directory: &Directory, colour: [u8; 3]) -> Vec<(String, f64)> {
    let detector = directory.load().await.unwrap();
    let detection = detector.look(plain(colour)).await.unwrap();
    detection.labels.into_iter().map(|label| (label.name.to_string(), label.confidence.percent())).collect()
}

#[tokio::test]
async fn an_unmodified_folder_of_a_classifier_names_what_it_sees() {
    let directory = Directory::of_colours();
    let detector = directory.load().await.unwrap();
    assert_eq!((detector.state(), detector.model().kind()), (State::Working, Kind::Labels));
    // One part of e to the power of 8, and two parts of 1.
    assert_eq!(labels(&directory, [255, 0, 0]).await, [("red".to_owned(), 99.93)]);
    assert_eq!(labels(&directory, [0, 0, 255]).await, [("blue".to_owned(), 99.93)]);
    assert_eq!(labels(&directory, [200, 200, 200]).await, [], "a third each is not sure enough");
}

#[tokio::test]
async fn broader_labels_add_up_and_stand_before_specific_ones() {
    let table = "number\tlabel\tbroader\n0\tred\twarm|colour\n1\tgreen\tcolour\n2\tblue\tcold|colour\n";
    let directory = Directory::of_colours().with("detector.toml", "labels = \"labels.tsv\"").with("labels.tsv", table);
    let detector = directory.load().await.unwrap();
    let found = detector.look(plain([255, 0, 0])).await.unwrap().labels;
    let names: Vec<_> = found.iter().map(|label| label.name.as_str()).collect();
    assert_eq!(names, ["colour", "warm", "red"]);
    assert_eq!(found[0].confidence, Confidence::FULL);
    let parents: Vec<_> = found[2].parents.iter().map(LabelName::as_str).collect();
    assert_eq!(parents, ["warm", "colour"]);
    assert_eq!(found[2].source.as_ref().map(Source::as_str), Some(detector.model().name()));
}

#[tokio::test]
async fn a_sigmoid_model_sees_several_things_and_a_moderation_model_names_what_is_above() {
    let several = format!("{{\"problem_type\": \"multi_label_classification\", {}", &NAMES[1..]);
    let directory = Directory::of_colours().with("config.json", several);
    let found = labels(&directory, [255, 255, 0]).await;
    assert_eq!(found, [("red".to_owned(), 99.97), ("green".to_owned(), 99.97), ("blue".to_owned(), 50.0)]);

    let toml = "kind = \"moderation\"\n[moderation]\nred = \"Blood & Gore\"\n";
    let detector = Directory::of_colours().with("detector.toml", toml).load().await.unwrap();
    let hits = detector.look(plain([255, 0, 0])).await.unwrap().moderation;
    let names: Vec<_> = hits.iter().map(|hit| (hit.name.as_str(), hit.parent.as_str())).collect();
    assert_eq!(names, [("Violence", ""), ("Graphic Violence", "Violence"), ("Blood & Gore", "Graphic Violence")]);
    assert!(detector.look(plain([0, 255, 0])).await.unwrap().moderation.is_empty());
}

#[tokio::test]
async fn a_burst_is_answered_picture_by_picture_whatever_the_network_takes_at_once() {
    for batch in [Side::Any, Side::Fixed(1)] {
        let detector = Directory::of_colours().with_network(&colours(batch)).load().await.unwrap();
        let looking: Vec<_> = (0..40_u8)
            .map(|number| {
                let (detector, mut colour) = (detector.clone(), [0; 3]);
                colour[usize::from(number % 3)] = 255;
                tokio::spawn(async move { detector.look(plain(colour)).await.unwrap().labels[0].name.to_string() })
            })
            .collect();
        for (number, look) in looking.into_iter().enumerate() {
            assert_eq!(look.await.unwrap(), ["red", "green", "blue"][number % 3], "{batch:?}");
        }
    }
}
