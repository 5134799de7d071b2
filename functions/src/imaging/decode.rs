//! From bytes to pixels, which proves that a file is whole.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageReader, Limits, RgbImage};
use png::Transformations;
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::jpeg::MAX_SCANS;
use super::reduce::{Channels, Reducer, factor, reduced};
use super::{Probe, Rejection};
use crate::model::ImageType;

/// What the decoder of PNG may allocate beside the rows that it returns, in bytes: rows of an interlaced picture's passes,
/// and a colour profile, which was bounded before.
const BESIDE_ROWS: usize = 16 << 20;
/// What the decoder of WebP may allocate beside the pixels that it returns, in bytes.
const BESIDE_PIXELS: u64 = 64 << 20;
/// The most bytes of a pixel of WebP.
const BYTES_PER_PIXEL: u64 = 4;

/// Decodes a picture that [`super::PictureFile::without_private_metadata`] has cleaned, as it is stored: not yet turned the right way
/// up, 8 bits a channel. Of an animated one, the first frame.
///
/// A large picture comes out smaller, by a whole number if it can be done while decoding; its longer side has still
/// `longest` pixels or more. A file that is cut off or corrupt is refused, not filled up with grey.
pub fn decode(cleaned: &[u8], probe: &Probe, longest: u32) -> Result<DynamicImage, Rejection> {
    match probe.content_type {
        ImageType::Jpeg => decode_jpeg(cleaned, probe).map(|image| reduced(image, longest)),
        ImageType::Png => decode_png(cleaned, probe, longest),
        ImageType::WebP => decode_webp(cleaned, probe).map(|image| reduced(image, longest)),
    }
}

fn decode_jpeg(bytes: &[u8], probe: &Probe) -> Result<DynamicImage, Rejection> {
    let (width, height) = probe.stored_size();
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .jpeg_set_max_scans(MAX_SCANS + 1);
    let rejection = |error: DecodeErrors| match error {
        DecodeErrors::Unsupported(_) => Rejection::Unsupported,
        _ => Rejection::Damaged,
    };
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(rejection)?;
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colors = if gray { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(colors));
    let pixels = decoder.decode().map_err(rejection)?;
    let image = if gray {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    image.ok_or(Rejection::Damaged)
}

/// Row after row: 64 megapixels of 64 bits each take no more memory than what they are reduced to.
fn decode_png(bytes: &[u8], probe: &Probe, longest: u32) -> Result<DynamicImage, Rejection> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: BESIDE_ROWS });
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(|_| Rejection::Damaged)?;
    let (width, height) = probe.stored_size();
    if (reader.info().width, reader.info().height) != (width, height) {
        return Err(Rejection::Damaged);
    }
    let channels = Channels(reader.output_color_type().0.samples());
    let mut reducer = Reducer::new(width, height, factor(width, height, longest), channels);
    if reader.info().interlaced {
        let size = reader.output_buffer_size().ok_or(Rejection::Damaged)?;
        let mut pixels = vec![0; size];
        reader.next_frame(&mut pixels).map_err(|_| Rejection::Damaged)?;
        pixels.chunks_exact(size / height as usize).for_each(|row| reducer.row(row));
    } else {
        for _ in 0..height {
            let row = reader.next_row().map_err(|_| Rejection::Damaged)?.ok_or(Rejection::Damaged)?;
            reducer.row(row.data());
        }
    }
    // What comes after the last row is not unpacked any more, but must be there.
    reader.finish().map_err(|_| Rejection::Damaged)?;
    reducer.finish().ok_or(Rejection::Damaged)
}

fn decode_webp(bytes: &[u8], probe: &Probe) -> Result<DynamicImage, Rejection> {
    let (width, height) = probe.stored_size();
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(width);
    limits.max_image_height = Some(height);
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * BYTES_PER_PIXEL + BESIDE_PIXELS);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::WebP);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| match error {
        image::ImageError::Unsupported(_) => Rejection::Unsupported,
        _ => Rejection::Damaged,
    })?;
    if (image.width(), image.height()) == (width, height) { Ok(image) } else { Err(Rejection::Damaged) }
}

#[cfg(test)]
mod tests {
    use img_parts::png::{Png, PngChunk};
    use img_parts::{Bytes, ImageICC};
    use proptest::prelude::*;

    use super::*;
    use crate::imaging::samples::{self, probe, without_private_metadata};
    use crate::imaging::thumbnail;

    fn probed_and_decoded(bytes: &[u8]) -> Result<DynamicImage, Rejection> {
        let probe = probe(bytes)?;
        let cleaned = without_private_metadata(bytes, probe.content_type, probe.orientation)?;
        decode(&cleaned, &probe, u32::MAX)
    }

    #[test]
    fn a_complete_picture_decodes_exactly_as_the_image_crate_does() {
        for sample in samples::all() {
            let expected = image::load_from_memory(&sample.bytes).unwrap();
            let decoded = probed_and_decoded(&sample.bytes).unwrap();
            assert_eq!(decoded.color().has_alpha(), expected.color().has_alpha(), "{}", sample.name);
            let (decoded, expected) = (decoded.to_rgba8(), expected.to_rgba8());
            // 16 bits become 8 by dropping the lower ones here, and by rounding there.
            let differs = |(ours, theirs): (&u8, &u8)| ours.abs_diff(*theirs) > 1;
            assert!(!decoded.iter().zip(expected.iter()).any(differs), "{}", sample.name);
        }
    }

    #[test]
    fn a_file_truncated_anywhere_within_its_data_is_rejected() {
        for sample in samples::all() {
            // The end markers of JPEG and PNG say nothing that the data do not say.
            let end = match sample.content_type {
                ImageType::Jpeg => 2,
                // An animation needs its end, up to the marker's name, to show that no frame is missing.
                ImageType::Png if sample.bytes == samples::ANIMATED_PNG => 4,
                ImageType::Png => 12,
                ImageType::WebP => 0,
            };
            assert!(sample.bytes.len() > end, "{}", sample.name);
            for length in 0..sample.bytes.len() - end {
                let cut = &sample.bytes[..length];
                assert!(probed_and_decoded(cut).is_err(), "{} cut to {length}", sample.name);
            }
        }
    }

    #[test]
    fn a_png_with_a_corrupt_byte_is_rejected() {
        let mut bytes = samples::png(96, 80);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_eq!(probed_and_decoded(&bytes), Err(Rejection::Damaged));
    }

    #[test]
    fn highly_compressed_text_and_profiles_are_harmless() {
        let mut png = Png::from_bytes(samples::png(96, 80).into()).unwrap();
        png.set_icc_profile(Some(vec![0; 65 << 20].into()));
        let packed = png.chunks()[1].contents().clone();
        assert!(packed.len() < 1 << 20, "a bomb");
        let text = [b"Comment\0\0".as_slice(), &packed[5..]].concat();
        png.chunks_mut().insert(1, PngChunk::new(*b"zTXt", text.into()));
        let bytes = png.encoder().bytes();
        assert_eq!(probed_and_decoded(&bytes), Ok(samples::gradient(96, 80)));
        let clean = without_private_metadata(&bytes, ImageType::Png, image::metadata::Orientation::NoTransforms);
        assert_eq!(Png::from_bytes(Bytes::from(clean.unwrap())).unwrap().icc_profile(), None);
    }

    #[test]
    fn a_complete_picture_without_an_end_marker_is_accepted() {
        for sample in samples::all() {
            let end = match sample.content_type {
                ImageType::Jpeg => 2,
                ImageType::Png if sample.bytes != samples::ANIMATED_PNG => 12,
                ImageType::Png | ImageType::WebP => continue,
            };
            let whole = probed_and_decoded(&sample.bytes);
            let without = &sample.bytes[..sample.bytes.len() - end];
            assert_eq!(probed_and_decoded(without), whole, "{}", sample.name);
            let trailer = [without, b"SEFH a camera's trailer, or a film".as_slice()].concat();
            if sample.content_type == ImageType::Jpeg {
                assert_eq!(probed_and_decoded(&trailer), whole, "{}", sample.name);
            }
        }
    }

    #[test]
    fn a_truncated_picture_is_rejected_even_with_an_appended_end_marker() {
        for sample in samples::all() {
            let (end, marker): (_, &[u8]) = match sample.content_type {
                ImageType::Jpeg => (2, &[0xff, 0xd9]),
                ImageType::Png if sample.bytes != samples::ANIMATED_PNG => (12, b"\0\0\0\0IEND\xae\x42\x60\x82"),
                ImageType::Png | ImageType::WebP => continue,
            };
            let data = &sample.bytes[..sample.bytes.len() - end];
            for length in data.len() / 2..data.len() {
                let closed = [&data[..length], marker].concat();
                assert!(probed_and_decoded(&closed).is_err(), "{} cut to {length} of {}", sample.name, data.len());
            }
        }
    }

    #[test]
    fn a_png_with_valid_compression_but_missing_rows_is_rejected() {
        let mut png = Png::from_bytes(samples::png(96, 80).into()).unwrap();
        let mut header = png.chunks()[0].contents().to_vec();
        header[7] = 81; // a row more than there is
        png.chunks_mut()[0] = PngChunk::new(*b"IHDR", header.into());
        assert_eq!(probed_and_decoded(&png.encoder().bytes()), Err(Rejection::Damaged));
    }

    #[test]
    fn a_truncated_webp_is_rejected_even_with_corrected_lengths() {
        for sample in [samples::LOSSY_WEBP.to_vec(), samples::all().swap_remove(7).bytes] {
            let webp = img_parts::webp::WebP::from_bytes(sample.into()).unwrap();
            let picture = webp.chunks().iter().find(|chunk| chunk.id().starts_with(b"VP8")).unwrap();
            let data = picture.content().data().unwrap().clone();
            for keep in [data.len() / 2, data.len() * 9 / 10, data.len() - 16] {
                let mut cut = webp.clone();
                for chunk in cut.chunks_mut() {
                    if chunk.id().starts_with(b"VP8") {
                        *chunk.content_mut() = img_parts::riff::RiffContent::Data(data.slice(..keep));
                    }
                }
                assert!(probed_and_decoded(&cut.encoder().bytes()).is_err(), "{keep} of {}", data.len());
            }
        }
    }

    #[test]
    fn a_damaged_text_chunk_in_a_png_is_harmless() {
        let mut png = Png::from_bytes(samples::png(96, 80).into()).unwrap();
        png.chunks_mut().insert(1, PngChunk::new(*b"tEXt", b"Comment\0hello".as_slice().into()));
        let mut bytes = png.encoder().bytes().to_vec();
        let text = bytes.windows(5).position(|window| window == b"hello").unwrap();
        bytes[text] = b'j';
        assert!(probed_and_decoded(&bytes).is_ok());
    }

    #[test]
    fn a_large_picture_is_decoded_at_reduced_size() {
        for bytes in [samples::png(960, 800), samples::jpeg(960, 800)] {
            let found = probe(&bytes).unwrap();
            let cleaned = without_private_metadata(&bytes, found.content_type, found.orientation).unwrap();
            let small = decode(&cleaned, &found, 96).unwrap();
            assert_eq!((small.width(), small.height()), (96, 80));
        }
    }

    proptest! {
        #[test]
        fn no_mutation_of_a_picture_causes_a_panic(
            which in 0..samples::all().len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = samples::all().swap_remove(which).bytes;
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Ok(found) = probe(&bytes)
                && let Ok(cleaned) = without_private_metadata(&bytes, found.content_type, found.orientation)
                && let Ok(image) = decode(&cleaned, &found, 48)
            {
                prop_assert!(!thumbnail(&image, found.orientation).is_empty());
            }
        }
    }
}
