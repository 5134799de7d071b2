use image::{DynamicImage, Rgb, RgbImage, Rgba, RgbaImage};

use super::resize::by_shortest_edge;
use super::*;

fn exactly(width: u32, height: u32) -> Steps {
    let resize = Resize { to: Target::Exactly(Extent::new(width, height).unwrap()), filter: Resample::Bilinear };
    Steps::new(Some(resize), None, Normalization::NONE).unwrap()
}

#[test]
fn the_longer_side_is_rounded_to_the_nearest_pixel() {
    assert_eq!(by_shortest_edge(451, 300, 256), (385, 256));
    assert_eq!(by_shortest_edge(300, 451, 256), (256, 385));
    assert_eq!(by_shortest_edge(1, 4_000_000, 256), (256, 16_384), "a line is not made longer without bound");
}

#[test]
fn numbers_come_in_the_order_that_the_network_takes() {
    let picture: DynamicImage =
        RgbImage::from_fn(2, 1, |x, _| if x == 0 { Rgb([1, 2, 3]) } else { Rgb([4, 5, 6]) }).into();
    let numbers = |layout, channels| Tensor::of([&picture].into_iter(), &exactly(2, 1), layout, channels).numbers;
    assert_eq!(numbers(Layout::Nchw, Channels::Rgb), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(numbers(Layout::Nhwc, Channels::Rgb), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(numbers(Layout::Nhwc, Channels::Bgr), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
}

#[test]
fn a_number_is_scaled_then_less_the_mean_and_divided_by_the_deviation() {
    let normalization = Normalization::NONE.then([1.0 / 255.0; 3], [0.0; 3]).less([0.5; 3], [0.25; 3]);
    let table = normalization.table(0);
    assert!((table[0] + 2.0).abs() < 1e-6 && (table[255] - 2.0).abs() < 1e-6, "{} {}", table[0], table[255]);
}

#[test]
fn clear_parts_are_white_and_what_is_smaller_than_the_cut_gets_a_black_edge() {
    let clear: DynamicImage = RgbaImage::from_pixel(1, 1, Rgba([9, 9, 9, 0])).into();
    let size = Extent::new(3, 1).unwrap();
    let steps = Steps::new(None, Some(size), Normalization::NONE).unwrap();
    let seen = Tensor::of([&clear].into_iter(), &steps, Layout::Nchw, Channels::Rgb);
    assert_eq!((seen.shape, &seen.numbers[..3]), ([1, 3, 1, 3], &[0.0, 255.0, 0.0][..]));
}

#[test]
fn steps_after_which_sizes_differ_are_none() {
    let resize = Resize { to: Target::ShortestEdge(256), filter: Resample::Bicubic };
    assert_eq!(Steps::new(Some(resize), None, Normalization::NONE), None);
    assert_eq!(Extent::new(0, 5), None);
    assert_eq!(Extent::new(5, 4_097), None);
}
