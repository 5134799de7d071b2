//! Whole and cut pictures, made here.

use image::codecs::jpeg::JpegEncoder;
use img_parts::jpeg::{Jpeg, JpegSegment};

use super::*;
use crate::imaging::samples;

/// Cleans, which is where pictures are gone through.
fn cleaned(bytes: &[u8]) -> Result<Vec<u8>, Rejection> {
    samples::without_private_metadata(bytes, crate::model::ImageType::Jpeg, image::metadata::Orientation::NoTransforms)
}

fn with_height(bytes: &[u8], height: u16) -> Vec<u8> {
    let mut jpeg = Jpeg::from_bytes(bytes.to_vec().into()).unwrap();
    for segment in jpeg.segments_mut() {
        if matches!(segment.marker(), markers::SOF0..=markers::SOF2) {
            let mut contents = segment.contents().to_vec();
            contents[1..3].copy_from_slice(&height.to_be_bytes());
            *segment = JpegSegment::new_with_contents(segment.marker(), contents.into());
        }
    }
    jpeg.encoder().bytes().into()
}

#[test]
fn fewer_blocks_than_announced_are_rejected() {
    for bytes in [samples::jpeg(96, 80), samples::PROGRESSIVE_JPEG.to_vec()] {
        assert!(cleaned(&bytes).is_ok());
        assert_eq!(cleaned(&with_height(&bytes, 96)), Err(Rejection::Damaged));
        assert_eq!(cleaned(&with_height(&bytes, 800)), Err(Rejection::Damaged));
    }
}

#[test]
fn a_progressive_jpeg_without_its_last_scan_is_incomplete() {
    let bytes = samples::PROGRESSIVE_JPEG;
    let scan = bytes.windows(2).rposition(|pair| pair == [markers::P, markers::SOS]).unwrap();
    let cut = [&bytes[..scan], &[markers::P, markers::EOI]].concat();
    assert_eq!(cleaned(&cut), Err(Rejection::Damaged));
}

#[test]
fn anything_after_the_last_block_is_dropped() {
    let whole = cleaned(&samples::jpeg(96, 80)).unwrap();
    let data = &whole[..whole.len() - 2];
    for trailer in [&b""[..], b"\xff\xd9", b"\xff\xff\xd9", b"\0\0\0\0", b"abcdefgh\xff\xd9", b"\xff\xd9more", b"\xff"]
    {
        assert_eq!(cleaned(&[data, trailer].concat()).as_ref(), Ok(&whole), "{trailer:?}");
    }
}

#[test]
fn a_motion_jpeg_frame_uses_the_standard_tables() {
    // The encoder writes just these.
    let whole = samples::jpeg(96, 80);
    let mut jpeg = Jpeg::from_bytes(whole.clone().into()).unwrap();
    jpeg.remove_segments_by_marker(markers::DHT);
    let bare = cleaned(&jpeg.encoder().bytes()).unwrap();
    assert_eq!(image::load_from_memory(&bare).unwrap(), image::load_from_memory(&whole).unwrap());
}

#[test]
fn a_12_bit_picture_is_not_reported_as_damaged() {
    let mut jpeg = Jpeg::from_bytes(samples::jpeg(96, 80).into()).unwrap();
    for segment in jpeg.segments_mut() {
        if segment.marker() == markers::SOF0 {
            let mut contents = segment.contents().to_vec();
            contents[0] = 12;
            *segment = JpegSegment::new_with_contents(markers::SOF1, contents.into());
        }
    }
    assert_eq!(cleaned(&jpeg.encoder().bytes()), Err(Rejection::Unsupported));
}

/// Noise, so that codes of every length occur.
fn noise(quality: u8) -> Vec<u8> {
    let mut state = 1_u32;
    let picture = image::RgbImage::from_fn(200, 120, |_, _| {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        image::Rgb([next(), next(), next()])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(&picture).unwrap();
    bytes
}

#[test]
fn every_truncation_of_a_noisy_picture_is_detected() {
    for quality in [30, 100] {
        let bytes = noise(quality);
        let whole = cleaned(&bytes).unwrap();
        let data = &whole[..whole.len() - 2];
        for length in data.len() - 300..data.len() {
            let closed = [&data[..length], &[markers::P, markers::EOI]].concat();
            assert_eq!(cleaned(&closed), Err(Rejection::Damaged), "{length} of {}", data.len());
        }
    }
}
