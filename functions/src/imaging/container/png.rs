//! PNG: chunks.

use std::collections::HashSet;
use std::io::Read;

use flate2::read::ZlibDecoder;
use image::metadata::Orientation;
use img_parts::png::{Png, PngChunk};
use img_parts::{Bytes, ImageEXIF, ImageICC};

use super::profile;
use crate::imaging::{Rejection, exif};

/// Every file begins with it.
pub(in crate::imaging) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

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

/// A PNG.
#[derive(Debug, Clone)]
pub(in crate::imaging) struct PngFile {
    chunks: Vec<PngChunk>,
}

impl PngFile {
    /// What is not needed to show the picture may be damaged, and is left out then. An end marker that is missing is no harm:
    /// whether the data before it are whole is seen when they are decoded. Only of an animation it shows that frames are
    /// missing.
    pub(super) fn read(bytes: &Bytes) -> Result<Self, Rejection> {
        if !bytes.starts_with(SIGNATURE) {
            return Err(Rejection::Damaged);
        }
        let mut rest = bytes.slice(SIGNATURE.len()..);
        let mut chunks: Vec<PngChunk> = Vec::new();
        while let Some(kind) = rest.get(4..8) {
            // Length, type, contents, checksum.
            let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            // A capital first letter says that nothing can be shown without the chunk (PNG 3rd edition §5.4).
            let critical = kind[0].is_ascii_uppercase();
            if kind == b"IEND" {
                return Ok(Self { chunks });
            }
            if rest.len() < length.saturating_add(12) {
                return Err(Rejection::Damaged);
            }
            match PngChunk::from_bytes(&mut rest.split_to(length + 12)) {
                Ok(chunk) => chunks.push(chunk),
                Err(_) if critical => return Err(Rejection::Damaged),
                Err(_) => {}
            }
        }
        let animated = chunks.iter().any(|chunk| chunk.kind() == *b"acTL");
        if animated { Err(Rejection::Damaged) } else { Ok(Self { chunks }) }
    }

    /// Those up to the end of the picture, without its marker.
    pub(in crate::imaging) fn chunks(&self) -> &[PngChunk] {
        &self.chunks
    }

    pub(super) fn exif(&self) -> Option<Bytes> {
        self.chunks.iter().find(|chunk| chunk.kind() == *b"eXIf").map(|chunk| chunk.contents().clone())
    }

    pub(super) fn cleaned(&self, orientation: Orientation) -> Result<Bytes, Rejection> {
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(self.chunks.len() + 1);
        let mut icc_profile = None;
        for chunk in &self.chunks {
            match &chunk.kind() {
                b"IDAT" => kept.push(chunk.clone()),
                b"iCCP" if icc_profile.is_none() => icc_profile = unpacked_profile(chunk.contents()),
                kind if is_needed(*kind, chunk.contents()) && seen.insert(*kind) => kept.push(chunk.clone()),
                _ => {}
            }
        }
        kept.push(PngChunk::new(*b"IEND", Bytes::new()));
        let mut png = Png::from_bytes(Bytes::from_static(SIGNATURE)).map_err(|_| Rejection::Damaged)?;
        *png.chunks_mut() = kept;
        if icc_profile.is_some() {
            png.set_icc_profile(icc_profile);
        }
        png.set_exif(exif::holding_only(orientation));
        Ok(png.encoder().bytes())
    }
}

/// The profile in an `iCCP` chunk: a name, a zero, the method of compression, and what is compressed. No more of it is
/// unpacked than the largest profile that is kept: 0.6 MB can unpack to 600.
fn unpacked_profile(contents: &Bytes) -> Option<Bytes> {
    let name = contents.iter().take(80).position(|byte| *byte == 0)?;
    let packed = contents.get(name + 1..)?.strip_prefix(&[0])?;
    let mut profile = Vec::new();
    ZlibDecoder::new(packed).take(profile::MAX_BYTES as u64 + 1).read_to_end(&mut profile).ok()?;
    profile::exact(&profile.into())
}

fn is_needed(kind: [u8; 4], contents: &Bytes) -> bool {
    NEEDED.iter().any(|(needed, most)| *needed == kind && contents.len() <= *most)
}
