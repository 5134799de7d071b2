//! WebP: the chunk `XMP `.

use img_parts::riff::RiffChunk;
use img_parts::webp::CHUNK_XMP;

use super::{Budget, Metadata};

pub(super) fn read(chunks: &[RiffChunk]) -> Metadata {
    let mut budget = Budget::new();
    let blocks = chunks.iter().filter(|chunk| chunk.id() == CHUNK_XMP).filter_map(|chunk| chunk.content().data());
    let xmp = blocks.filter(|block| budget.allows(block.len())).cloned().collect();
    Metadata { xmp, ..Metadata::default() }
}
