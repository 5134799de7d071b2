//! The one thing that is kept of EXIF: which way is up.

use image::metadata::Orientation;
use img_parts::Bytes;

/// An EXIF block that holds the orientation and nothing else; `None` for a picture that is stored as it is seen.
///
/// The form is TIFF 6.0's: a header, and a directory with the one entry 0x0112 (EXIF 2.32, §4.6.4).
pub(super) fn holding_only(orientation: Orientation) -> Option<Bytes> {
    if orientation == Orientation::NoTransforms {
        return None;
    }
    let mut block = Vec::with_capacity(26);
    block.extend_from_slice(b"MM\0\x2a\0\0\0\x08"); // big-endian, the directory follows at 8
    block.extend_from_slice(b"\0\x01"); // one entry:
    block.extend_from_slice(b"\x01\x12\0\x03\0\0\0\x01"); // orientation, one 16-bit number,
    block.extend_from_slice(&[0, orientation.to_exif(), 0, 0]);
    block.extend_from_slice(b"\0\0\0\0"); // no further directory
    Some(block.into())
}

/// Whether width and height change places when the picture is turned the right way up.
pub(super) const fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimal_exif_block_round_trips_the_orientation() {
        for number in 2..=8 {
            let orientation = Orientation::from_exif(number).unwrap();
            let block = holding_only(orientation).unwrap();
            assert_eq!(Orientation::from_exif_chunk(&block), Some(orientation));
        }
        assert_eq!(holding_only(Orientation::NoTransforms), None);
    }
}
