//! WebP: RIFF chunks (RFC 9649).

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

pub(super) fn cleaned(bytes: &[u8], orientation: Orientation) -> Result<Vec<u8>, Rejection> {
    let webp = WebP::from_bytes(Bytes::copy_from_slice(bytes)).map_err(|_| Rejection::Damaged)?;
    let canvas = webp.dimensions().ok_or(Rejection::Damaged)?;
    let exif = exif::holding_only(orientation);

    let Some(header) = webp.chunk_by_id(CHUNK_VP8X) else {
        let mut simple = file(pixels(webp.chunks(), canvas)?)?;
        simple.set_exif(exif);
        return Ok(simple.encoder().bytes().into());
    };
    let header = header.content().data().and_then(|data| data.get(..10)).ok_or(Rejection::Damaged)?;
    let icc_profile = webp.icc_profile().and_then(|icc| profile::exact(&icc));

    let mut flags = header[0] & (ALPHA | ANIMATION);
    flags |= if icc_profile.is_some() { ICC } else { 0 };
    flags |= if exif.is_some() { EXIF } else { 0 };
    let mut plain_header = vec![flags, 0, 0, 0];
    plain_header.extend_from_slice(&header[4..]);

    let mut chunks = vec![data_chunk(CHUNK_VP8X, plain_header.into())];
    chunks.extend(icc_profile.map(|icc| data_chunk(CHUNK_ICCP, icc)));
    if flags & ANIMATION == 0 {
        chunks.extend(pixels(webp.chunks(), canvas)?);
    } else {
        chunks.extend(animation_of_one(&webp, &first_frame(&webp, canvas)?)?);
    }
    chunks.extend(exif.map(|block| data_chunk(CHUNK_EXIF, block)));
    Ok(file(chunks)?.encoder().bytes().into())
}

/// The pixels of a file that are decoded.
pub(in crate::imaging) struct Pixels {
    /// At most that of the canvas.
    pub(in crate::imaging) size: (u32, u32),
    /// A VP8 or VP8L chunk, and before it, there may be an ALPH chunk.
    pub(in crate::imaging) chunks: Vec<RiffChunk>,
}

/// What is decoded of a file that has been cleaned, found in one that has not.
pub(in crate::imaging) fn decoded(webp: &WebP, canvas: (u32, u32)) -> Result<Pixels, Rejection> {
    let header = webp.chunk_by_id(CHUNK_VP8X).and_then(|chunk| chunk.content().data());
    if header.and_then(|header| header.first()).is_some_and(|flags| flags & ANIMATION != 0) {
        Ok(first_frame(webp, canvas)?.pixels)
    } else {
        Ok(Pixels { size: canvas, chunks: pixels(webp.chunks(), canvas)? })
    }
}

struct Frame {
    header: Bytes,
    pixels: Pixels,
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

    // The frame's chunks are those of a file: the file's parser reads them.
    let inner = &frame[FRAME_HEADER..];
    let length = u32::try_from(inner.len() + 4).map_err(|_| Rejection::Damaged)?;
    let inner = [b"RIFF".as_slice(), &length.to_le_bytes(), b"WEBP", inner].concat();
    let inner = WebP::from_bytes(inner.into()).map_err(|_| Rejection::Damaged)?;
    let chunks = pixels(inner.chunks(), size)?;
    Ok(Frame { header, pixels: Pixels { size, chunks } })
}

/// An animation of this frame alone: it has its place on the canvas, which a still picture cannot say.
fn animation_of_one(webp: &WebP, frame: &Frame) -> Result<[RiffChunk; 2], Rejection> {
    let control = contents(webp, CHUNK_ANIM)?;
    let control = control.get(..6).map(|_| control.slice(..6)).ok_or(Rejection::Damaged)?;
    let mut plain = frame.header.to_vec();
    for chunk in &frame.pixels.chunks {
        plain.extend_from_slice(&chunk.clone().encoder().bytes());
    }
    Ok([data_chunk(CHUNK_ANIM, control), data_chunk(CHUNK_ANMF, plain.into())])
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
