//! A shared memory budget.
//!
//! What takes a lot of memory says how much before it takes it, and waits until that much is free. So the whole is bounded,
//! however many clients send however much at once.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of one permit of the semaphore, whose requests are counted in 32 bits: so up to 4 TiB.
const GRAIN: u64 = 1 << 10;

/// Bytes that may be in use at once. Clones share them.
///
/// Requests are served in the order in which they came: a large one is not starved by small ones, which wait behind it.
/// Whoever holds a permit must not ask for a second one from the same budget: two such callers can wait for each other.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    free: Arc<Semaphore>,
    total: ByteSize,
}

/// Bytes taken from a [`MemoryBudget`]; given back when dropped.
#[derive(Debug)]
#[must_use = "the bytes are given back when this is dropped"]
pub struct MemoryPermit {
    grains: OwnedSemaphorePermit,
}

/// More was requested than the whole budget: waiting would never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{requested} of memory needed, but the limit is {total}")]
pub struct NeverFits {
    /// The amount requested: more than the whole budget.
    pub requested: ByteSize,
    /// All of the budget, used or not.
    pub total: ByteSize,
}

fn grains(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX)
}

impl MemoryBudget {
    /// A budget of this many bytes, rounded to whole KiB; 4 TiB at most.
    pub fn new(total: ByteSize) -> Self {
        let grains = grains(total.bytes());
        Self { free: Arc::new(Semaphore::new(grains as usize)), total: ByteSize::new(u64::from(grains) * GRAIN) }
    }

    /// The whole of it, used or not.
    pub fn total(&self) -> ByteSize {
        self.total
    }

    /// The memory that is free at the moment.
    pub fn available(&self) -> ByteSize {
        ByteSize::new(self.free.available_permits() as u64 * GRAIN)
    }

    /// Takes this many bytes, as soon as they are free and everybody who asked earlier is served. Dropping the future gives
    /// up the place in the queue.
    ///
    /// # Errors
    /// At once if the whole budget is smaller.
    pub async fn acquire(&self, bytes: u64) -> Result<MemoryPermit, NeverFits> {
        if bytes > self.total.bytes() {
            return Err(NeverFits { requested: ByteSize::new(bytes), total: self.total });
        }
        let grains = self.free.clone().acquire_many_owned(grains(bytes)).await;
        Ok(MemoryPermit { grains: grains.expect("the semaphore is never closed") })
    }

    /// Takes this many bytes if they are free now and nobody waits; `None` otherwise.
    pub fn try_acquire(&self, bytes: u64) -> Option<MemoryPermit> {
        let grains = self.free.clone().try_acquire_many_owned(grains(bytes)).ok()?;
        Some(MemoryPermit { grains })
    }
}

impl MemoryPermit {
    /// The bytes that it stands for, in whole KiB.
    pub fn bytes(&self) -> u64 {
        self.grains.num_permits() as u64 * GRAIN
    }

    /// Gives back all but this many bytes, once the most memory is no longer needed.
    pub fn shrink_to(&mut self, bytes: u64) {
        let kept = grains(bytes) as usize;
        let spare = self.grains.num_permits().saturating_sub(kept);
        drop(self.grains.split(spare));
    }
}

/// An amount of memory, written as operators write it: `512MiB`, `2GiB`, `1048576`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

/// Units and their sizes in bytes, largest first.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

impl ByteSize {
    /// A size of this many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// A size of this many MiB (1,048,576 bytes each).
    pub const fn mib(number: u64) -> Self {
        Self(number << 20)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit of which there is at least one, to one digit after the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((unit, size)) = UNITS.iter().find(|(_, size)| self.0 >= *size) else {
            return write!(f, "{} bytes", self.0);
        };
        let (whole, tenths) = (self.0 / size, self.0 % size * 10 / size);
        match tenths {
            0 => write!(f, "{whole} {unit}"),
            _ => write!(f, "{whole}.{tenths} {unit}"),
        }
    }
}

/// The text is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` isn't a size. Write a whole number with KiB, MiB or GiB, for example 512MiB")]
pub struct ByteSizeError(String);

impl FromStr for ByteSize {
    type Err = ByteSizeError;
    fn from_str(text: &str) -> Result<Self, ByteSizeError> {
        let wrong = || ByteSizeError(text.to_owned());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim();
        // Docker and systemd write `m` and `M` for what is MiB in full.
        let unit = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" | "kb" => 1 << 10,
            "m" | "mib" | "mb" => 1 << 20,
            "g" | "gib" | "gb" => 1 << 30,
            "t" | "tib" | "tb" => 1 << 40,
            _ => return Err(wrong()),
        };
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).map(Self).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn of_mib(number: u64) -> MemoryBudget {
        MemoryBudget::new(ByteSize::mib(number))
    }

    #[tokio::test]
    async fn dropping_a_permit_returns_its_memory() {
        let budget = of_mib(10);
        let permit = budget.acquire(8 * MIB).await.unwrap();
        assert_eq!(permit.bytes(), 8 * MIB);
        assert_eq!(budget.available(), ByteSize::mib(2));
        let mut second = pin!(budget.acquire(3 * MIB));
        assert!(poll(second.as_mut()).is_pending(), "it waits for its turn");
        drop(permit);
        assert!(poll(second.as_mut()).is_ready());
        assert_eq!(budget.available(), ByteSize::mib(10));
    }

    #[tokio::test]
    async fn a_request_that_can_never_fit_is_refused_immediately_even_while_others_wait() {
        let budget = of_mib(10);
        let _all = budget.acquire(10 * MIB).await.unwrap();
        let mut waiting = pin!(budget.acquire(MIB));
        assert!(poll(waiting.as_mut()).is_pending());
        let error = budget.acquire(10 * MIB + 1).await.unwrap_err();
        assert_eq!(error.total, ByteSize::mib(10));
        assert_eq!(error.to_string(), "10 MiB of memory needed, but the limit is 10 MiB");
    }

    #[tokio::test]
    async fn a_large_request_is_not_overtaken_by_later_small_ones() {
        let budget = of_mib(10);
        let first = budget.acquire(4 * MIB).await.unwrap();
        let mut large = pin!(budget.acquire(9 * MIB));
        assert!(poll(large.as_mut()).is_pending());
        let mut small = pin!(budget.acquire(MIB));
        assert!(poll(small.as_mut()).is_pending(), "it would fit, but it came later");
        assert!(budget.try_acquire(MIB).is_none());
        drop(first);
        let Poll::Ready(Ok(large)) = poll(large.as_mut()) else { panic!("the large one is next") };
        assert!(poll(small.as_mut()).is_ready(), "both fit");
        drop(large);
    }

    #[tokio::test]
    async fn a_cancelled_waiter_does_not_block_others() {
        let budget = of_mib(10);
        let held = budget.acquire(6 * MIB).await.unwrap();
        {
            let mut undispatched = pin!(budget.acquire(10 * MIB));
            assert!(poll(undispatched.as_mut()).is_pending());
        }
        assert!(budget.try_acquire(4 * MIB).is_some());
        drop(held);
        assert_eq!(budget.available(), budget.total());
    }

    #[tokio::test]
    async fn part_of_a_permit_can_be_returned_early() {
        let budget = of_mib(10);
        let mut permit = budget.acquire(10 * MIB).await.unwrap();
        permit.shrink_to(MIB);
        assert_eq!((permit.bytes(), budget.available()), (MIB, ByteSize::mib(9)));
        permit.shrink_to(5 * MIB);
        assert_eq!(permit.bytes(), MIB, "it never grows");
        drop(permit);
        assert_eq!(budget.available(), budget.total());
    }

    #[tokio::test]
    async fn concurrent_requests_never_exceed_the_budget() {
        let budget = of_mib(7);
        let in_use = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..200_u64 {
            let (budget, in_use) = (budget.clone(), in_use.clone());
            tasks.spawn(async move {
                let permit = budget.acquire((number % 7 + 1) * MIB).await.unwrap();
                let now = in_use.fetch_add(permit.bytes(), std::sync::atomic::Ordering::SeqCst) + permit.bytes();
                assert!(now <= 7 * MIB, "{now}");
                tokio::task::yield_now().await;
                in_use.fetch_sub(permit.bytes(), std::sync::atomic::Ordering::SeqCst);
            });
        }
        while let Some(task) = tasks.join_next().await {
            task.unwrap();
        }
        assert_eq!(budget.available(), budget.total());
    }

    #[test]
    fn amounts_parse_in_the_notation_operators_use() {
        for (text, bytes) in
            [("512MiB", 512 * MIB), ("512 MiB", 512 * MIB), ("2GiB", 2048 * MIB), ("1g", 1024 * MIB), ("4096", 4096)]
        {
            assert_eq!(text.parse(), Ok(ByteSize::new(bytes)), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "12 monkeys", "99999999999999999999", "99999999999TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
        assert_eq!(ByteSize::new(1536 * MIB).to_string(), "1.5 GiB");
        assert_eq!(ByteSize::new(12).to_string(), "12 bytes");
    }
}
