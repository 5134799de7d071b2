//! PNG: chunks.

use std::collections::HashSet;

use image::metadata::Orientation;
use img_parts::png::{Png, PngChunk};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::profile;
use crate::imaging::{Rejection, exif};

/// The chunks that change what is seen, and the most bytes each may have (PNG 3rd edition, §11). The colour profile is
/// written anew, since its chunk also holds a name. What animates is not among them.
const NEEDED: &[([u8; 4], usize)] = &[
    (*b"IHDR", 13),
    (*b"PLTE", 768),
    (*b"tRNS", 256),
    (*b"gAMA", 4),
    (*b"cHRM", 32),
    (*b"sRGB", 1),
    (*b"sBIT", 4),
    (*b"cICP", 4),
    (*b"mDCV", 24),
    (*b"cLLI", 8),
    (*b"pHYs", 9),
];

pub(super) fn cleaned(bytes: &[u8], orientation: Orientation) -> Result<Vec<u8>, Rejection> {
    let mut png = Png::from_bytes(Bytes::copy_from_slice(bytes)).map_err(|_| Rejection::Damaged)?;
    if png.chunks().last().map(PngChunk::kind) != Some(*b"IEND") {
        return Err(Rejection::Damaged);
    }
    let icc_profile = png.icc_profile().and_then(|icc| profile::exact(&icc));
    let mut seen = HashSet::new();
    png.chunks_mut().retain(|chunk| match &chunk.kind() {
        b"IDAT" => true,
        b"IEND" => chunk.contents().is_empty(),
        kind => is_needed(*kind, chunk.contents()) && seen.insert(*kind),
    });
    if icc_profile.is_some() {
        png.set_icc_profile(icc_profile);
    }
    png.set_exif(exif::holding_only(orientation));
    Ok(png.encoder().bytes().into())
}

fn is_needed(kind: [u8; 4], contents: &Bytes) -> bool {
    NEEDED.iter().any(|(needed, most)| *needed == kind && contents.len() <= *most)
}
