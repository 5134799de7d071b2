//! Identifies a file by its first bytes and headers, before anything is decoded.

use image::metadata::Orientation;
use img_parts::jpeg::markers;
use img_parts::webp::{CHUNK_ALPH, CHUNK_ANMF, CHUNK_VP8L};

use super::container::{Container, JpegFile, Pixels, PngFile, WebPFile};
use super::memory::WebPKind;
use super::{Rejection, exif, memory, vp8l};
use crate::model::ImageType;

/// What a file says that it is, checked against the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Told from the bytes, never from a name or a claim.
    pub content_type: ImageType,
    /// In pixels, as seen (after orientation).
    pub width: u32,
    /// In pixels, as seen (after orientation).
    pub height: u32,
    /// How the stored pixels must be turned to be seen the right way up.
    pub orientation: Orientation,
    /// The most bytes that are in use at once while it is cleaned and decoded, beside those of the file.
    pub(super) decoding: u64,
}

impl Probe {
    /// The most bytes that looking at the picture takes, for a file of this size, but for what its parts take.
    pub(super) fn memory(&self, file_size: u64, longest: u32) -> u64 {
        memory::of(file_size, self.decoding, self.stored_size(), longest)
    }

    /// Width and height of the pixels as they are stored.
    pub(super) const fn stored_size(&self) -> (u32, u32) {
        if exif::swaps_sides(self.orientation) { (self.height, self.width) } else { (self.width, self.height) }
    }
}

/// Reads size and orientation, and checks the size against the bounds, without decoding or unpacking anything.
pub(super) fn probe(content_type: ImageType, container: &Container) -> Result<Probe, Rejection> {
    let Header { size: (width, height), decoding } = match container {
        Container::Jpeg(file) => jpeg_header(file)?,
        Container::Png(file) => png_header(file)?,
        Container::WebP(file) => webp_header(file)?,
    };
    let orientation = container.exif().and_then(|block| Orientation::from_exif_chunk(&block));
    let orientation = orientation.unwrap_or(Orientation::NoTransforms);
    let (width, height) = if exif::swaps_sides(orientation) { (height, width) } else { (width, height) };
    Ok(Probe { content_type, width, height, orientation, decoding })
}

/// What the headers of a file say.
struct Header {
    /// As stored, within the bounds.
    size: (u32, u32),
    decoding: u64,
}

fn jpeg_header(file: &JpegFile) -> Result<Header, Rejection> {
    let size = file.size().ok_or(Rejection::Damaged)?;
    Rejection::of_size(size.0, size.1)?;
    let frame = file.segments().iter().find(|segment| matches!(segment.marker(), markers::SOF0..=markers::SOF2));
    // Neither baseline nor progressive: lossless or arithmetic-coded.
    let frame = frame.ok_or(Rejection::Unsupported)?;
    let scan = file.segments().last().filter(|segment| segment.marker() == markers::SOS).ok_or(Rejection::Damaged)?;
    let progressive = frame.marker() == markers::SOF2;
    let decoding = memory::of_jpeg(size, progressive, frame.contents(), scan.contents()).ok_or(Rejection::Damaged)?;
    Ok(Header { size, decoding })
}

fn png_header(file: &PngFile) -> Result<Header, Rejection> {
    let chunks = file.chunks();
    // Apple's form for its own telephones: no other program reads it.
    if chunks.first().is_some_and(|chunk| chunk.kind() == *b"CgBI") {
        return Err(Rejection::Unsupported);
    }
    let header = chunks.first().filter(|chunk| chunk.kind() == *b"IHDR").ok_or(Rejection::Damaged)?;
    let &[w1, w2, w3, w4, h1, h2, h3, h4, _depth, kind, _, _, interlace] = &header.contents()[..] else {
        return Err(Rejection::Damaged);
    };
    let size = (u32::from_be_bytes([w1, w2, w3, w4]), u32::from_be_bytes([h1, h2, h3, h4]));
    if size.0 == 0 || size.1 == 0 {
        return Err(Rejection::Damaged);
    }
    Rejection::of_size(size.0, size.1)?;
    let transparent = chunks.iter().any(|chunk| chunk.kind() == *b"tRNS");
    Ok(Header { size, decoding: memory::of_png(size, kind, transparent, interlace != 0) })
}

fn webp_header(file: &WebPFile) -> Result<Header, Rejection> {
    let kind = if file.has_chunk(CHUNK_ANMF) {
        WebPKind::Animated
    } else if file.has_chunk(CHUNK_VP8L) {
        WebPKind::Lossless
    } else if file.has_chunk(CHUNK_ALPH) {
        WebPKind::LossyWithAlpha
    } else {
        WebPKind::Lossy
    };
    let size = file.size();
    Ok(Header { size, decoding: memory::of_webp(size, &kind) + webp_codes(file.pixels())? })
}

/// What the codes of a WebP take, beside its pixels.
fn webp_codes(Pixels { size, chunks }: &Pixels) -> Result<u64, Rejection> {
    let mut memory = 0;
    for chunk in chunks {
        let data = chunk.content().data().ok_or(Rejection::Damaged)?;
        let groups = match chunk.id() {
            CHUNK_VP8L => vp8l::of_picture(data),
            CHUNK_ALPH => vp8l::of_alpha(data, *size),
            _ => continue,
        };
        memory += groups.map_err(|vp8l::Broken| Rejection::Damaged)?.memory();
    }
    Ok(memory)
}

/// Magic bytes: JPEG (ITU T.81 §B.1.1.3), PNG (PNG 3rd edition §5.2), WebP (RFC 9649 §2.4).
pub(super) fn type_of(bytes: &[u8]) -> Option<ImageType> {
    if bytes.starts_with(b"\xff\xd8\xff") {
        Some(ImageType::Jpeg)
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageType::Png)
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some(ImageType::WebP)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use img_parts::jpeg::{Jpeg, JpegSegment};
    use img_parts::png::{Png, PngChunk};
    use img_parts::{DynImage, ImageEXIF};

    use super::*;
    use crate::imaging::PictureFile;
    use crate::imaging::samples::{self, probe};

    fn oriented(bytes: Vec<u8>, orientation: u8) -> Vec<u8> {
        let mut container = DynImage::from_bytes(bytes.into()).unwrap().unwrap();
        container.set_exif(Some(samples::exif(orientation, "holiday")));
        container.encoder().bytes().into()
    }

    /// A PNG whose header claims a size; nothing else of it is right.
    fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
        let mut png = Png::from_bytes(samples::png(80, 80).into()).unwrap();
        let mut header = png.chunks()[0].contents().to_vec();
        header[..4].copy_from_slice(&width.to_be_bytes());
        header[4..8].copy_from_slice(&height.to_be_bytes());
        png.chunks_mut()[0] = PngChunk::new(*b"IHDR", header.into());
        png.encoder().bytes().into()
    }

    #[test]
    fn the_format_is_detected_from_the_bytes() {
        for sample in samples::all() {
            let found = probe(&sample.bytes).unwrap_or_else(|rejection| panic!("{}: {rejection}", sample.name));
            assert_eq!(found.content_type, sample.content_type, "{}", sample.name);
            assert_eq!((found.width, found.height), (96, 80), "{}", sample.name);
            assert_eq!(found.orientation, Orientation::NoTransforms, "{}", sample.name);
        }
    }

    #[test]
    fn dimensions_respect_the_orientation() {
        for sample in samples::all() {
            let turned = probe(&oriented(sample.bytes.clone(), 6)).unwrap();
            assert_eq!(turned.orientation, Orientation::Rotate90, "{}", sample.name);
            assert_eq!((turned.width, turned.height), (80, 96), "{}", sample.name);
            let upside_down = probe(&oriented(sample.bytes, 3)).unwrap();
            assert_eq!((upside_down.width, upside_down.height), (96, 80), "{}", sample.name);
        }
    }

    #[test]
    fn anything_but_jpeg_png_and_webp_is_rejected() {
        for bytes in [
            b"".as_slice(),
            b"GIF89a\x60\0\x50\0",
            b"%PDF-1.7",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"RIFF\x04\0\0\0WAVE",
            b"MZ\x90\0",
        ] {
            assert_eq!(probe(bytes), Err(Rejection::NotAPicture));
        }
        for bytes in [b"\xff\xd8\xff".as_slice(), b"\x89PNG\r\n\x1a\n", b"RIFF\x04\0\0\0WEBP"] {
            assert_eq!(probe(bytes), Err(Rejection::Damaged));
        }
    }

    #[test]
    fn each_side_must_have_80_to_10000_pixels() {
        assert!(probe(&samples::png(80, 80)).is_ok());
        assert_eq!(probe(&samples::jpeg(79, 500)), Err(Rejection::TooSmall { width: 79, height: 500 }));
        assert_eq!(probe(&samples::png(500, 79)), Err(Rejection::TooSmall { width: 500, height: 79 }));
        assert!(probe(&png_that_claims(10_000, 80)).is_ok());
        assert_eq!(probe(&png_that_claims(80, 10_001)), Err(Rejection::TooLarge { width: 80, height: 10_001 }));
    }

    #[test]
    fn decompression_bombs_are_rejected_by_their_headers() {
        assert!(probe(&png_that_claims(8_000, 8_000)).is_ok());
        assert_eq!(
            probe(&png_that_claims(8_001, 8_000)),
            Err(Rejection::TooManyPixels { width: 8_001, height: 8_000 })
        );
        assert_eq!(
            probe(&png_that_claims(0x7fff_ffff, 0x7fff_ffff)),
            Err(Rejection::TooLarge { width: 0x7fff_ffff, height: 0x7fff_ffff })
        );
    }

    #[test]
    fn a_file_of_very_many_chunks_is_charged_for_them() {
        const PARTS: usize = 100_000;
        let comment = [markers::P, markers::COM, 0, 2];
        let mut jpeg = samples::jpeg(96, 80);
        jpeg.splice(2..2, comment.repeat(PARTS));
        let mut png = samples::png(96, 80);
        png.splice(33..33, b"\0\0\0\0IDAT\x35\xaf\x06\x1e".repeat(PARTS));
        for (plain, many) in [(samples::jpeg(96, 80), jpeg), (samples::png(96, 80), png)] {
            let [plain, many] = [plain, many].map(|bytes| PictureFile::read(bytes.into()).unwrap());
            let more_bytes = (many.bytes().len() - plain.bytes().len()) as u64;
            assert!(many.memory(800) - plain.memory(800) >= more_bytes + 200 * PARTS as u64);
        }
    }

    #[test]
    fn an_arithmetic_coded_jpeg_is_not_reported_as_damaged() {
        let mut jpeg = Jpeg::from_bytes(samples::jpeg(96, 80).into()).unwrap();
        let frame = jpeg.segments_mut().iter_mut().find(|segment| segment.marker() == markers::SOF0).unwrap();
        *frame = JpegSegment::new_with_contents(markers::SOF9, frame.contents().clone());
        assert_eq!(probe(&jpeg.encoder().bytes()), Err(Rejection::Unsupported));
    }
}
