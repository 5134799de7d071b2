//! The bits of a stream (RFC 9649 §3.3).

/// The stream ends too early, or says what no encoder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::imaging) struct Broken;

/// Reads bits, the least significant first. It reads none that are not there.
pub(super) struct Bits<'a> {
    rest: std::slice::Iter<'a, u8>,
    /// The next `count` bits, from the bottom; above them are zeros.
    buffer: u32,
    count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { rest: data.iter(), buffer: 0, count: 0 }
    }

    /// Takes up to 24 bits as a number.
    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Result<usize, Broken> {
        while self.count < bits {
            let byte = self.rest.next().ok_or(Broken)?;
            self.buffer |= u32::from(*byte) << self.count;
            self.count += 8;
        }
        let number = self.buffer & ((1 << bits) - 1);
        self.buffer >>= bits;
        self.count -= bits;
        Ok(number as usize)
    }

    pub(super) fn flag(&mut self) -> Result<bool, Broken> {
        Ok(self.take(1)? == 1)
    }
}
