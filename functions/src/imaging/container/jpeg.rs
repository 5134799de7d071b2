//! JPEG: segments before the scans, and between them.

use image::metadata::Orientation;
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::{profile, standard_tables};
use crate::imaging::jpeg::{self, Walk};
use crate::imaging::{Rejection, exif};

/// A JPEG.
#[derive(Debug, Clone)]
pub(in crate::imaging) struct JpegFile {
    jpeg: Jpeg,
    /// Everything after the first scan's header.
    rest: Bytes,
}

impl JpegFile {
    pub(super) fn read(bytes: &Bytes) -> Result<Self, Rejection> {
        let jpeg = Jpeg::from_bytes(bytes.clone()).map_err(|_| Rejection::Damaged)?;
        // The parser leaves everything after the first scan's header to that segment: it is the end of the file.
        let rest = jpeg.segments().last().map_or(0, |scan| scan.len_with_entropy() - scan.len());
        Ok(Self { rest: bytes.slice(bytes.len() - rest..), jpeg })
    }

    /// Those before the first scan's data, its header the last.
    pub(in crate::imaging) fn segments(&self) -> &[JpegSegment] {
        self.jpeg.segments()
    }

    /// Width and height of the first frame header, of whatever kind.
    pub(in crate::imaging) fn size(&self) -> Option<(u32, u32)> {
        self.jpeg.dimensions().map(|(width, height)| (width.into(), height.into()))
    }

    pub(super) fn exif(&self) -> Option<Bytes> {
        self.jpeg.exif()
    }

    pub(super) fn cleaned(&self, orientation: Orientation) -> Result<Bytes, Rejection> {
        let (scan, head) = self.segments().split_last().ok_or(Rejection::Damaged)?;
        if !scan.has_entropy() {
            return Err(Rejection::Damaged);
        }
        let mut walk = Walk::new();
        // A frame of motion JPEG has no tables of its own.
        let has_tables = head.iter().any(|segment| segment.marker() == markers::DHT);
        let contents = || standard_tables::segment_contents().into();
        let standard = (!has_tables).then(|| JpegSegment::new_with_contents(markers::DHT, contents()));
        for segment in head.iter().chain(&standard) {
            walk.segment(segment.marker(), segment.contents())?;
        }
        let scans = cleaned_scans(&mut walk, scan.contents(), &self.rest)?;

        let mut cleaned = self.jpeg.clone();
        *cleaned.segments_mut() = head.iter().filter_map(needed).chain(standard).collect();
        cleaned.set_icc_profile(self.jpeg.icc_profile().and_then(|icc| profile::exact(&icc)));
        cleaned.set_exif(exif::holding_only(orientation));

        let mut file = Vec::with_capacity(self.rest.len() + (64 << 10));
        file.extend_from_slice(&[markers::P, markers::SOI]);
        let first_scan = JpegSegment::new_with_contents(markers::SOS, scan.contents().clone());
        for segment in cleaned.segments().iter().chain([&first_scan]) {
            segment.clone().encoder().for_each(|piece| file.extend_from_slice(&piece));
        }
        for piece in scans {
            file.extend_from_slice(piece);
        }
        file.extend_from_slice(&[markers::P, markers::EOI]);
        Ok(file.into())
    }
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

/// Everything from the first scan's data to the end of the picture, without the end marker, in pieces. The picture ends
/// where the data say that it is whole: a marker may be missing, or come early. Between scans, only what is needed to
/// decode is kept; what follows the picture is dropped: other pictures (MPF), films (motion photos), a camera's trailer,
/// anything.
fn cleaned_scans<'a>(walk: &mut Walk, first_header: &[u8], rest: &'a [u8]) -> Result<Vec<&'a [u8]>, Rejection> {
    let mut kept = Vec::new();
    let (mut header, mut begin) = (first_header, 0);
    loop {
        let end = walk.scan(header, rest, begin)?;
        kept.push(&rest[begin..end]);
        if walk.is_whole() {
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
                kept.push(segment);
            }
            if is_scan {
                (header, begin) = (&segment[4..], at);
                break;
            }
            walk.segment(marker, &segment[4..])?;
        }
    }
}
