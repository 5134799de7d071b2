use super::*;

const RED: [u8; 3] = [220, 20, 30];
const BLUE: [u8; 3] = [20, 40, 200];

/// 100 x 100 pixels: the first `rows` in one colour, the others in another.
fn halves(rows: u32, first: [u8; 3], second: [u8; 3]) -> Pixels {
    Pixels::of(&RgbaImage::from_fn(100, 100, |_, y| {
        let [red, green, blue] = if y < rows { first } else { second };
        Rgba([red, green, blue, 255])
    }))
}

fn labels(pixels: &Pixels) -> Vec<(&'static str, f64)> {
    pixels.labels().into_iter().map(|(name, confidence)| (name, confidence.percent())).collect()
}

#[test]
fn colours_come_most_frequent_first_with_their_mean_and_share() {
    let colors = halves(30, RED, BLUE).dominant();
    let found: Vec<_> = colors.iter().map(|c| (c.name.as_str(), c.hex.as_str(), c.percent.percent())).collect();
    assert_eq!(found, [("blue", "#1428c8", 70.0), ("red", "#dc141e", 30.0)]);
}

#[test]
fn a_colour_filling_the_picture_gets_full_confidence() {
    assert_eq!(labels(&halves(100, RED, BLUE)), [("red", 100.0)]);
}

#[test]
fn a_quarter_of_the_picture_gives_a_confidence_of_85() {
    let found = labels(&halves(25, RED, BLUE));
    assert!(found[1].0 == "red" && (85.0..86.0).contains(&found[1].1), "{found:?}");
}

#[test]
fn below_a_quarter_the_confidence_is_lower_and_below_15_percent_there_is_no_label() {
    let found = labels(&halves(15, RED, BLUE));
    assert!(found[1].0 == "red" && found[1].1 < 85.0, "{found:?}");
    assert_eq!(labels(&halves(14, RED, BLUE)).len(), 1);
}

#[test]
fn a_colour_between_two_names_is_less_sure() {
    // Turquoise: just where green becomes blue.
    let between = Pixels::of(&RgbaImage::from_pixel(10, 10, Rgba([72, 209, 204, 255])));
    let found = labels(&between);
    assert!(found[0].1 < 85.0, "{found:?}");
}

#[test]
fn black_and_white_is_monochrome_unless_a_single_thing_is_coloured() {
    let name = |pixels: &Pixels| pixels.monochrome().map(|(name, confidence)| (name, confidence.percent()));
    assert_eq!(name(&halves(50, [0; 3], [200; 3])), Some((MONOCHROME, 100.0)));
    assert_eq!(name(&halves(1, RED, [200; 3])), Some((MONOCHROME, 85.0)));
    assert_eq!(name(&halves(2, RED, [200; 3])), None);
    assert_eq!(name(&halves(50, RED, BLUE)), None);
}

#[test]
fn transparent_areas_have_no_colour() {
    let clear = Pixels::of(&RgbaImage::from_pixel(10, 10, Rgba([255, 0, 0, 0])));
    assert!(clear.dominant().is_empty() && clear.labels().is_empty() && clear.monochrome().is_none());
}
