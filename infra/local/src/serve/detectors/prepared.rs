//! What was made of pictures while they were decoded, until their job comes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use labelcast_functions::imaging::DynamicImage;
use labelcast_functions::model::ImageId;

use crate::detector::builtin::Examined;

/// Pictures that wait for their job at most.
const MAX_PICTURES: usize = 256;

/// What there is to go on from, without decoding a picture again.
#[derive(Debug, Clone)]
pub(super) struct Looked {
    /// What the built-in detector says, if it is asked.
    pub(super) examined: Option<Examined>,
    /// What models look at, if there are any.
    pub(super) copy: Option<Arc<DynamicImage>>,
}

impl Looked {
    fn bytes(&self) -> u64 {
        self.copy.as_ref().map_or(0, |copy| copy.as_bytes().len() as u64)
    }
}

/// Bounded in number and in bytes. What is pushed out is made again from the stored picture.
#[derive(Debug)]
pub(super) struct Prepared {
    waiting: Mutex<VecDeque<(ImageId, Looked)>>,
    max_bytes: u64,
}

impl Prepared {
    pub(super) fn of_at_most(max_bytes: u64) -> Self {
        Self { waiting: Mutex::default(), max_bytes }
    }

    pub(super) fn put(&self, image: ImageId, looked: Looked) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(other, _)| *other != image);
        waiting.push_back((image, looked));
        let mut bytes: u64 = waiting.iter().map(|(_, looked)| looked.bytes()).sum();
        while waiting.len() > MAX_PICTURES || bytes > self.max_bytes {
            let Some((_, dropped)) = waiting.pop_front() else { break };
            bytes -= dropped.bytes();
        }
    }

    pub(super) fn take(&self, image: &ImageId) -> Option<Looked> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let place = waiting.iter().position(|(other, _)| other == image)?;
        waiting.remove(place).map(|(_, looked)| looked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ImageId {
        ImageId::from_digest([number; 32])
    }

    fn looked(pixels: u32) -> Looked {
        Looked { examined: None, copy: Some(Arc::new(DynamicImage::new_luma8(pixels, 1))) }
    }

    #[test]
    fn the_oldest_goes_first_where_there_are_too_many_bytes() {
        let prepared = Prepared::of_at_most(250);
        (0..3).for_each(|number| prepared.put(id(number), looked(100)));
        assert!(prepared.take(&id(0)).is_none());
        assert!(prepared.take(&id(1)).is_some() && prepared.take(&id(2)).is_some());
        prepared.put(id(4), looked(300));
        assert!(prepared.take(&id(4)).is_none(), "too large to be kept at all");
    }

    #[test]
    fn there_are_never_too_many_and_the_same_picture_stands_once() {
        let prepared = Prepared::of_at_most(1 << 20);
        let nothing = || Looked { examined: None, copy: None };
        (0..2).for_each(|_| prepared.put(id(1), nothing()));
        assert!(prepared.take(&id(1)).is_some() && prepared.take(&id(1)).is_none());
        for number in 0..300_u16 {
            let [high, low] = number.to_be_bytes();
            let mut digest = [0; 32];
            (digest[0], digest[1]) = (high, low);
            prepared.put(ImageId::from_digest(digest), nothing());
        }
        assert_eq!(prepared.waiting.lock().unwrap().len(), MAX_PICTURES);
    }
}
