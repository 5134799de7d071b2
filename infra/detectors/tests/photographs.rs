//! The models that `make models` makes, where it has made them: what ONNX Runtime and Pillow see, they see here.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::DynamicImage;
use labelcast_detectors::{Model, OnnxDetector};
use support::inference;

/// How far probabilities may be apart.
const TOLERANCE: f64 = 0.02;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

async fn made(name: &str) -> Option<OnnxDetector> {
    let directory = root().join("target/models").join(name);
    if !directory.is_dir() {
        eprintln!("{name} was not made: `make models` does");
        return None;
    }
    Some(OnnxDetector::load(Model::read(&directory).unwrap(), &inference()).await.unwrap())
}

fn photograph(name: &str) -> Arc<DynamicImage> {
    Arc::new(image::open(root().join(format!("tests/models/photographs/{name}.jpg"))).unwrap())
}

#[tokio::test]
async fn the_classifier_sees_what_it_sees_in_onnx_runtime() {
    let Some(detector) = made("efficientnet-lite0").await else { return };
    for (name, broader, class, probability) in [
        ("chelsea", Some(("cat", 0.922)), "tiger cat", 0.387),
        ("coffee", Some(("drink", 0.971)), "espresso", 0.957),
        ("rocket", Some(("rocket", 0.554)), "missile", 0.310),
    ] {
        let classes = detector.classes(photograph(name)).await.unwrap();
        assert_eq!(classes[0].0, class, "{name} {:?}", &classes[..3]);
        assert!((classes[0].1 - probability).abs() < TOLERANCE, "{name}: {:?}", classes[0]);
        let labels = detector.look(photograph(name)).await.unwrap().labels;
        if let Some((broader, probability)) = broader {
            let found = labels.iter().find(|label| label.name.as_str() == broader);
            let found = found.unwrap_or_else(|| panic!("{name}: {labels:?}")).confidence.percent() / 100.0;
            assert!((found - probability).abs() < TOLERANCE, "{name}: {broader} {found}");
        }
    }
}

#[tokio::test]
async fn nothing_explicit_is_seen_in_harmless_photographs() {
    let Some(detector) = made("open-nsfw").await else { return };
    for (name, probability) in [("chelsea", 0.000), ("coffee", 0.011), ("rocket", 0.001)] {
        assert!(detector.look(photograph(name)).await.unwrap().moderation.is_empty());
        let classes = detector.classes(photograph(name)).await.unwrap();
        let explicit = classes.iter().find(|(class, _)| class == "explicit").unwrap().1;
        assert!((explicit - probability).abs() < TOLERANCE, "{name}: {explicit}");
    }
}
