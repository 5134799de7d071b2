//! Models that are refused, each with a sentence that names file, field and cure.

mod support;

use support::onnx::{Network, Side};
use support::{Directory, NAMES, STEPS, colours};

#[tokio::test]
async fn what_is_missing_or_no_network_is_named() {
    let empty = Directory::new();
    assert!(empty.refusal().await.starts_with("model.onnx: there is no such file. Put the network there"));
    let text = Directory::of_colours().with("model.onnx", "not an ONNX at all");
    assert!(text.refusal().await.starts_with("model.onnx: rten cannot read it:"), "{}", text.refusal().await);
    let bare = Directory::of_colours().without("preprocessor_config.json");
    assert!(bare.refusal().await.contains("preprocessor_config.json: there is no such file, so nobody knows"));
    let unnamed = Directory::of_colours().without("config.json");
    assert!(unnamed.refusal().await.starts_with("config.json, `id2label`: the classes have no names"));
}

#[tokio::test]
async fn a_wrong_value_is_named_with_its_file_and_field() {
    for (file, content, words) in [
        (
            "detector.toml",
            "layout = \"NWHC\"",
            "detector.toml, `layout`: `NWHC` makes no sense here. Write \"NCHW\" or \"NHWC\"",
        ),
        ("detector.toml", "lables = \"x\"", "detector.toml, `lables`: there is no such field"),
        (
            "detector.toml",
            "threshold = 101",
            "detector.toml, `threshold`: `101` makes no sense here. Write a number from 0 to 100",
        ),
        ("detector.toml", "kind = ", "detector.toml: it cannot be read:"),
        ("detector.toml", "labels = \"../labels.tsv\"", "detector.toml, `labels`:"),
        ("detector.toml", "kind = \"moderation\"\n[moderation]\nred = \"Rude\"", "detector.toml, `moderation.red`:"),
        (
            "detector.toml",
            "kind = \"moderation\"\n[moderation]\npink = \"Explicit\"",
            "the model has no such class. Name classes as",
        ),
        ("detector.toml", "layout = \"NHWC\"", "detector.toml, `layout`: the network's input is ? × 3 × 4 × 4"),
        ("detector.toml", "activation = \"none\"", "detector.toml, `activation`: it answered"),
        (
            "config.json",
            "{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}",
            "config.json, `id2label`: `2` is no number from 0 to 1",
        ),
        (
            "config.json",
            "{\"id2label\": {\"0\": \"a\", \"1\": \"b\"}}",
            "config.json, `id2label`: it names 2 classes, and the network answers 3",
        ),
        ("config.json", "{\"problem_type\": \"regression\"}", "config.json, `problem_type`:"),
        ("config.json", "{", "config.json: it cannot be read:"),
        (
            "preprocessor_config.json",
            "{\"size\": \"big\"}",
            "preprocessor_config.json, `size`: `\"big\"` makes no sense here",
        ),
        (
            "preprocessor_config.json",
            "{\"size\": 8, \"do_normalize\": false}",
            "preprocessor_config.json, `size`: pictures come out 8 × 8",
        ),
        ("preprocessor_config.json", "{\"size\": 4}", "preprocessor_config.json, `image_mean`: it is missing"),
        (
            "preprocessor_config.json",
            "{\"size\": {\"shortest_edge\": 4}, \"do_normalize\": false}",
            "pictures of different shapes",
        ),
    ] {
        let refusal = Directory::of_colours().with(file, content).refusal().await;
        assert!(refusal.contains(words), "{file} {content}:\n{refusal}");
    }
}

#[tokio::test]
async fn a_network_that_takes_something_else_is_refused() {
    let of = |network: &Network| {
        Directory::new().with_network(network).with("config.json", NAMES).with("preprocessor_config.json", STEPS)
    };
    let bytes = of(&colours(Side::Any).with_input_type(2));
    assert!(bytes.refusal().await.contains("its input is not made of 32-bit floating-point numbers"));
    let four = of(&colours(Side::Fixed(4)));
    assert!(four.refusal().await.contains("4 × 3 × 4 × 4: a fixed number of pictures"));
}

#[tokio::test]
async fn what_is_not_a_number_is_no_answer() {
    let nan = Network::new(&[Side::Any, Side::Fixed(3), Side::Fixed(4), Side::Fixed(4)])
        .node("GlobalAveragePool", &["pixel_values"], "means", &[])
        .node("Flatten", &["means"], "flat", &[])
        .floats("nan", &[1], &[f32::NAN])
        .node("Mul", &["flat", "nan"], "logits", &[]);
    let refusal = Directory::of_colours().with_network(&nan).refusal().await;
    assert!(refusal.contains("it answered NaN for class 0"), "{refusal}");
}
