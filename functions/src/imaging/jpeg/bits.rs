//! The bits of a scan (ITU T.81 §B.1.1.5 and §F.2.2.5).

use img_parts::jpeg::markers;

/// The data of a scan end before the picture does, or stand for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// Reads bits, the most significant first, up to the next marker. It reads none that are not there.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Of the next byte that is not in `buffer` yet.
    at: usize,
    /// The next `count` bits, from the top; below them are zeros.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) const fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, buffer: 0, count: 0 }
    }

    /// Makes sure of 32 bits, where there are that many.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(&[a, b, c, d]) = self.data.get(self.at..self.at + 4)
            && a != markers::P
            && b != markers::P
            && c != markers::P
            && d != markers::P
        {
            self.buffer |= u64::from(u32::from_be_bytes([a, b, c, d])) << (32 - self.count);
            self.count += 32;
            self.at += 4;
            return;
        }
        self.refill_by_bytes();
    }

    fn refill_by_bytes(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.data.get(self.at) else { return };
            if byte == markers::P && self.data.get(self.at + 1) != Some(&0) {
                return; // a marker, or a fill byte before one
            }
            self.at += if byte == markers::P { 2 } else { 1 };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next bits without taking them, 1 to 32; zeros after the last one.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "at most 32 bits are left")]
    pub(super) const fn peek(&self, bits: u32) -> usize {
        (self.buffer >> (64 - bits)) as usize
    }

    /// Passes over at most 32 bits.
    #[inline]
    pub(super) const fn skip(&mut self, bits: u32) -> Result<(), Broken> {
        if bits > self.count {
            return Err(Broken);
        }
        self.buffer <<= bits;
        self.count -= bits;
        Ok(())
    }

    /// Takes up to 16 bits as a number.
    pub(super) fn take(&mut self, bits: u32) -> Result<u32, Broken> {
        if bits == 0 {
            return Ok(0);
        }
        self.refill();
        let number = self.peek(bits);
        self.skip(bits)?;
        u32::try_from(number).map_err(|_| Broken)
    }

    /// Passes over any number of bits.
    pub(super) fn skip_all(&mut self, mut bits: u32) -> Result<(), Broken> {
        while bits > 0 {
            self.refill();
            let now = bits.min(32);
            self.skip(now)?;
            bits -= now;
        }
        Ok(())
    }

    /// Where the byte after the last one begins of which a bit was taken.
    pub(super) fn end(&self) -> usize {
        let mut end = self.at;
        for _ in 0..self.count / 8 {
            end -= if end >= 2 && self.data[end - 2..end] == [markers::P, 0] { 2 } else { 1 };
        }
        end
    }
}
