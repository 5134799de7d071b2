//! JPEG: segments before the scans, and between them.

use image::metadata::Orientation;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::{profile, standard_tables};
use crate::imaging::jpeg::{self, Walk};
use crate::imaging::{Rejection, exif};

pub(super) fn cleaned(bytes: &[u8], orientation: Orientation) -> Result<Vec<u8>, Rejection> {
    let mut jpeg = Jpeg::from_bytes(Bytes::copy_from_slice(bytes)).map_err(|_| Rejection::Damaged)?;
    let icc_profile = jpeg.icc_profile().and_then(|icc| profile::exact(&icc));

    let (scan, head) = jpeg.segments().split_last().ok_or(Rejection::Damaged)?;
    if !scan.has_entropy() {
        return Err(Rejection::Damaged);
    }
    let mut walk = Walk::new();
    // A frame of motion JPEG has no tables of its own.
    let has_tables = head.iter().any(|segment| segment.marker() == markers::DHT);
    let standard =
        (!has_tables).then(|| JpegSegment::new_with_contents(markers::DHT, standard_tables::segment_contents().into()));
    for segment in head.iter().chain(&standard) {
        walk.segment(segment.marker(), segment.contents())?;
    }
    // The parser leaves everything after the first scan's header to that segment: it is the end of the file.
    let rest = &bytes[bytes.len() - (scan.len_with_entropy() - scan.len())..];
    let scans = cleaned_scans(&mut walk, scan.contents(), rest)?;
    let scan = JpegSegment::new_with_entropy(markers::SOS, scan.contents().clone(), scans.into());
    let segments = head.iter().filter_map(needed).chain(standard).chain([scan]).collect();

    *jpeg.segments_mut() = segments;
    jpeg.set_icc_profile(icc_profile);
    jpeg.set_exif(exif::holding_only(orientation));
    Ok(jpeg.encoder().bytes().into())
}

/// A segment as far as it is needed to decode.
fn needed(segment: &JpegSegment) -> Option<JpegSegment> {
    let contents = segment.contents();
    match segment.marker() {
        // JFIF: version, units and density, but not the thumbnail that may follow (ITU T.871 §10.1).
        markers::APP0 if contents.len() >= 14 && contents.starts_with(b"JFIF\0") => {
            let mut without_thumbnail = contents[..14].to_vec();
            without_thumbnail[12..].fill(0);
            Some(JpegSegment::new_with_contents(markers::APP0, without_thumbnail.into()))
        }
        // Adobe's: which colour transform was used (ITU T.872 §6.5.3).
        markers::APP14 if contents.len() >= 12 && contents.starts_with(b"Adobe") => {
            Some(JpegSegment::new_with_contents(markers::APP14, contents.slice(..12)))
        }
        marker if is_coding(marker) => Some(segment.clone()),
        _ => None,
    }
}

/// Frame headers of baseline and progressive pictures, tables, restart intervals (ITU T.81 table B.1). The decoder
/// reads no other kind.
const fn is_coding(marker: u8) -> bool {
    matches!(marker, markers::SOF0..=markers::SOF2 | markers::DHT | markers::DQT | markers::DRI)
}

/// Everything from the first scan's data to the end of the picture, which is where the data say that it is whole: an end
/// marker may be missing, or come early. Between scans, only what is needed to decode is kept; what follows the picture is
/// dropped: other pictures (MPF), films (motion photos), a camera's trailer, anything.
fn cleaned_scans(walk: &mut Walk, first_header: &[u8], rest: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut kept = Vec::with_capacity(rest.len() + 2);
    let (mut header, mut begin) = (first_header, 0);
    loop {
        let end = walk.scan(header, rest, begin)?;
        kept.extend_from_slice(&rest[begin..end]);
        if walk.is_whole() {
            kept.extend_from_slice(&[markers::P, markers::EOI]);
            return Ok(kept);
        }
        let mut at = end;
        loop {
            let (marker, place) = jpeg::next_marker(rest, at).ok_or(Rejection::Damaged)?;
            if matches!(marker, markers::RST0..=markers::RST7) {
                at = place + 2;
                continue;
            }
            if matches!(marker, markers::EOI | markers::SOI) {
                return Err(Rejection::Damaged);
            }
            let length = rest.get(place + 2..place + 4).ok_or(Rejection::Damaged)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            if length < 2 {
                return Err(Rejection::Damaged); // it counts itself
            }
            at = place + 2 + length;
            let segment = rest.get(place..at).ok_or(Rejection::Damaged)?;
            let is_scan = marker == markers::SOS;
            if is_scan || is_coding(marker) {
                kept.extend_from_slice(segment);
            }
            if is_scan {
                (header, begin) = (&segment[4..], at);
                break;
            }
            walk.segment(marker, &segment[4..])?;
        }
    }
}
