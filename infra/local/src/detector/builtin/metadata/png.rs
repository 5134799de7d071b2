//! PNG: the text chunks `tEXt`, `zTXt` and `iTXt` (W3C PNG, third edition, 11.3.3).

use std::io::Read;

use flate2::read::ZlibDecoder;
use img_parts::png::PngChunk;

use super::{Budget, Metadata};

/// The name of the text that holds XMP (XMP specification, part 3).
const XMP: &[u8] = b"XML:com.adobe.xmp";
const KEYWORDS: &[u8] = b"Keywords";

pub(super) fn read(chunks: &[PngChunk]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut budget = Budget::new();
    for chunk in chunks {
        let Some(text) = Text::parse(chunk.kind(), chunk.contents()) else { continue };
        let is_xmp = text.name == XMP && text.is_utf8;
        if !is_xmp && !text.name.eq_ignore_ascii_case(KEYWORDS) {
            continue;
        }
        let Some(content) = text.content(&mut budget) else { continue };
        if is_xmp {
            metadata.xmp.push(content.into());
        } else if text.is_utf8 {
            metadata.keyword_lists.push(String::from_utf8_lossy(&content).into_owned());
        } else {
            metadata.keyword_lists.push(content.into_iter().map(char::from).collect());
        }
    }
    metadata
}

/// A text chunk, taken apart.
struct Text<'a> {
    name: &'a [u8],
    is_compressed: bool,
    /// Whether the text is UTF-8; otherwise it is Latin-1.
    is_utf8: bool,
    content: &'a [u8],
}

impl<'a> Text<'a> {
    fn parse(kind: [u8; 4], contents: &'a [u8]) -> Option<Self> {
        let (name, rest) = split_at_zero(contents)?;
        match &kind {
            b"tEXt" => Some(Self { name, is_compressed: false, is_utf8: false, content: rest }),
            // One byte says how it is compressed; 0 is the only way there is.
            b"zTXt" => Some(Self { name, is_compressed: true, is_utf8: false, content: rest.strip_prefix(&[0])? }),
            b"iTXt" => {
                let (flags, rest) = rest.split_at_checked(2)?;
                let (_language, rest) = split_at_zero(rest)?;
                let (_translated_name, content) = split_at_zero(rest)?;
                Some(Self { name, is_compressed: flags[0] == 1, is_utf8: true, content })
            }
            _ => None,
        }
    }

    /// The text itself, if the budget allows. What it inflates to is counted, not what it is compressed to.
    fn content(&self, budget: &mut Budget) -> Option<Vec<u8>> {
        if !self.is_compressed {
            return budget.allows(self.content.len()).then(|| self.content.to_vec());
        }
        let mut inflated = Vec::new();
        // One byte more than allowed shows that there is too much.
        let most = budget.0 as u64 + 1;
        if let Err(error) = ZlibDecoder::new(self.content).take(most).read_to_end(&mut inflated) {
            tracing::debug!(%error, "a compressed PNG text chunk could not be decompressed");
            return None;
        }
        budget.allows(inflated.len()).then_some(inflated)
    }
}

fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let zero = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..zero], &bytes[zero + 1..]))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn chunk(kind: [u8; 4], contents: Vec<u8>) -> PngChunk {
        PngChunk::new(kind, contents.into())
    }

    fn deflated(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn keywords_are_read_from_all_three_kinds_of_text_chunk() {
        for (kind, contents) in [
            (*b"tEXt", b"Keywords\0caf\xe9, dog".to_vec()),
            (*b"zTXt", [b"Keywords\0\0".to_vec(), deflated(b"caf\xe9, dog")].concat()),
            (*b"iTXt", "Keywords\0\0\0\0\0café, dog".as_bytes().to_vec()),
            (*b"iTXt", [b"keywords\0\x01\0en\0\0".to_vec(), deflated("café, dog".as_bytes())].concat()),
        ] {
            assert_eq!(read(&[chunk(kind, contents)]).keyword_lists, ["café, dog"]);
        }
    }

    #[test]
    fn text_chunks_with_other_names_hold_no_keywords() {
        let metadata = read(&[chunk(*b"tEXt", b"Comment\0dog".to_vec())]);
        assert!(metadata.keyword_lists.is_empty() && metadata.xmp.is_empty());
    }

    #[test]
    fn an_endlessly_inflating_text_is_skipped_and_the_next_is_read() {
        let bomb = [b"Keywords\0\0".to_vec(), deflated(&vec![b'a'; 50 << 20])].concat();
        let metadata = read(&[chunk(*b"zTXt", bomb), chunk(*b"tEXt", b"Keywords\0dog".to_vec())]);
        assert_eq!(metadata.keyword_lists, ["dog"]);
    }

    #[test]
    fn broken_texts_are_skipped() {
        for contents in [&b""[..], b"Keywords", b"Keywords\0", b"Keywords\0\x01\0en", b"Keywords\0\0not zlib"] {
            for kind in [*b"zTXt", *b"iTXt"] {
                assert!(read(&[chunk(kind, contents.to_vec())]).keyword_lists.is_empty());
            }
        }
    }
}
