use image::metadata::Orientation;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::{Png, PngChunk};
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::{CHUNK_ANMF, CHUNK_VP8X, CHUNK_XMP, WebP};
use img_parts::{Bytes, DynImage, ImageEXIF, ImageICC};
use proptest::prelude::*;

use crate::imaging::samples::{self, Sample, probe, without_private_metadata};
use crate::imaging::{Rejection, decode};
use crate::model::ImageType;

/// The sample with a secret in every place that private things are kept in, and the things to keep: a colour profile
/// and an orientation.
fn with_secret(sample: &Sample, orientation: u8, secret: &str) -> Vec<u8> {
    let mut container = DynImage::from_bytes(sample.bytes.clone().into()).unwrap().unwrap();
    container.set_icc_profile(Some([&samples::icc_profile(), secret.as_bytes()].concat().into()));
    container.set_exif(Some(samples::exif(orientation, secret)));
    let bytes = container.encoder().bytes();
    match sample.content_type {
        ImageType::Jpeg => jpeg_with_secret(bytes, secret),
        ImageType::Png => png_with_secret(bytes, secret),
        ImageType::WebP => webp_with_secret(bytes, secret),
    }
}

fn jpeg_with_secret(bytes: Bytes, secret: &str) -> Vec<u8> {
    let segment =
        |marker, before: &[u8]| JpegSegment::new_with_contents(marker, [before, secret.as_bytes()].concat().into());
    let mut jpeg = Jpeg::from_bytes(bytes).unwrap();
    jpeg.segments_mut().retain(|segment| segment.marker() != markers::APP0);
    let planted = [
        segment(markers::APP0, b"JFIF\0\x01\x02\0\0\x01\0\x01\x02\x02"),
        segment(markers::APP0, b"JFXX\0\x10"),
        segment(markers::APP1, b"http://ns.adobe.com/xap/1.0/\0"),
        segment(markers::APP2, b"MPF\0"),
        segment(markers::APP5, b"maker"),
        segment(markers::APP11, b"JP"),
        segment(markers::APP13, b"Photoshop 3.0\x008BIM\x04\x04"),
        segment(markers::JPG0, b""),
        segment(markers::COM, b""),
    ];
    jpeg.segments_mut().splice(0..0, planted);
    let mut bytes: Vec<u8> = jpeg.encoder().bytes().into();

    // Before the last scan: in a progressive picture that is between scans.
    let comment = segment(markers::COM, b"").encoder().bytes();
    let scan = bytes.windows(2).rposition(|pair| pair == [markers::P, markers::SOS]).unwrap();
    bytes.splice(scan..scan, comment.iter().copied());
    // After the end: a preview and a film.
    bytes.extend_from_slice(&samples::jpeg(8, 8));
    bytes.extend_from_slice(secret.as_bytes());
    bytes
}

fn png_with_secret(bytes: Bytes, secret: &str) -> Vec<u8> {
    let chunk = |kind: &[u8; 4], before: &[u8]| PngChunk::new(*kind, [before, secret.as_bytes()].concat().into());
    let mut png = Png::from_bytes(bytes).unwrap();
    // The profile's chunk has a name, which tells something too.
    let profile = png.chunks_mut().iter_mut().find(|chunk| chunk.kind() == *b"iCCP").unwrap();
    let packed = &profile.contents()[3..];
    *profile = PngChunk::new(*b"iCCP", [secret.as_bytes(), packed].concat().into());
    let planted = [
        chunk(b"tEXt", b"Author\0"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0"),
        chunk(b"zTXt", b"Comment\0\0"),
        chunk(b"prVt", b""),
    ];
    png.chunks_mut().splice(1..1, planted);
    let end = png.chunks().len() - 1;
    png.chunks_mut().insert(end, chunk(b"tEXt", b"Comment\0"));
    let mut bytes: Vec<u8> = png.encoder().bytes().into();
    bytes.extend_from_slice(secret.as_bytes());
    bytes
}

fn webp_with_secret(bytes: Bytes, secret: &str) -> Vec<u8> {
    let chunk = |id, secret: &str| RiffChunk::new(id, RiffContent::Data(secret.to_owned().into()));
    let mut webp = WebP::from_bytes(bytes).unwrap();
    for part in webp.chunks_mut() {
        let is_frame = part.id() == CHUNK_ANMF;
        let is_header = part.id() == CHUNK_VP8X;
        let RiffContent::Data(data) = part.content_mut() else { continue };
        if is_frame {
            let unknown = chunk(*b"prvt", secret).encoder().bytes();
            *data = [data.as_ref(), &unknown].concat().into();
        }
        if is_header {
            let mut flagged = data.to_vec();
            flagged[0] |= 0b100; // there is XMP
            *data = flagged.into();
        }
    }
    webp.chunks_mut().push(chunk(CHUNK_XMP, secret));
    webp.chunks_mut().push(chunk(*b"prvt", secret));
    let mut bytes: Vec<u8> = webp.encoder().bytes().into();
    bytes.extend_from_slice(secret.as_bytes());
    bytes
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// What must be true of every cleaned picture.
fn check(sample: &Sample, orientation: u8, secret: &str) {
    let name = sample.name;
    let before = with_secret(sample, orientation, secret);
    assert!(holds(&before, secret), "{name}: the test plants its secret");
    let found = probe(&before).unwrap_or_else(|rejection| panic!("{name}: {rejection}"));
    assert_eq!(found.orientation.to_exif(), orientation, "{name}");

    let after = without_private_metadata(&before, found.content_type, found.orientation).unwrap();
    assert!(!holds(&after, secret), "{name}: the secret got through");
    assert_eq!(probe(&after), Ok(found), "{name}: type, size, orientation");
    assert!(decode(&after, &found, u32::MAX).is_ok(), "{name}: pixels");
    assert_eq!(
        image::load_from_memory(&after).unwrap(),
        image::load_from_memory(&sample.bytes).unwrap(),
        "{name}: pixels, to another decoder"
    );
    let container = DynImage::from_bytes(after.clone().into()).unwrap().unwrap();
    assert_eq!(container.icc_profile(), Some(samples::icc_profile()), "{name}: colour profile");
    assert_eq!(without_private_metadata(&after, found.content_type, found.orientation), Ok(after), "{name}: settled");
}

#[test]
fn a_stripped_picture_looks_the_same_and_reveals_nothing() {
    for sample in samples::all() {
        for orientation in 1..=8 {
            check(&sample, orientation, "52.3702N 4.8952E");
        }
    }
}

#[test]
fn a_picture_without_metadata_is_left_unchanged() {
    for sample in samples::all() {
        let after = without_private_metadata(&sample.bytes, sample.content_type, Orientation::NoTransforms).unwrap();
        let container = DynImage::from_bytes(after.into()).unwrap().unwrap();
        assert_eq!(container.exif(), None, "{}", sample.name);
        assert_eq!(container.icc_profile(), None, "{}", sample.name);
    }
}

#[test]
fn only_the_analyzed_frame_of_an_animation_is_kept() {
    let webp = without_private_metadata(samples::ANIMATED_WEBP, ImageType::WebP, Orientation::NoTransforms).unwrap();
    let webp = WebP::from_bytes(webp.into()).unwrap();
    assert_eq!(webp.chunks_by_id(CHUNK_ANMF).count(), 1);

    let png = without_private_metadata(samples::ANIMATED_PNG, ImageType::Png, Orientation::NoTransforms).unwrap();
    let png = Png::from_bytes(png.into()).unwrap();
    let kinds: Vec<_> = png.chunks().iter().map(PngChunk::kind).collect();
    assert_eq!(kinds, [*b"IHDR", *b"PLTE", *b"IDAT", *b"IEND"]);
}

#[test]
fn a_webp_larger_inside_than_it_declares_is_rejected() {
    let mut webp = WebP::from_bytes(samples::LOSSY_WEBP.into()).unwrap();
    let header = RiffContent::Data(Bytes::from_static(&[0, 0, 0, 0, 99, 0, 0, 99, 0, 0]));
    webp.chunks_mut().insert(0, RiffChunk::new(CHUNK_VP8X, header));
    let bytes = webp.encoder().bytes();
    let cleaned = without_private_metadata(&bytes, ImageType::WebP, Orientation::NoTransforms);
    assert_eq!(cleaned, Err(Rejection::Damaged));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_planted_string_survives_stripping(
        which in 0..samples::all().len(),
        orientation in 1u8..=8,
        secret in "[ -~]{12,60}",
    ) {
        check(&samples::all()[which], orientation, &secret);
    }
}
