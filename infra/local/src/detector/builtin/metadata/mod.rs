//! The blocks of metadata that a picture carries, still unread. Bounded, and forgiving: what is damaged is passed over.

mod jpeg;
mod png;
mod webp;

use bytes::Bytes;
use labelcast_functions::imaging::Parts;

/// All blocks of a picture together, decompressed.
const MAX_BYTES: usize = 1 << 20;

/// What was found, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    /// XMP packets: XML.
    pub(super) xmp: Vec<Bytes>,
    /// IPTC-IIM records.
    pub(super) iptc: Vec<Bytes>,
    /// Texts of PNG chunks named `Keywords`.
    pub(super) keyword_lists: Vec<String>,
}

impl Metadata {
    pub(super) fn read(parts: Parts<'_>) -> Self {
        match parts {
            Parts::Jpeg(segments) => jpeg::read(segments),
            Parts::Png(chunks) => png::read(chunks),
            Parts::WebP(chunks) => webp::read(chunks),
        }
    }
}

/// How many bytes of metadata may still be read.
struct Budget(usize);

impl Budget {
    const fn new() -> Self {
        Self(MAX_BYTES)
    }

    /// Whether a block may be kept; if so, it is paid for.
    fn allows(&mut self, size: usize) -> bool {
        let left = self.0.checked_sub(size);
        if left.is_none() {
            tracing::debug!(size, "ignored a block of metadata: the picture has more than 1 MiB of it");
        }
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }
}
