//! The files around the pixels: taken apart once, and put together anew with what is needed to show the picture. All else is
//! dropped, known or not.

mod jpeg;
mod png;
mod profile;
mod standard_tables;
mod webp;

use image::metadata::Orientation;
use img_parts::Bytes;
use img_parts::jpeg::JpegSegment;
use img_parts::png::PngChunk;
use img_parts::riff::RiffChunk;

pub(super) use self::jpeg::JpegFile;
pub(super) use self::png::PngFile;
pub(super) use self::webp::{Pixels, WebPFile};
use super::Rejection;
use crate::model::ImageType;

/// A file, taken apart. The parts share its memory.
#[derive(Debug, Clone)]
pub(super) enum Container {
    Jpeg(JpegFile),
    Png(PngFile),
    WebP(WebPFile),
}

/// The parts that a file consists of, in its order. They may hold more than what is shown, for instance keywords.
#[derive(Debug, Clone, Copy)]
pub enum Parts<'a> {
    /// Those before the first scan's data.
    Jpeg(&'a [JpegSegment]),
    /// Those before the end marker whose checksums are right.
    Png(&'a [PngChunk]),
    /// Those within the one of the file.
    WebP(&'a [RiffChunk]),
}

impl Container {
    pub(super) fn read(content_type: ImageType, bytes: &Bytes) -> Result<Self, Rejection> {
        match content_type {
            ImageType::Jpeg => JpegFile::read(bytes).map(Self::Jpeg),
            ImageType::Png => PngFile::read(bytes).map(Self::Png),
            ImageType::WebP => WebPFile::read(bytes).map(Self::WebP),
        }
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        match self {
            Self::Jpeg(file) => Parts::Jpeg(file.segments()),
            Self::Png(file) => Parts::Png(file.chunks()),
            Self::WebP(file) => Parts::WebP(file.chunks()),
        }
    }

    pub(super) fn exif(&self) -> Option<Bytes> {
        match self {
            Self::Jpeg(file) => file.exif(),
            Self::Png(file) => file.exif(),
            Self::WebP(file) => file.exif(),
        }
    }

    /// The same pixels bit for bit, with colour profile and orientation, and nothing else: no EXIF, GPS, XMP,
    /// IPTC, comments, texts, times, maker notes, previews, further frames, nor bytes after the end of the picture.
    ///
    /// Parts are kept by a list of what is known to be needed, so that what nobody has thought of is dropped too.
    pub(super) fn cleaned(&self, orientation: Orientation) -> Result<Bytes, Rejection> {
        match self {
            Self::Jpeg(file) => file.cleaned(orientation),
            Self::Png(file) => file.cleaned(orientation),
            Self::WebP(file) => file.cleaned(orientation),
        }
    }
}

impl Parts<'_> {
    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Jpeg(segments) => segments.len(),
            Self::Png(chunks) => chunks.len(),
            Self::WebP(chunks) => chunks.len(),
        }
    }
}

#[cfg(test)]
mod tests;
