//! WebP: RIFF chunks (RFC 9649).

use bytes::Buf;
use image::metadata::Orientation;
use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::{
    CHUNK_ALPH, CHUNK_ANIM, CHUNK_ANMF, CHUNK_EXIF, CHUNK_ICCP, CHUNK_VP8, CHUNK_VP8L, CHUNK_VP8X, WebP,
};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::profile;
use crate::imaging::{Rejection, exif};

/// Flags of the VP8X chunk (RFC 9649 §2.7.1).
const ICC: u8 = 0b0010_0000;
const ALPHA: u8 = 0b0001_0000;
const EXIF: u8 = 0b0000_1000;
const ANIMATION: u8 = 0b0000_0010;

/// Bytes of an ANMF chunk before the frame's own chunks: place, size, duration, flags.
const FRAME_HEADER: usize = 16;

/// A WebP.
#[derive(Debug, Clone)]
pub(in crate::imaging) struct WebPFile {
    webp: WebP,
    canvas: (u32, u32),
    shown: Frame,
}

/// What is shown: all of a still picture, or the first frame of an animation.
#[derive(Debug, Clone)]
struct Frame {
    /// An animation's: place, size, duration, flags.
    header: Option<Bytes>,
    pixels: Pixels,
}

/// The pixels that are decoded.
#[derive(Debug, Clone)]
pub(in crate::imaging) struct Pixels {
    /// At most that of the canvas.
    pub(in crate::imaging) size: (u32, u32),
    /// A VP8 or VP8L chunk, and before it, there may be an ALPH chunk.
    pub(in crate::imaging) chunks: Vec<RiffChunk>,
}

impl WebPFile {
    /// Of a size within the bounds.
    pub(super) fn read(bytes: &Bytes) -> Result<Self, Rejection> {
        let webp = WebP::from_bytes(bytes.clone()).map_err(|_| Rejection::Damaged)?;
        let canvas = webp.dimensions().ok_or(Rejection::Damaged)?;
        Rejection::of_size(canvas.0, canvas.1)?;
        let header = webp.chunk_by_id(CHUNK_VP8X).and_then(|chunk| chunk.content().data());
        let animated = header.and_then(|header| header.first()).is_some_and(|flags| flags & ANIMATION != 0);
        let shown = if animated {
            first_frame(&webp, canvas)?
        } else {
            Frame { header: None, pixels: Pixels { size: canvas, chunks: pixels(webp.chunks(), canvas)? } }
        };
        Ok(Self { webp, canvas, shown })
    }

    pub(in crate::imaging) const fn size(&self) -> (u32, u32) {
        self.canvas
    }

    pub(in crate::imaging) const fn pixels(&self) -> &Pixels {
        &self.shown.pixels
    }

    pub(in crate::imaging) fn chunks(&self) -> &[RiffChunk] {
        self.webp.chunks()
    }

    pub(in crate::imaging) fn has_chunk(&self, id: [u8; 4]) -> bool {
        self.webp.has_chunk(id)
    }

    pub(super) fn exif(&self) -> Option<Bytes> {
        self.webp.exif()
    }

    pub(super) fn cleaned(&self, orientation: Orientation) -> Result<Bytes, Rejection> {
        let exif = exif::holding_only(orientation);
        let Some(header) = self.webp.chunk_by_id(CHUNK_VP8X) else {
            let mut simple = file(self.pixels().chunks.clone())?;
            simple.set_exif(exif);
            return Ok(simple.encoder().bytes());
        };
        let header = header.content().data().and_then(|data| data.get(..10)).ok_or(Rejection::Damaged)?;
        let icc_profile = self.webp.icc_profile().and_then(|icc| profile::exact(&icc));

        let mut flags = header[0] & (ALPHA | ANIMATION);
        flags |= if icc_profile.is_some() { ICC } else { 0 };
        flags |= if exif.is_some() { EXIF } else { 0 };
        let mut plain_header = vec![flags, 0, 0, 0];
        plain_header.extend_from_slice(&header[4..]);

        let mut chunks = vec![data_chunk(CHUNK_VP8X, plain_header.into())];
        chunks.extend(icc_profile.map(|icc| data_chunk(CHUNK_ICCP, icc)));
        match &self.shown.header {
            None => chunks.extend(self.pixels().chunks.iter().cloned()),
            Some(header) => chunks.extend(self.animation_of_one(header)?),
        }
        chunks.extend(exif.map(|block| data_chunk(CHUNK_EXIF, block)));
        Ok(file(chunks)?.encoder().bytes())
    }

    /// An animation of the first frame alone: it has its place on the canvas, which a still picture cannot say.
    fn animation_of_one(&self, header: &Bytes) -> Result<[RiffChunk; 2], Rejection> {
        let control = contents(&self.webp, CHUNK_ANIM)?;
        let control = control.get(..6).map(|_| control.slice(..6)).ok_or(Rejection::Damaged)?;
        let mut frame = header.to_vec();
        for chunk in &self.pixels().chunks {
            chunk.clone().encoder().for_each(|piece| frame.extend_from_slice(&piece));
        }
        Ok([data_chunk(CHUNK_ANIM, control), data_chunk(CHUNK_ANMF, frame.into())])
    }
}

fn first_frame(webp: &WebP, canvas: (u32, u32)) -> Result<Frame, Rejection> {
    let frame = contents(webp, CHUNK_ANMF)?;
    if frame.len() < FRAME_HEADER {
        return Err(Rejection::Damaged);
    }
    let header = frame.slice(..FRAME_HEADER);
    let side = |at: usize| 1 + u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
    let size = (side(6), side(9));
    if size.0 > canvas.0 || size.1 > canvas.1 {
        return Err(Rejection::Damaged);
    }
    let chunks = pixels(&chunks_of_frame(frame.slice(FRAME_HEADER..))?, size)?;
    Ok(Frame { header: Some(header), pixels: Pixels { size, chunks } })
}

/// Id, length, data, and a byte more where the length is odd (RFC 9649 §2.3).
fn chunks_of_frame(mut rest: Bytes) -> Result<Vec<RiffChunk>, Rejection> {
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let &[i1, i2, i3, i4, l1, l2, l3, l4] = rest.get(..8).ok_or(Rejection::Damaged)? else {
            return Err(Rejection::Damaged);
        };
        let length = u32::from_le_bytes([l1, l2, l3, l4]) as usize;
        let end = length.saturating_add(8);
        if rest.len() < end.saturating_add(length % 2) {
            return Err(Rejection::Damaged);
        }
        chunks.push(data_chunk([i1, i2, i3, i4], rest.slice(8..end)));
        rest.advance(end + length % 2);
    }
    Ok(chunks)
}

fn contents(webp: &WebP, id: [u8; 4]) -> Result<Bytes, Rejection> {
    webp.chunk_by_id(id).and_then(|chunk| chunk.content().data()).cloned().ok_or(Rejection::Damaged)
}

/// The chunks of one frame's pixels, which must have the size that was announced: the decoder makes room by what they
/// say themselves.
fn pixels(chunks: &[RiffChunk], announced: (u32, u32)) -> Result<Vec<RiffChunk>, Rejection> {
    let first = |wanted: &[[u8; 4]]| chunks.iter().find(|chunk| wanted.contains(&chunk.id())).cloned();
    let picture = first(&[CHUNK_VP8, CHUNK_VP8L]).ok_or(Rejection::Damaged)?;
    if file(vec![picture.clone()])?.dimensions() != Some(announced) {
        return Err(Rejection::Damaged);
    }
    // Only the lossy kind has its transparency apart, in front of it (RFC 9649 §2.7.1.2).
    let alpha = if picture.id() == CHUNK_VP8 { first(&[CHUNK_ALPH]) } else { None };
    Ok(alpha.into_iter().chain([picture]).collect())
}

fn file(subchunks: Vec<RiffChunk>) -> Result<WebP, Rejection> {
    WebP::new(RiffChunk::new(*b"RIFF", RiffContent::List { kind: Some(*b"WEBP"), subchunks }))
        .map_err(|_| Rejection::Damaged)
}

fn data_chunk(id: [u8; 4], data: Bytes) -> RiffChunk {
    RiffChunk::new(id, RiffContent::Data(data))
}
