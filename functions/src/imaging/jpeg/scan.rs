//! The headers of frame and scan (ITU T.81 §B.2.2 and §B.2.3).

use super::bits::Broken;

/// What a frame header says.
pub(super) struct Frame {
    pub(super) progressive: bool,
    /// Bits of a sample.
    pub(super) precision: u8,
    pub(super) components: Vec<Component>,
    /// Minimum coded units of an interleaved scan, across and down.
    pub(super) units: (usize, usize),
}

/// A component of a frame.
pub(super) struct Component {
    id: u8,
    /// Blocks of a unit, across and down.
    pub(super) sampling: (usize, usize),
    /// Blocks of a scan of this component alone, across and down.
    pub(super) blocks: (usize, usize),
}

impl Frame {
    pub(super) fn read(progressive: bool, segment: &[u8]) -> Result<Self, Broken> {
        let &[precision, h1, h2, w1, w2, count, ref rest @ ..] = segment else { return Err(Broken) };
        let (width, height) = (usize::from(u16::from_be_bytes([w1, w2])), usize::from(u16::from_be_bytes([h1, h2])));
        let specified = rest.get(..3 * usize::from(count)).ok_or(Broken)?;
        if !(1..=4).contains(&count) || width == 0 || height == 0 {
            return Err(Broken);
        }
        let sampling = |both: u8| (usize::from(both >> 4), usize::from(both & 15));
        let (mut widest, mut highest) = (1, 1);
        for component in specified.chunks_exact(3) {
            let (across, down) = sampling(component[1]);
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(Broken);
            }
            (widest, highest) = (widest.max(across), highest.max(down));
        }
        let components = specified.chunks_exact(3).map(|component| {
            let (across, down) = sampling(component[1]);
            let blocks = ((width * across).div_ceil(widest * 8), (height * down).div_ceil(highest * 8));
            Component { id: component[0], sampling: (across, down), blocks }
        });
        Ok(Self {
            progressive,
            precision,
            components: components.collect(),
            units: (width.div_ceil(8 * widest), height.div_ceil(8 * highest)),
        })
    }
}

/// What a scan header says.
pub(super) struct Scan {
    /// Of each component in it: its place in the frame, and where its DC and AC tables are.
    pub(super) components: Vec<(usize, usize, usize)>,
    /// The first and the last coefficient, in zigzag order.
    pub(super) band: (u32, u32),
    /// The bit before this one was sent by an earlier scan; 0 if none was.
    pub(super) high: u8,
    /// The lowest bit that this scan sends.
    pub(super) low: u8,
}

impl Scan {
    pub(super) fn read(frame: &Frame, segment: &[u8]) -> Result<Self, Broken> {
        let (&count, rest) = segment.split_first().ok_or(Broken)?;
        let count = usize::from(count);
        let (chosen, rest) = rest.split_at_checked(2 * count).ok_or(Broken)?;
        let &[first, last, bits, ..] = rest else { return Err(Broken) };
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(count);
        for pair in chosen.chunks_exact(2) {
            let place = frame.components.iter().position(|component| component.id == pair[0]).ok_or(Broken)?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            if dc > 3 || ac > 3 || components.iter().any(|(other, ..)| *other == place) {
                return Err(Broken);
            }
            components.push((place, dc, ac));
        }
        let (first, last, bits) = if frame.progressive { (first, last, bits) } else { (0, 63, 0) };
        let scan = Self { components, band: (first.into(), last.into()), high: bits >> 4, low: bits & 15 };
        let dc_only = first == 0 && (last == 0 || !frame.progressive);
        let ac_of_one = first > 0 && first <= last && last < 64 && count == 1;
        if count > 0 && (dc_only || ac_of_one) && scan.low < 14 { Ok(scan) } else { Err(Broken) }
    }
}
