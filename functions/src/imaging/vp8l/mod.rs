//! How much memory a lossless WebP stream (RFC 9649 §3) takes besides its pixels, computed before it is decoded.
//!
//! A picture may be partitioned into blocks, each of which names one of up to 65,536 groups of five prefix codes. How many
//! there are is said by a picture of its own (the entropy image), not by the size of the picture: 0.9 MB with 80×80 pixels
//! make the decoder allocate 4.5 GB of tables. So the stream is read here as far as the last code, which takes time in
//! proportion to the file, its pixels and its codes, and memory of a quarter of a byte for each pixel at most; each code's
//! tables are counted as the decoder (image-webp 0.2) makes them.

mod bits;
mod code;
mod pixels;
#[cfg(test)]
mod tests;

use self::bits::Bits;
pub(super) use self::bits::Broken;
use self::code::Code;

/// Bytes of the decoder's group: five codes of 56 bytes each, in a list that has twice the room it needs at worst, and
/// half of that beside it while it grows.
const GROUP: u64 = 5 * 56 * 3;

/// The groups of codes of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Groups {
    number: u64,
    tables: u64,
}

impl Groups {
    /// The most bytes that the decoder has for them at once.
    pub(super) const fn memory(self) -> u64 {
        self.number * GROUP + self.tables
    }
}

/// Of a picture's stream (the contents of a VP8L chunk).
pub(super) fn of_picture(data: &[u8]) -> Result<Groups, Broken> {
    let mut bits = Bits::new(data);
    let signature = bits.take(8)?;
    let (width, height) = (bits.take(14)? + 1, bits.take(14)? + 1);
    let _has_alpha = bits.flag()?;
    let version = bits.take(3)?;
    if (signature, version) != (0x2f, 0) {
        return Err(Broken);
    }
    groups(&mut bits, width, height)
}

/// Of the transparency of a lossy picture of this size (the contents of an ALPH chunk), which may be such a stream.
pub(super) fn of_alpha(data: &[u8], (width, height): (u32, u32)) -> Result<Groups, Broken> {
    match data.split_first() {
        Some((header, stream)) if header & 3 == 1 => groups(&mut Bits::new(stream), width as usize, height as usize),
        _ => Ok(Groups::default()),
    }
}

/// Reads transforms, entropy image and codes, up to the picture's own pixels.
fn groups(bits: &mut Bits<'_>, width: usize, height: usize) -> Result<Groups, Broken> {
    let width = width_after_transforms(bits, width, height)?;
    let cache_bits = pixels::cache_bits(bits)?;
    let mut number = 1;
    if bits.flag()? {
        let entropy = blocks(bits, width, height)?;
        number =
            entropy.iter().map(|[red, green, ..]| u64::from(u16::from_be_bytes([*red, *green])) + 1).max().unwrap_or(1);
    }
    let mut tables = 0;
    for _ in 0..number {
        tables += pixels::group(bits, cache_bits)?.iter().map(Code::memory).sum::<u64>();
    }
    Ok(Groups { number, tables })
}

/// Passes over the transforms; one that packs several pixels into one makes the picture narrower.
fn width_after_transforms(bits: &mut Bits<'_>, mut width: usize, height: usize) -> Result<usize, Broken> {
    let mut seen = [false; 4];
    while bits.flag()? {
        let kind = bits.take(2)?;
        if std::mem::replace(&mut seen[kind], true) {
            return Err(Broken);
        }
        match kind {
            // Predictors, and differences between channels: a value for each block.
            0 | 1 => drop(blocks(bits, width, height)?),
            2 => {}
            // A palette.
            _ => {
                let colours = bits.take(8)? + 1;
                pixels::read(bits, colours, 1)?;
                let in_one = match colours {
                    ..=2 => 8,
                    3..=4 => 4,
                    5..=16 => 2,
                    _ => 1,
                };
                width = width.div_ceil(in_one);
            }
        }
    }
    Ok(width)
}

/// Reads a picture that has one pixel for each block of this one: blocks have 4 to 512 pixels a side.
fn blocks(bits: &mut Bits<'_>, width: usize, height: usize) -> Result<Vec<pixels::Pixel>, Broken> {
    let side = 1 << (bits.take(3)? + 2);
    pixels::read(bits, width.div_ceil(side), height.div_ceil(side))
}
