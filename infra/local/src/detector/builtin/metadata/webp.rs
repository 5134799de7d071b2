//! WebP: the chunk `XMP `.

use bytes::Bytes;
use img_parts::webp::WebP;

use super::{Budget, Metadata};

pub(super) fn read(bytes: Bytes) -> img_parts::Result<Metadata> {
    let webp = WebP::from_bytes(bytes)?;
    let mut budget = Budget::new();
    let blocks = webp.chunks_by_id(*b"XMP ").filter_map(|chunk| chunk.content().data());
    let xmp = blocks.filter(|block| budget.allows(block.len())).cloned().collect();
    Ok(Metadata { xmp, ..Metadata::default() })
}
