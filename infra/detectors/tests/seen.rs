//! What models say of pictures: networks of a few numbers, so that the right answer is known.

mod support;

use labelcast_detectors::{Kind, State};
use support::{Directory, plain};

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
