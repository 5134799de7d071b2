//! Prefix codes (RFC 9649 §3.7.2.1), and what the decoder's tables for one take.

use super::bits::{Bits, Broken};

/// The longest code of a symbol, in bits.
const MAX_WAIT: usize = 15;
/// Lengths of codes, and three symbols for repeated ones.
const LENGTHS: usize = 19;
/// In which order the lengths of the codes for lengths are sent.
const ORDER: [usize; LENGTHS] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Bits that the decoder looks up in a table at once; longer codes go on in a tree.
const TABLE_BITS: usize = 10;
/// Bytes of an entry of the decoder's table.
const ENTRY: u64 = 4;
/// Bytes of a node of the decoder's tree: an offset or a symbol, and which of them it is.
const NODE: u64 = 16;
/// Nodes of the tree of two symbols that are sent by themselves, of which none is used.
const FEWEST_NODES: u64 = 3;

/// A prefix code.
pub(super) enum Code {
    /// Takes no bits.
    One(u16),
    /// How many symbols have a code of each length, and the symbols in the order of their codes.
    Many { counts: [u16; MAX_WAIT + 1], symbols: Vec<u16> },
}

impl Code {
    /// Reads the description of a code for this many symbols.
    pub(super) fn read(bits: &mut Bits<'_>, alphabet: usize) -> Result<Self, Broken> {
        if !bits.flag()? {
            return Self::of(&lengths(bits, alphabet)?);
        }
        let two = bits.flag()?;
        let first_bits = if bits.flag()? { 8 } else { 1 };
        let first = symbol(bits.take(first_bits)?, alphabet)?;
        if !two {
            return Ok(Self::One(first));
        }
        let second = symbol(bits.take(8)?, alphabet)?;
        let mut counts = [0; MAX_WAIT + 1];
        counts[1] = 2;
        Ok(Self::Many { counts, symbols: vec![first, second] })
    }

    /// The code whose symbols have codes of these lengths; 0 for none. It is refused unless it is complete: the decoder
    /// takes some that have too many codes, and panics over them.
    fn of(lengths: &[u8]) -> Result<Self, Broken> {
        let mut counts = [0u16; MAX_WAIT + 1];
        for &length in lengths {
            counts[usize::from(length)] += 1;
        }
        counts[0] = 0;
        let mut places = [0usize; MAX_WAIT + 1];
        let mut used = 0;
        let mut room = 0u32;
        for length in 1..=MAX_WAIT {
            places[length] = used;
            used += usize::from(counts[length]);
            room += u32::from(counts[length]) << (MAX_WAIT - length);
        }
        let mut symbols = vec![0; used];
        for (symbol, &length) in (0u16..).zip(lengths).filter(|(_, length)| **length != 0) {
            let place = &mut places[usize::from(length)];
            symbols[*place] = symbol;
            *place += 1;
        }
        match symbols[..] {
            [only] => Ok(Self::One(only)),
            _ if room == 1 << MAX_WAIT => Ok(Self::Many { counts, symbols }),
            _ => Err(Broken),
        }
    }

    /// The next symbol of the stream.
    #[inline]
    pub(super) fn next(&self, bits: &mut Bits<'_>) -> Result<u16, Broken> {
        let (counts, symbols) = match self {
            Self::One(symbol) => return Ok(*symbol),
            Self::Many { counts, symbols } => (counts, symbols),
        };
        // `code` counts from the first code of its length, `before` the symbols with shorter ones.
        let (mut code, mut before) = (0, 0);
        for &count in &counts[1..] {
            code += bits.take(1)?;
            let count = usize::from(count);
            if code < count {
                return symbols.get(before + code).copied().ok_or(Broken);
            }
            before += count;
            code = (code - count) << 1;
        }
        Err(Broken)
    }

    /// The most bytes that the decoder allocates for it: for one symbol none; otherwise a table of as many bits as the
    /// longest code has, up to 10, and a tree with room for two nodes for each symbol whose code is longer than that.
    /// For example 2,048 codes of 11 bits, which a stream says in 9 bytes: 4,096 + 2 × 2,048 × 16 bytes.
    pub(super) fn memory(&self) -> u64 {
        let Self::Many { counts, .. } = self else { return 0 };
        let longest = counts.iter().rposition(|count| *count > 0).unwrap_or(0);
        let beyond: u64 = counts[TABLE_BITS + 1..].iter().map(|count| u64::from(*count)).sum();
        let table = ENTRY << longest.min(TABLE_BITS);
        let tree = NODE * (2 * beyond).max(FEWEST_NODES);
        allocated(table) + allocated(tree)
    }
}

/// What an allocator takes for this many bytes: with its own notes, rounded up to the next size that it has.
fn allocated(bytes: u64) -> u64 {
    bytes + bytes / 8 + 32
}

fn symbol(number: usize, alphabet: usize) -> Result<u16, Broken> {
    if number < alphabet { u16::try_from(number).map_err(|_| Broken) } else { Err(Broken) }
}

/// Of each symbol, the length of its code.
fn lengths(bits: &mut Bits<'_>, alphabet: usize) -> Result<Vec<u8>, Broken> {
    let mut of_lengths = [0; LENGTHS];
    let given = 4 + bits.take(4)?;
    for &length in &ORDER[..given] {
        of_lengths[length] = short(bits.take(3)?)?;
    }
    let code = Code::of(&of_lengths)?;
    let mut left = alphabet;
    if bits.flag()? {
        let width = 2 + 2 * bits.take(3)?;
        left = 2 + bits.take(u32::try_from(width).map_err(|_| Broken)?)?;
    }
    if left > alphabet {
        return Err(Broken);
    }
    let mut lengths = Vec::with_capacity(alphabet);
    let mut last = 8;
    while lengths.len() < alphabet && left > 0 {
        left -= 1;
        let (length, times) = match code.next(bits)? {
            16 => (last, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            18 => (0, 11 + bits.take(7)?),
            length => (short(length.into())?, 1),
        };
        if length != 0 {
            last = length;
        }
        if lengths.len() + times > alphabet {
            return Err(Broken);
        }
        lengths.resize(lengths.len() + times, length);
    }
    lengths.resize(alphabet, 0);
    Ok(lengths)
}

fn short(length: usize) -> Result<u8, Broken> {
    u8::try_from(length).map_err(|_| Broken)
}
