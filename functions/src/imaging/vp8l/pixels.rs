//! Pictures inside a stream that say how the picture itself is coded (RFC 9649 §3.5 and §3.7): they have one group of codes.
//!
//! Where the decoder departs from the standard, this goes with the decoder: it must see what the decoder will see.

use super::bits::{Bits, Broken};
use super::code::Code;

/// Red, green, blue, alpha.
pub(super) type Pixel = [u8; 4];

/// Green values, and lengths of copies; the cached colours come after them.
const LITERALS: u16 = 256;
const LITERALS_AND_LENGTHS: u16 = LITERALS + 24;
const DISTANCES: usize = 40;

/// Distances by their number from 1: so many pixels to the left (to the right if negative), so many rows up.
#[rustfmt::skip]
const NEAR: [(i8, i8); 120] = [
    (0, 1),  (1, 0),  (1, 1),  (-1, 1), (0, 2),  (2, 0),  (1, 2),  (-1, 2),
    (2, 1),  (-2, 1), (2, 2),  (-2, 2), (0, 3),  (3, 0),  (1, 3),  (-1, 3),
    (3, 1),  (-3, 1), (2, 3),  (-2, 3), (3, 2),  (-3, 2), (0, 4),  (4, 0),
    (1, 4),  (-1, 4), (4, 1),  (-4, 1), (3, 3),  (-3, 3), (2, 4),  (-2, 4),
    (4, 2),  (-4, 2), (0, 5),  (3, 4),  (-3, 4), (4, 3),  (-4, 3), (5, 0),
    (1, 5),  (-1, 5), (5, 1),  (-5, 1), (2, 5),  (-2, 5), (5, 2),  (-5, 2),
    (4, 4),  (-4, 4), (3, 5),  (-3, 5), (5, 3),  (-5, 3), (0, 6),  (6, 0),
    (1, 6),  (-1, 6), (6, 1),  (-6, 1), (2, 6),  (-2, 6), (6, 2),  (-6, 2),
    (4, 5),  (-4, 5), (5, 4),  (-5, 4), (3, 6),  (-3, 6), (6, 3),  (-6, 3),
    (0, 7),  (7, 0),  (1, 7),  (-1, 7), (5, 5),  (-5, 5), (7, 1),  (-7, 1),
    (4, 6),  (-4, 6), (6, 4),  (-6, 4), (2, 7),  (-2, 7), (7, 2),  (-7, 2),
    (3, 7),  (-3, 7), (7, 3),  (-7, 3), (5, 6),  (-5, 6), (6, 5),  (-6, 5),
    (8, 0),  (4, 7),  (-4, 7), (7, 4),  (-7, 4), (8, 1),  (8, 2),  (6, 6),
    (-6, 6), (8, 3),  (5, 7),  (-5, 7), (7, 5),  (-7, 5), (8, 4),  (6, 7),
    (-6, 7), (7, 6),  (-7, 6), (8, 5),  (7, 7),  (-7, 7), (8, 6),  (8, 7),
];

/// The five codes of a group: green with lengths and cached colours, red, blue, alpha, distance.
pub(super) type Group = [Code; 5];

pub(super) fn group(bits: &mut Bits<'_>, cache_bits: Option<u32>) -> Result<Group, Broken> {
    let cached = cache_bits.map_or(0, |bits| 1 << bits);
    Ok([
        Code::read(bits, usize::from(LITERALS_AND_LENGTHS) + cached)?,
        Code::read(bits, usize::from(LITERALS))?,
        Code::read(bits, usize::from(LITERALS))?,
        Code::read(bits, usize::from(LITERALS))?,
        Code::read(bits, DISTANCES)?,
    ])
}

/// Of how many bits the numbers of cached colours are.
pub(super) fn cache_bits(bits: &mut Bits<'_>) -> Result<Option<u32>, Broken> {
    if !bits.flag()? {
        return Ok(None);
    }
    match u32::try_from(bits.take(4)?) {
        Ok(number @ 1..=11) => Ok(Some(number)),
        _ => Err(Broken),
    }
}

/// Reads all pixels of a picture of this size.
pub(super) fn read(bits: &mut Bits<'_>, width: usize, height: usize) -> Result<Vec<Pixel>, Broken> {
    let cache_bits = cache_bits(bits)?;
    let [green, red, blue, alpha, distance] = group(bits, cache_bits)?;
    let mut cache = cache_bits.map(Cache::new);
    let total = width * height;
    let mut pixels: Vec<Pixel> = Vec::with_capacity(total);
    while pixels.len() < total {
        let code = green.next(bits)?;
        if let Some(cached) = code.checked_sub(LITERALS_AND_LENGTHS) {
            pixels
                .push(cache.as_ref().and_then(|cache| cache.colours.get(usize::from(cached))).copied().ok_or(Broken)?);
        } else if let Some(length) = code.checked_sub(LITERALS) {
            let length = number(bits, length)?;
            let distance = distance.next(bits)?;
            let back = pixels_back(number(bits, distance)?, width);
            if back > pixels.len() || length > total - pixels.len() {
                return Err(Broken);
            }
            for _ in 0..length {
                let pixel = pixels[pixels.len() - back];
                pixels.push(pixel);
                // The decoder takes it that the pixel before is cached already.
                if let Some(cache) = cache.as_mut().filter(|_| back > 1) {
                    cache.insert(pixel);
                }
            }
        } else {
            let red = byte(red.next(bits)?)?;
            let pixel = [red, byte(code)?, byte(blue.next(bits)?)?, byte(alpha.next(bits)?)?];
            pixels.push(pixel);
            if let Some(cache) = &mut cache {
                cache.insert(pixel);
            }
        }
    }
    Ok(pixels)
}

fn byte(symbol: u16) -> Result<u8, Broken> {
    u8::try_from(symbol).map_err(|_| Broken)
}

/// A length or a distance, from its prefix and the bits that follow: from 1.
fn number(bits: &mut Bits<'_>, prefix: u16) -> Result<usize, Broken> {
    if prefix < 4 {
        return Ok(usize::from(prefix) + 1);
    }
    let extra = u32::from(prefix - 2) >> 1;
    Ok((usize::from(2 + (prefix & 1)) << extra) + bits.take(extra)? + 1)
}

/// How many pixels back a distance's number means.
fn pixels_back(number: usize, width: usize) -> usize {
    let Some((left, up)) = NEAR.get(number - 1) else { return number - NEAR.len() };
    // `up` is never negative.
    let up = width * usize::from(up.unsigned_abs());
    up.saturating_add_signed(isize::from(*left)).max(1)
}

/// Colours that were used before, by their hash.
struct Cache {
    bits: u32,
    colours: Vec<Pixel>,
}

impl Cache {
    fn new(bits: u32) -> Self {
        Self { bits, colours: vec![[0; 4]; 1 << bits] }
    }

    fn insert(&mut self, pixel: Pixel) {
        let [red, green, blue, alpha] = pixel;
        let hash = u32::from_be_bytes([alpha, red, green, blue]).wrapping_mul(0x1e35_a7bd) >> (32 - self.bits);
        self.colours[hash as usize] = pixel;
    }
}
