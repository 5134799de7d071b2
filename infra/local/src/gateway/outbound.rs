//! The outgoing queue of one connection. Plain state; the socket does the writing.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};

use super::limits::{ROOM_BYTES, ROOM_FRAMES, WAITING_BYTES, WAITING_FRAMES, WRITTEN_BYTES};

/// Frames put into one write: as many as Linux takes slices without another copy being worth it.
const GATHERED: usize = 64;

/// The queue of one socket's outgoing frames.
#[derive(Default)]
pub(super) struct Outbound {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Whether the first frame was written in part: it has to be ended, whatever else is dropped.
    begun: bool,
    /// Whether the stream took no more at the last flush: the socket's task waits for it, and nobody else tries.
    blocked: bool,
    /// Nothing more is taken: the close frame is in the queue or written.
    closing: bool,
}

/// What became of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queued {
    /// Nothing waited before it: whoever queued it flushes.
    First,
    /// It waits behind others, which somebody flushes.
    Behind,
    /// It is over the bound; nothing was queued.
    Full,
    /// The connection is closing; nothing was queued.
    Closing,
}

/// What became of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything was written.
    All,
    /// The stream takes no more for now.
    Blocked,
}

impl Outbound {
    pub(super) fn push(&mut self, frame: Bytes) -> Queued {
        if self.closing {
            return Queued::Closing;
        }
        if self.bytes + frame.len() > WAITING_BYTES || self.frames.len() >= WAITING_FRAMES {
            return Queued::Full;
        }
        self.add(frame)
    }

    fn add(&mut self, frame: Bytes) -> Queued {
        let first = self.is_empty();
        self.bytes += frame.len();
        self.frames.push_back(frame);
        if first { Queued::First } else { Queued::Behind }
    }

    /// The last frames; nothing is taken after them. False if it was closing before.
    pub(super) fn close_with(&mut self, last: impl IntoIterator<Item = Bytes>) -> bool {
        if self.closing {
            return false;
        }
        self.closing = true;
        for frame in last {
            self.add(frame);
        }
        true
    }

    /// Drops what waits, save what was written in part.
    pub(super) fn drop_waiting(&mut self) {
        self.frames.truncate(usize::from(self.begun));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
    }

    /// What waits, as if it were written.
    #[cfg(test)]
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        self.bytes = 0;
        self.frames.drain(..).collect()
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty() && !self.blocked
    }

    /// The size of all queued frames, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    pub(super) fn has_room(&self) -> bool {
        self.bytes < ROOM_BYTES && self.frames.len() < ROOM_FRAMES
    }

    /// So little waits that it does not count among what replays hold.
    pub(super) fn is_as_good_as_empty(&self) -> bool {
        self.bytes <= WRITTEN_BYTES && self.frames.len() < ROOM_FRAMES
    }

    /// Writes what waits, many frames at once.
    pub(super) fn flush(&mut self, write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<Flushed> {
        let flushed = self.write(write);
        self.blocked = matches!(flushed, Ok(Flushed::Blocked));
        flushed
    }

    fn write(&mut self, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<Flushed> {
        while !self.frames.is_empty() {
            let mut slices = [IoSlice::new(&[]); GATHERED];
            let gathered = self.frames.len().min(GATHERED);
            for (slice, frame) in slices.iter_mut().zip(&self.frames) {
                *slice = IoSlice::new(frame);
            }
            match write(&slices[..gathered]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => self.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.frames.capacity() > 64 {
            self.frames.shrink_to(0);
        }
        // A stream that encrypts may hold some of it back still.
        loop {
            match write(&[]) {
                Ok(_) => return Ok(Flushed::All),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Flushed::Blocked),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while written > 0 {
            let Some(first) = self.frames.front_mut() else { return };
            if written < first.len() {
                first.advance(written);
                self.begun = true;
                return;
            }
            written -= first.len();
            self.begun = false;
            self.frames.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(outbound: &mut Outbound, sizes: &[usize]) -> Vec<u8> {
        let mut all = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            let frame = vec![u8::try_from(number % 251).unwrap(); *size];
            all.extend_from_slice(&frame);
            outbound.push(frame.into());
        }
        all
    }

    proptest! {
        #[test]
        fn partial_writes_of_any_size_preserve_the_queued_bytes(
            sizes in prop::collection::vec(1..500_usize, 1..200),
            pieces in prop::collection::vec(1..2_000_usize, 1..50),
        ) {
            let mut outbound = Outbound::default();
            let all = frames(&mut outbound, &sizes);
            let mut written = Vec::new();
            let mut pieces = pieces.iter().cycle();
            loop {
                let mut blocks = false;
                let flushed = outbound.flush(|slices| {
                    if std::mem::replace(&mut blocks, true) {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    let mut room = *pieces.next().unwrap();
                    let before = written.len();
                    for slice in slices {
                        let part = &slice[..room.min(slice.len())];
                        written.extend_from_slice(part);
                        room -= part.len();
                    }
                    Ok(written.len() - before)
                }).unwrap();
                if flushed == Flushed::All {
                    break;
                }
            }
            prop_assert_eq!(written, all);
            prop_assert_eq!(outbound.bytes, 0);
        }
    }

    #[test]
    fn the_queue_is_bounded_in_bytes_and_in_frames() {
        let mut outbound = Outbound::default();
        assert_eq!(outbound.push(vec![0; WAITING_BYTES].into()), Queued::First);
        assert_eq!(outbound.push(Bytes::from_static(b"x")), Queued::Full);
        let mut outbound = Outbound::default();
        for _ in 0..WAITING_FRAMES {
            assert_ne!(outbound.push(Bytes::from_static(b"x")), Queued::Full);
        }
        assert_eq!(outbound.push(Bytes::from_static(b"x")), Queued::Full);
    }

    #[test]
    fn a_partly_written_frame_is_completed_before_the_close() {
        let mut outbound = Outbound::default();
        outbound.push(Bytes::from_static(b"first"));
        outbound.push(Bytes::from_static(b"second"));
        let mut calls = 0;
        let mut written = Vec::new();
        outbound
            .flush(|slices| {
                calls += 1;
                if calls > 1 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                written.extend_from_slice(&slices[0][..2]);
                Ok(2)
            })
            .unwrap();
        outbound.drop_waiting();
        assert!(outbound.close_with([Bytes::from_static(b"bye")]));
        let flushed = outbound.flush(|slices| {
            for slice in slices {
                written.extend_from_slice(slice);
            }
            Ok(slices.iter().map(|slice| slice.len()).sum())
        });
        assert_eq!(flushed.unwrap(), Flushed::All);
        assert_eq!(written, b"firstbye");
    }
}
