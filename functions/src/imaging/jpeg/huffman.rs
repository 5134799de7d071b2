//! Huffman tables (ITU T.81 §B.2.4.2 and annex C).

use super::bits::{Bits, Broken};

/// Codes of up to this many bits are looked up at once.
const LOOK_UP: u32 = 10;
/// The longest code.
const MAX_LENGTH: usize = 16;
/// What ends a block in [`Table::step`]: further than any block is long.
pub(super) const END_OF_BLOCK: u8 = 64;

/// A table, made for passing over symbols rather than for decoding them.
pub(super) struct Table {
    /// By the next bits: length of the code and symbol; length 0 for longer codes.
    symbols: Vec<(u8, u8)>,
    /// By the next bits: length of code and value together, and how far the coefficient moves; length 0 for longer codes.
    steps: Vec<(u8, u8)>,
    /// Of each length: the first code after the last one, aligned to 16 bits, and what to add to a code for its value's place.
    by_length: [(u32, i32); MAX_LENGTH + 1],
    values: Vec<u8>,
}

/// Takes the tables of a DHT segment apart: class (0 for DC, 1 for AC), destination, table.
pub(super) fn read(mut segment: &[u8]) -> Result<Vec<(u8, usize, Table)>, Broken> {
    let mut tables = Vec::new();
    while let Some((&head, rest)) = segment.split_first() {
        let counts = rest.get(..MAX_LENGTH).ok_or(Broken)?;
        let total = counts.iter().map(|count| usize::from(*count)).sum::<usize>();
        let values = rest.get(MAX_LENGTH..MAX_LENGTH + total).ok_or(Broken)?;
        segment = &rest[MAX_LENGTH + total..];
        if head >> 4 > 1 || head & 15 > 3 {
            return Err(Broken);
        }
        tables.push((head >> 4, usize::from(head & 15), Table::new(counts, values)?));
    }
    Ok(tables)
}

impl Table {
    fn new(counts: &[u8], values: &[u8]) -> Result<Self, Broken> {
        let size = 1 << LOOK_UP;
        let mut table = Self {
            symbols: vec![(0, 0); size],
            steps: vec![(0, 0); size],
            by_length: [(0, 0); MAX_LENGTH + 1],
            values: values.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, count) in (1_u8..).zip(counts) {
            let first = i32::try_from(place).map_err(|_| Broken)? - i32::try_from(code).map_err(|_| Broken)?;
            for _ in 0..*count {
                if code >> length != 0 {
                    return Err(Broken); // more codes than that many bits can tell apart
                }
                table.enter(code, length, values[place]);
                code += 1;
                place += 1;
            }
            table.by_length[usize::from(length)] = (code << (16 - u32::from(length)), first);
            code <<= 1;
        }
        Ok(table)
    }

    fn enter(&mut self, code: u32, length: u8, symbol: u8) {
        let Some(free) = LOOK_UP.checked_sub(length.into()) else { return };
        let begin = (code << free) as usize;
        let step = (length + (symbol & 15), advance(symbol));
        self.symbols[begin..begin + (1 << free)].fill((length, symbol));
        self.steps[begin..begin + (1 << free)].fill(step);
    }

    /// Takes one symbol.
    #[inline]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Broken> {
        bits.refill();
        let (length, symbol) = self.symbols[bits.peek(LOOK_UP)];
        if length == 0 {
            return self.long_symbol(bits);
        }
        bits.skip(length.into())?;
        Ok(symbol)
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Broken> {
        let next = u32::try_from(bits.peek(16)).map_err(|_| Broken)?;
        for length in LOOK_UP as usize + 1..=MAX_LENGTH {
            let (after, first) = self.by_length[length];
            if next < after {
                let code = i32::try_from(next >> (16 - length)).map_err(|_| Broken)?;
                let place = usize::try_from(code + first).map_err(|_| Broken)?;
                bits.skip(u32::try_from(length).map_err(|_| Broken)?)?;
                return self.values.get(place).copied().ok_or(Broken);
            }
        }
        Err(Broken)
    }

    /// Takes one symbol of a sequential picture's AC coefficients with the value that follows it. Says how many coefficients
    /// further the next one is; at least [`END_OF_BLOCK`] if none follows.
    #[inline]
    pub(super) fn step(&self, bits: &mut Bits<'_>) -> Result<u32, Broken> {
        bits.refill();
        let (length, step) = self.steps[bits.peek(LOOK_UP)];
        if length != 0 {
            bits.skip(length.into())?;
            return Ok(step.into());
        }
        let symbol = self.long_symbol(bits)?;
        bits.refill();
        bits.skip((symbol & 15).into())?;
        Ok(advance(symbol).into())
    }

    /// Takes one DC difference.
    #[inline]
    pub(super) fn difference(&self, bits: &mut Bits<'_>) -> Result<(), Broken> {
        let length = self.symbol(bits)?;
        if length > 15 {
            return Err(Broken);
        }
        bits.refill();
        bits.skip(length.into())
    }
}

/// A run of zeros and one value, 16 zeros, or the end of the block.
const fn advance(symbol: u8) -> u8 {
    match (symbol >> 4, symbol & 15) {
        (15, 0) => 16,
        (_, 0) => END_OF_BLOCK,
        (run, _) => run + 1,
    }
}
