use image::metadata::Orientation;
use img_parts::Bytes;

use super::container::{Container, Parts};
use super::{Probe, Rejection, memory, probe};

/// A picture as it was uploaded: its bytes, taken apart once, and what its headers say. Whoever looks at the picture looks
/// at this. The parts share the memory of the bytes, so that a copy costs little.
#[derive(Debug, Clone)]
pub struct PictureFile {
    bytes: Bytes,
    container: Container,
    probe: Probe,
}

impl PictureFile {
    /// Reads type, size and orientation, and checks the size against the bounds, without decoding or unpacking anything.
    pub fn read(bytes: Bytes) -> Result<Self, Rejection> {
        let content_type = probe::type_of(&bytes).ok_or(Rejection::NotAPicture)?;
        let container = Container::read(content_type, &bytes)?;
        let probe = probe::probe(content_type, &container)?;
        Ok(Self { bytes, container, probe })
    }

    /// As they were uploaded.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the headers say.
    pub const fn probe(&self) -> &Probe {
        &self.probe
    }

    /// The most bytes that looking at the picture takes: everything that is in memory at once, from the file to the
    /// thumbnail, if it is decoded to this many pixels on the longer side, as for [`super::decode`].
    pub fn memory(&self, longest: u32) -> u64 {
        self.probe.memory(self.bytes.len() as u64, longest) + memory::of_parts(self.parts().count())
    }

    /// How the stored pixels must be turned to be seen the right way up.
    pub const fn orientation(&self) -> Orientation {
        self.probe.orientation
    }

    /// The file's parts, for what they hold beside the picture.
    pub fn parts(&self) -> Parts<'_> {
        self.container.parts()
    }

    /// The same pixels bit for bit, with colour profile and orientation, and nothing else: no EXIF, GPS, XMP,
    /// IPTC, comments, texts, times, maker notes, previews, further frames, nor bytes after the end of the picture.
    pub fn without_private_metadata(&self) -> Result<Bytes, Rejection> {
        self.container.cleaned(self.probe.orientation)
    }
}
