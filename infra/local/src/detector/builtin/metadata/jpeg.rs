//! JPEG: XMP in APP1 (XMP specification, part 3), IPTC-IIM in the Photoshop resources of APP13.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};
use img_parts::jpeg::{JpegSegment, markers};

use super::{Budget, Metadata};

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
/// The Photoshop resource that holds IPTC-IIM.
const IPTC_RESOURCE: u16 = 0x0404;
/// The extended packet's name (an MD5 in hex), which the main packet must mention.
const GUID_LENGTH: usize = 32;

pub(super) fn read(segments: &[JpegSegment]) -> Metadata {
    let mut metadata = Metadata::default();
    let mut budget = Budget::new();
    let mut extended = ExtendedXmp::default();
    let mut photoshop = BytesMut::new();
    for segment in segments {
        let contents = segment.contents();
        match segment.marker() {
            markers::APP1 => {
                if let Some(packet) = after(contents, XMP).filter(|packet| budget.allows(packet.len())) {
                    metadata.xmp.push(packet);
                } else if let Some(part) = after(contents, EXTENDED_XMP).filter(|part| budget.allows(part.len())) {
                    extended.add(part);
                }
            }
            markers::APP13 => {
                if let Some(part) = after(contents, PHOTOSHOP).filter(|part| budget.allows(part.len())) {
                    photoshop.extend_from_slice(&part);
                }
            }
            _ => {}
        }
    }
    let extension = metadata.xmp.first().and_then(|main| extended.packet_of(main));
    metadata.xmp.extend(extension);
    metadata.iptc = iptc_resources(photoshop.freeze());
    metadata
}

fn after(contents: &Bytes, prefix: &[u8]) -> Option<Bytes> {
    contents.starts_with(prefix).then(|| contents.slice(prefix.len()..))
}

/// A packet too large for one segment, in parts: GUID, full length, offset, bytes.
#[derive(Default)]
struct ExtendedXmp {
    parts: BTreeMap<(Bytes, u32), Bytes>,
}

impl ExtendedXmp {
    fn add(&mut self, mut part: Bytes) {
        if part.len() < GUID_LENGTH + 8 {
            return;
        }
        let guid = part.split_to(GUID_LENGTH);
        let _full_length = part.get_u32();
        let offset = part.get_u32();
        self.parts.insert((guid, offset), part);
    }

    /// The parts that belong to the main packet, put together as far as there is no gap.
    fn packet_of(&self, main: &[u8]) -> Option<Bytes> {
        let mentioned = |guid: &[u8]| main.windows(GUID_LENGTH).any(|window| window == guid);
        let (guid, _) = self.parts.keys().find(|(guid, offset)| *offset == 0 && mentioned(guid))?;
        let mut packet = BytesMut::new();
        for ((_, offset), part) in self.parts.range((guid.clone(), 0)..=(guid.clone(), u32::MAX)) {
            if *offset as usize != packet.len() {
                break;
            }
            packet.extend_from_slice(part);
        }
        Some(packet.freeze())
    }
}

/// `8BIM`, number, name (Pascal string), length, data; name and data are padded to an even length.
fn iptc_resources(mut resources: Bytes) -> Vec<Bytes> {
    let mut found = Vec::new();
    while resources.starts_with(b"8BIM") && resources.len() > 7 {
        resources.advance(4);
        let number = resources.get_u16();
        let name = (usize::from(resources[0]) + 1).next_multiple_of(2);
        if resources.len() < name + 4 {
            break;
        }
        resources.advance(name);
        let length = resources.get_u32() as usize;
        if resources.len() < length {
            break;
        }
        let data = resources.split_to(length);
        resources.advance((length % 2).min(resources.len()));
        if number == IPTC_RESOURCE {
            found.push(data);
        }
    }
    found
}

#[cfg(test)]
mod tests;
