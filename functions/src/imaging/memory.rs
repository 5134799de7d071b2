//! How much memory looking at a picture takes, by its headers: what zune-jpeg 0.5, png 0.18, image-webp 0.2 and this crate
//! allocate at once, rather too much than too little.

use super::reduce::factor;

/// Tables, thumbnail, metadata: for every picture, whatever its size.
const ALWAYS: u64 = 4 << 20;
/// Bytes a pixel of the reduced picture: itself, over white, weighted by alpha, grey, turned.
const REDUCED: u64 = 14;

/// Bytes for each part that a file is taken apart into: what is known of it, once as found and once as kept, and the pieces
/// that it is written in.
const PART: u64 = 256;

/// While a file is cleaned there are up to three copies of it: as fetched, an animation's frame put together, and the whole
/// put together. While it is decoded there are two.
pub(super) fn of(file_size: u64, decoding: u64, (width, height): (u32, u32), longest: u32) -> u64 {
    let by = u64::from(factor(width, height, longest));
    let reduced = u64::from(width).div_ceil(by) * u64::from(height).div_ceil(by) * REDUCED;
    // Made narrower first, then lower.
    let halfway = if by > 1 { u64::from(longest) * u64::from(width.max(height)) * 3 } else { 0 };
    2 * file_size + file_size.max(decoding + reduced + halfway) + ALWAYS
}

/// Of so many parts of a file: a hostile one has millions, of a few bytes each.
pub(super) fn of_parts(count: usize) -> u64 {
    count as u64 * PART
}

/// Of a JPEG. `None` if its headers make no sense.
pub(super) fn of_jpeg((width, height): (u32, u32), progressive: bool, frame: &[u8], scan: &[u8]) -> Option<u64> {
    let components = usize::from(*frame.get(5)?);
    let specified = frame.get(6..6 + 3 * components)?;
    let sampling = || specified.chunks_exact(3).map(|part| (u64::from(part[1] >> 4), u64::from(part[1] & 15)));
    let (widest, highest) = sampling().fold((1, 1), |(w, h), (across, down)| (w.max(across), h.max(down)));
    let units = u64::from(width).div_ceil(8 * widest) * u64::from(height).div_ceil(8 * highest);
    let samples = units * 64 * sampling().map(|(across, down)| across * down).sum::<u64>();
    let pixels = u64::from(width) * u64::from(height);
    let colours = if components == 1 { 1 } else { 3 };
    // Rows of blocks on their way to pixels, 16 bits a sample, upsampled.
    let rows = u64::from(width + 64) * 8 * 4 * 2 * components as u64 * highest * 2;
    // What is not all there after the first scan is kept as coefficients of 16 bits, and while the file is cleaned, a bit
    // for each says whether it is zero.
    let in_one_scan = !progressive && usize::from(*scan.first()?) == components;
    let coefficients = if in_one_scan { 0 } else { 2 * samples + samples / 8 };
    Some(pixels * colours + coefficients + rows)
}

/// Of a PNG, 8 bits a channel. `kind` is the colour type of its header.
pub(super) fn of_png((width, height): (u32, u32), kind: u8, transparent: bool, interlaced: bool) -> u64 {
    let channels = match kind {
        0 => 1,
        2 | 3 => 3,
        4 => 2,
        _ => 4,
    } + u64::from(transparent);
    // As stored, as unfiltered, as returned; 16 bits a channel.
    let rows = u64::from(width) * channels * 2 * 4 + (1 << 20);
    // Passes of an interlaced picture are put together as a whole; a reduced copy is among the small ones.
    if interlaced { u64::from(width) * u64::from(height) * channels + rows } else { rows }
}

/// What a WebP holds.
pub(super) enum WebPKind {
    Lossy,
    LossyWithAlpha,
    Lossless,
    Animated,
}

/// Of a WebP: planes of a lossy picture take 1.5 bytes a pixel, its transparency 5 while it is unpacked, a lossless
/// picture or an animation's canvas and frame 4 each; the colours that are returned 3 or 4.
pub(super) fn of_webp((width, height): (u32, u32), kind: &WebPKind) -> u64 {
    let halves = match kind {
        WebPKind::Lossy => 9,
        WebPKind::LossyWithAlpha => 21,
        WebPKind::Lossless => 16,
        WebPKind::Animated => 38,
    };
    u64::from(width + 16) * u64::from(height + 16) * halves / 2
}
