//! From bytes to pixels, which proves that a file is whole.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageReader, Limits, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::probe::{format_of, rejection_of};
use super::{Probe, Rejection, without_private_metadata};
use crate::model::ImageType;

/// What a decoder may allocate beside the pixels it returns, in bytes.
const BESIDE_PIXELS: u64 = 64 << 20;

/// The most bytes of a pixel: four channels of 16 bits.
const BYTES_PER_PIXEL: u64 = 8;

/// The most scans of a progressive JPEG. Encoders write about ten; each costs a pass over the whole picture.
const MAX_SCANS: usize = 64;

/// Decodes the whole picture, as it is stored: not yet turned the right way up. Of an animated one, the first frame.
///
/// A file that is cut off or corrupt is refused, not filled up with grey. What cannot be told is a JPEG whose
/// missing end somebody closed properly.
pub fn decode(bytes: &[u8], probe: &Probe) -> Result<DynamicImage, Rejection> {
    // What is not needed to show the picture cannot trouble its decoder: neither text that unpacks to gigabytes, nor
    // odd segments that the strict decoder of JPEG would refuse.
    let plain = without_private_metadata(bytes, probe.content_type, probe.orientation)?;
    let image = match probe.content_type {
        ImageType::Jpeg => decode_jpeg(&plain, probe)?,
        ImageType::Png | ImageType::WebP => decode_other(&plain, probe)?,
    };
    let size = (image.width(), image.height());
    if size == probe.stored_size() { Ok(image) } else { Err(Rejection::Damaged) }
}

fn decode_jpeg(bytes: &[u8], probe: &Probe) -> Result<DynamicImage, Rejection> {
    let (width, height) = probe.stored_size();
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(width as usize)
        .set_max_height(height as usize)
        .jpeg_set_max_scans(MAX_SCANS);
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

fn decode_other(bytes: &[u8], probe: &Probe) -> Result<DynamicImage, Rejection> {
    let (width, height) = probe.stored_size();
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(width);
    limits.max_image_height = Some(height);
    limits.max_alloc = Some(u64::from(width) * u64::from(height) * BYTES_PER_PIXEL + BESIDE_PIXELS);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format_of(probe.content_type));
    reader.limits(limits);
    reader.decode().map_err(|error| rejection_of(&error))
}

#[cfg(test)]
mod tests {
    use img_parts::png::{Png, PngChunk};
    use img_parts::{Bytes, ImageICC};
    use proptest::prelude::*;

    use super::*;
    use crate::imaging::{probe, samples, thumbnail};

    fn probed_and_decoded(bytes: &[u8]) -> Result<DynamicImage, Rejection> {
        decode(bytes, &probe(bytes)?)
    }

    #[test]
    fn a_whole_picture_is_decoded_as_the_image_library_decodes_it() {
        for sample in samples::all() {
            let expected = image::load_from_memory(&sample.bytes).unwrap();
            assert_eq!(probed_and_decoded(&sample.bytes), Ok(expected), "{}", sample.name);
        }
    }

    #[test]
    fn a_file_that_is_cut_off_anywhere_is_refused() {
        for sample in samples::all() {
            for length in 0..sample.bytes.len() {
                let cut = &sample.bytes[..length];
                assert!(probed_and_decoded(cut).is_err(), "{} cut to {length}", sample.name);
            }
        }
    }

    #[test]
    fn a_png_with_a_wrong_byte_is_refused() {
        let mut bytes = samples::png(96, 80);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_eq!(probed_and_decoded(&bytes), Err(Rejection::Damaged));
    }

    #[test]
    fn texts_and_profiles_that_unpack_to_a_lot_do_no_harm() {
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

    proptest! {
        #[test]
        fn no_change_to_a_picture_makes_anything_panic(
            which in 0..samples::all().len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        ) {
            let mut bytes = samples::all().swap_remove(which).bytes;
            for (place, value) in changes {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            if let Ok(found) = probe(&bytes)
                && let Ok(image) = decode(&bytes, &found)
            {
                prop_assert!(!thumbnail(&image, found.orientation).is_empty());
            }
        }
    }
}
