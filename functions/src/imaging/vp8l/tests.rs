use std::num::NonZeroUsize;
use std::panic::catch_unwind;

use img_parts::riff::{RiffChunk, RiffContent};
use img_parts::webp::{CHUNK_ALPH, CHUNK_VP8L, WebP};
use proptest::prelude::*;

use super::{Broken, Groups, of_alpha, of_picture};
use crate::budget::{ByteSize, MemoryBudget};
use crate::images::{Decoding, DecodingError};
use crate::imaging::Rejection;
use crate::imaging::samples::{self, probe};

const SIDE: u32 = 80;

/// Writes bits, the least significant first.
#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
    used: u32,
}

impl Writer {
    fn put(&mut self, number: u32, bits: u32) {
        for bit in 0..bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= u8::from(number >> bit & 1 == 1) << (self.used % 8);
            self.used += 1;
        }
    }

    /// A code of one symbol, which takes no bits.
    fn only(&mut self, symbol: u32) {
        self.put(0b101, 3);
        self.put(symbol, 8);
    }

    /// The most expensive code for a decoder: 2,048 symbols of 11 bits each.
    fn of_eleven_bits(&mut self) {
        self.put(0, 1);
        self.put(11, 4);
        (0..14).for_each(|_| self.put(0, 3));
        self.put(1, 3);
        self.put(0b1011, 4);
        self.put(2_048 - 2, 12);
    }

    /// A code of symbols with these lengths, and none for the others of the alphabet.
    fn of_lengths(&mut self, lengths: &[u32]) {
        self.put(0, 1);
        self.put(15, 4);
        for length in [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] {
            self.put(if length < 16 { 4 } else { 0 }, 3);
        }
        self.put(0b0101, 4);
        self.put(u32::try_from(lengths.len()).unwrap() - 2, 6);
        for length in lengths {
            self.put(length.reverse_bits() >> 28, 4);
        }
    }
}

/// A stream of 80×80 black pixels, whose only entropy code is the last of so many groups, each with this code for green.
fn stream(groups: u32, green: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.put(0, 1);
    writer.put(1 | 11 << 1, 5); // 2,048 cached colours
    writer.put(1, 1);
    writer.put(0, 3);
    writer.put(0, 1);
    let last = groups - 1;
    for symbol in [last & 0xff, last >> 8, 0, 0, 0] {
        writer.only(symbol);
    }
    for _ in 0..groups {
        green(&mut writer);
        (0..4).for_each(|_| writer.only(0));
    }
    writer.put(0, 32);
    writer.bytes.resize(writer.bytes.len() + (SIDE * SIDE * 11 / 8) as usize, 0);
    writer.bytes
}

/// The stream of a picture, with its own header.
fn picture(groups: u32, green: impl Fn(&mut Writer)) -> Vec<u8> {
    let mut header = Writer::default();
    header.put(0x2f, 8);
    header.put(SIDE - 1, 14);
    header.put(SIDE - 1, 14);
    header.put(0, 4);
    [header.bytes, stream(groups, green)].concat()
}

fn file(stream: Vec<u8>) -> Vec<u8> {
    let chunk = RiffChunk::new(CHUNK_VP8L, RiffContent::Data(stream.into()));
    let riff = RiffContent::List { kind: Some(*b"WEBP"), subchunks: vec![chunk] };
    WebP::new(RiffChunk::new(*b"RIFF", riff)).unwrap().encoder().bytes().into()
}

fn codes_of(file: &[u8]) -> Groups {
    let webp = WebP::from_bytes(file.to_vec().into()).unwrap();
    of_picture(webp.chunk_by_id(CHUNK_VP8L).unwrap().content().data().unwrap()).unwrap()
}

#[test]
fn the_entropy_image_determines_the_code_groups() {
    for number in [1, 2, 1_000, 65_536] {
        let expected = Groups { number: number.into(), tables: 0 };
        assert_eq!(of_picture(&picture(number, |writer| writer.only(0))), Ok(expected));
        let alpha = [vec![1], stream(number, |writer| writer.only(0))].concat();
        assert_eq!(of_alpha(&alpha, (SIDE, SIDE)), Ok(expected));
    }
}

#[test]
fn uncompressed_alpha_has_no_prefix_codes() {
    assert_eq!(of_alpha(&[0; 6_401], (SIDE, SIDE)), Ok(Groups::default()));
}

#[test]
fn a_code_is_charged_for_the_decoders_table_and_tree() {
    let groups = of_picture(&picture(1_000, Writer::of_eleven_bits)).unwrap();
    let (table, tree) = (4 * 1_024, 2 * 2_048 * 16);
    let least = 1_000 * (table + tree);
    assert!((least..least * 5 / 4).contains(&groups.memory()), "{groups:?}");

    let groups = of_picture(&picture(1_000, |writer| writer.of_lengths(&[1, 2, 3, 3]))).unwrap();
    assert!((1_000 * 8 * 4..1_000 * 1_024).contains(&groups.memory()), "{groups:?}");
}

#[tokio::test]
async fn a_small_file_with_codes_beyond_the_budget_is_rejected_before_decoding() {
    let decoding = Decoding::new(MemoryBudget::new(ByteSize::mib(256)), NonZeroUsize::MIN);
    let run = async |groups| {
        let file = file(picture(groups, Writer::of_eleven_bits));
        assert!(file.len() < 100_000, "{}", file.len());
        decoding.run(file.into(), |_| 800, |_| Ok(())).await
    };
    assert!(run(2_000).await.is_ok(), "158 MB");
    let Err(DecodingError::Rejected(rejection)) = run(4_000).await else { panic!("318 MB were taken") };
    assert_eq!(rejection, Rejection::TooMuchMemory { width: SIDE, height: SIDE });
}

#[test]
fn the_codes_of_a_lossy_pictures_alpha_are_charged() {
    let sample = samples::all().into_iter().find(|sample| sample.name == "lossy transparent WebP").unwrap();
    let before = probe(&sample.bytes).unwrap().memory(1_000, 800);
    let mut webp = WebP::from_bytes(sample.bytes.into()).unwrap();
    let alpha = webp.chunks_mut().iter_mut().find(|chunk| chunk.id() == CHUNK_ALPH).unwrap();
    let hostile = [vec![1], stream(4_000, Writer::of_eleven_bits)].concat();
    *alpha.content_mut() = RiffContent::Data(hostile.into());
    let after = probe(&webp.encoder().bytes()).unwrap().memory(1_000, 800);
    assert!(after - before > 4_000 * 68 * 1_024, "{before}, then {after}");
}

#[test]
fn an_ordinary_picture_costs_little_more_than_its_pixels() {
    let own = samples::all().into_iter().find(|sample| sample.name == "lossless WebP").unwrap();
    let groups = codes_of(&own.bytes);
    assert_eq!(groups.number, 1);
    assert!(groups.memory() < 100_000, "{groups:?}");

    let groups = codes_of(samples::LOSSLESS_WEBP);
    assert!((2..100).contains(&groups.number), "{groups:?}");
    assert!(groups.memory() < 1_000_000, "{groups:?}");
}

#[test]
fn an_oversubscribed_code_is_rejected() {
    let mut lengths = vec![1, 1, 1];
    lengths.extend(2..=15);
    lengths.push(15);
    assert_eq!(of_picture(&picture(1, |writer| writer.of_lengths(&lengths))), Err(Broken));
    assert!(of_picture(&picture(1, |writer| writer.of_lengths(&lengths[2..]))).is_ok());
}

#[test]
fn a_stream_truncated_within_its_codes_is_rejected() {
    let whole = picture(2, Writer::of_eleven_bits);
    let codes = whole.len() - (SIDE * SIDE * 11 / 8) as usize - 5;
    for length in 0..codes {
        assert_eq!(of_picture(&whole[..length]), Err(Broken), "{length} of {codes}");
    }
}

proptest! {
    #[test]
    fn no_input_causes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), width in 1..200u32) {
        let _ = of_picture(&[b"\x2f\x4f\xc0\x13\0".as_slice(), &bytes].concat());
        let _ = of_picture(&bytes);
        let _ = of_alpha(&[b"\x01".as_slice(), &bytes].concat(), (width, 90));
    }

    #[test]
    fn the_decoder_also_fails_on_everything_rejected(
        own in any::<bool>(),
        changes in prop::collection::vec((0..1_500usize, any::<u8>()), 1..4),
    ) {
        let own_bytes = || samples::all().swap_remove(7).bytes;
        let mut bytes = if own { own_bytes() } else { samples::LOSSLESS_WEBP.to_vec() };
        for (place, value) in changes {
            let place = 25 + place % (bytes.len() - 25); // after the header with the size
            bytes[place] = value;
        }
        if probe(&bytes).is_err() {
            let decoded = catch_unwind(|| image::load_from_memory(&bytes).is_ok());
            prop_assert!(!decoded.unwrap_or(false));
        }
    }
}
