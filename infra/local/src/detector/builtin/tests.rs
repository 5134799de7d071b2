//! Whole pictures, from bytes to detection.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::WebP;
use proptest::prelude::*;

use super::*;

const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];

fn encode(picture: &RgbaImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = DynamicImage::from(picture.clone());
    let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
    picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

fn plain(width: u32, height: u32, color: [u8; 3]) -> RgbaImage {
    let [red, green, blue] = color;
    RgbaImage::from_pixel(width, height, Rgba([red, green, blue, 255]))
}

fn xmp(keywords: &[&str], more: &str) -> Vec<u8> {
    let items: Vec<_> = keywords.iter().map(|keyword| format!("<rdf:li>{keyword}</rdf:li>")).collect();
    let items = items.concat();
    format!(
        r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" {more}>
        <dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>"#
    )
    .into_bytes()
}

fn with_jpeg_segment(bytes: Vec<u8>, marker: u8, contents: Vec<u8>) -> Vec<u8> {
    let mut jpeg = Jpeg::from_bytes(bytes.into()).unwrap();
    jpeg.segments_mut().insert(1, JpegSegment::new_with_contents(marker, contents.into()));
    jpeg.encoder().bytes().to_vec()
}

/// A picture of this format that carries this XMP.
fn with_xmp(picture: &RgbaImage, format: ImageFormat, packet: &[u8]) -> Vec<u8> {
    let bytes = encode(picture, format);
    match format {
        ImageFormat::Jpeg => {
            let contents = [b"http://ns.adobe.com/xap/1.0/\0".as_slice(), packet].concat();
            with_jpeg_segment(bytes, markers::APP1, contents)
        }
        ImageFormat::Png => {
            let mut png = Png::from_bytes(bytes.into()).unwrap();
            let contents = [b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), packet].concat();
            png.chunks_mut().insert(1, PngChunk::new(*b"iTXt", contents.into()));
            png.encoder().bytes().to_vec()
        }
        _ => {
            let mut webp = WebP::from_bytes(bytes.into()).unwrap();
            let chunk = RiffChunk::new(*b"XMP ", RiffContent::Data(packet.to_vec().into()));
            webp.chunks_mut().push(chunk);
            webp.encoder().bytes().to_vec()
        }
    }
}

fn names(detection: &Detection) -> Vec<&str> {
    detection.labels.iter().map(|label| label.name.as_str()).collect()
}

#[test]
fn keywords_come_first_then_shape_then_light_then_colours_in_every_format() {
    for format in FORMATS {
        let bytes = with_xmp(&plain(300, 200, [250, 30, 30]), format, &xmp(&["Barn", "Old Door"], ""));
        let detection = detect(&bytes).unwrap();
        assert_eq!(names(&detection), ["barn", "old door", "landscape", "red"], "{format:?}");
        assert_eq!(detection.labels[0].confidence, Confidence::FULL);
        assert!(detection.moderation.is_empty());
        assert_eq!(detection.colors[0].name, "red");
    }
}

#[test]
fn a_keyword_also_found_in_the_pixels_appears_once() {
    let bytes = with_xmp(&plain(200, 200, [250, 30, 30]), ImageFormat::Png, &xmp(&["red", "square"], ""));
    assert_eq!(names(&detect(&bytes).unwrap()), ["red", "square"]);
}

#[test]
fn an_adult_content_warning_and_a_taxonomy_keyword_are_moderation_labels() {
    let packet = xmp(&["Weapons"], r#"plus:AdultContentWarning="http://ns.useplus.org/ldf/vocab/CW-AWR""#);
    for format in FORMATS {
        let detection = detect(&with_xmp(&plain(200, 200, [9, 200, 9]), format, &packet)).unwrap();
        let hits: Vec<_> = detection.moderation.iter().map(|hit| (hit.name.as_str(), hit.parent.as_str())).collect();
        assert_eq!(hits, [("Explicit", ""), ("Violence", ""), ("Weapons", "Violence")], "{format:?}");
        assert_eq!(names(&detection)[0], "weapons");
    }
}

#[test]
fn the_keyword_offensive_is_a_label_and_not_a_flag() {
    let bytes = with_xmp(&plain(200, 200, [9, 200, 9]), ImageFormat::Jpeg, &xmp(&["offensive"], ""));
    let detection = detect(&bytes).unwrap();
    assert_eq!(names(&detection)[0], "offensive");
    assert!(detection.moderation.is_empty());
}

#[test]
fn iptc_keywords_of_a_jpeg_are_labels() {
    let resource = [b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08".as_slice(), b"\x1c\x02\x19\0\x03dog"].concat();
    let bytes = with_jpeg_segment(encode(&plain(200, 200, [9, 9, 200]), ImageFormat::Jpeg), markers::APP13, resource);
    assert_eq!(names(&detect(&bytes).unwrap())[0], "dog");
}

#[test]
fn a_rotated_picture_is_judged_upright() {
    // EXIF, little-endian, one entry: orientation (0x0112) 6, to be turned by 90 degrees.
    let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let lying = encode(&plain(300, 200, [250, 30, 30]), ImageFormat::Jpeg);
    assert_eq!(names(&detect(&lying).unwrap()), ["landscape", "red"]);
    let turned = with_jpeg_segment(lying, markers::APP1, exif.to_vec());
    assert_eq!(names(&detect(&turned).unwrap()), ["portrait", "red"]);
}

#[test]
fn a_sharp_black_and_white_drawing_is_labelled_as_such() {
    let drawing = RgbaImage::from_fn(200, 200, |x, y| match (x / 20 + y / 20) % 3 {
        0 => Rgba([0, 0, 0, 255]),
        1 => Rgba([255, 255, 255, 255]),
        _ => Rgba([255, 255, 255, 0]),
    });
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let found = detect(&encode(&drawing, format)).unwrap();
        assert_eq!(names(&found)[..4], ["square", "sharp", "monochrome", "transparent"], "{format:?}");
    }
}

#[test]
fn unreadable_metadata_does_not_affect_other_labels() {
    for broken in [b"<x:xmpmeta <<<".as_slice(), b"\xff\xfe\0\0", b"", &vec![b'<'; 60_000]] {
        for format in FORMATS {
            let bytes = with_xmp(&plain(300, 200, [250, 30, 30]), format, broken);
            assert_eq!(names(&detect(&bytes).unwrap()), ["landscape", "red"], "{format:?}");
        }
    }
}

#[test]
fn a_png_with_a_damaged_text_and_without_its_end_marker_keeps_its_other_keywords() {
    let bytes = with_xmp(&plain(200, 200, [9, 200, 9]), ImageFormat::Png, &xmp(&["dog"], ""));
    let mut png = Png::from_bytes(bytes.into()).unwrap();
    png.chunks_mut().insert(1, PngChunk::new(*b"tEXt", b"Keywords\0broken".as_slice().into()));
    png.chunks_mut().pop();
    let mut bytes = png.encoder().bytes().to_vec();
    let text = bytes.windows(6).position(|window| window == b"broken").unwrap();
    bytes[text] ^= 1;
    assert_eq!(names(&detect(&bytes).unwrap()), ["dog", "square", "green"]);
}

#[test]
fn anything_but_a_picture_is_an_error() {
    for bytes in [b"".as_slice(), b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"RIFF\x04\0\0\0WEBP"] {
        assert!(matches!(detect(bytes), Err(Rejection::NotAPicture | Rejection::Damaged)));
    }
}

#[test]
fn a_picture_claiming_to_be_enormous_is_refused_before_decoding() {
    let mut png = Png::from_bytes(encode(&plain(8, 8, [1, 2, 3]), ImageFormat::Png).into()).unwrap();
    let mut header = png.chunks()[0].contents().to_vec();
    header[..4].copy_from_slice(&9_000_u32.to_be_bytes());
    header[4..8].copy_from_slice(&9_000_u32.to_be_bytes());
    png.chunks_mut()[0] = PngChunk::new(*b"IHDR", header.clone().into());
    assert!(matches!(detect(&png.clone().encoder().bytes()), Err(Rejection::TooManyPixels { width: 9_000, .. })));
    header[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    png.chunks_mut()[0] = PngChunk::new(*b"IHDR", header.into());
    assert!(detect(&png.encoder().bytes()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn truncated_or_modified_bytes_never_cause_a_panic(
        format in 0_usize..3,
        cut in 0.0_f64..=1.0,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
    ) {
        let mut bytes = with_xmp(&plain(96, 80, [9, 200, 9]), FORMATS[format], &xmp(&["dog"], ""));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a share of a small length")]
        bytes.truncate((bytes.len() as f64 * (0.3 + cut)) as usize);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = detect(&bytes);
    }
}
