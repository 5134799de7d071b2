//! IPTC-IIM: data sets of marker, record, number, length and text (IIM specification 4.2, chapter 1.5).

use super::Carried;

const MARKER: u8 = 0x1c;
/// 1:90 Coded Character Set, and the ISO 2022 sequence that stands for UTF-8.
const CHARACTER_SET: (u8, u8) = (1, 90);
const UTF_8: &[u8] = b"\x1b%G";
/// 2:25 Keywords, one a data set.
const KEYWORD: (u8, u8) = (2, 25);

/// Reads up to the first data set that breaks off.
pub(super) fn read(records: &[u8], carried: &mut Carried) {
    let mut is_utf8 = false;
    let mut rest = records;
    while let Some((number, text, after)) = data_set(rest) {
        rest = after;
        match number {
            CHARACTER_SET => is_utf8 = text.starts_with(UTF_8),
            KEYWORD => carried.add(&decode(text, is_utf8)),
            _ => {}
        }
    }
}

/// Number (record and data set), text, and the bytes after it.
type DataSet<'a> = ((u8, u8), &'a [u8], &'a [u8]);

/// The first data set: its number, its text, and what follows.
fn data_set(bytes: &[u8]) -> Option<DataSet<'_>> {
    let ([marker, record, number, high, low], rest) = bytes.split_first_chunk()?;
    if *marker != MARKER {
        return None;
    }
    let length = u16::from_be_bytes([*high, *low]);
    // The first bit says that the others count the bytes of the real length.
    let (length, rest) = if length & 0x8000 == 0 {
        (usize::from(length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7fff)).filter(|(d, _)| d.len() <= 4)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    let (text, after) = rest.split_at_checked(length)?;
    Some(((*record, *number), text, after))
}

/// Without a character set a text is Latin-1, unless it reads as UTF-8: many programs write that and do not say so,
/// and hardly any Latin-1 text with an accent happens to be valid UTF-8.
fn decode(text: &[u8], is_utf8: bool) -> String {
    match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(text).into_owned(),
        Err(_) => text.iter().copied().map(char::from).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(record: u8, number: u8, text: &[u8]) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_be_bytes();
        [&[MARKER, record, number], length.as_slice(), text].concat()
    }

    fn names(records: &[u8]) -> Vec<String> {
        let mut carried = Carried::default();
        read(records, &mut carried);
        carried.keywords.into_iter().map(String::from).collect()
    }

    #[test]
    fn keywords_are_read_and_other_data_sets_are_not() {
        let records = [set(2, 0, &[0, 4]), set(2, 25, b"Dog"), set(2, 120, b"A caption"), set(2, 25, b"Beach")];
        assert_eq!(names(&records.concat()), ["dog", "beach"]);
    }

    #[test]
    fn the_character_set_is_utf_8_if_declared_and_latin_1_otherwise() {
        let utf_8 = [set(1, 90, UTF_8), set(2, 25, "Köpek, çiçek".as_bytes())].concat();
        assert_eq!(names(&utf_8), ["köpek, çiçek"]);
        assert_eq!(names(&set(2, 25, b"Caf\xe9")), ["café"]);
    }

    #[test]
    fn an_extended_length_is_read_and_an_absurd_one_stops_parsing() {
        let long = [&[MARKER, 2, 25, 0x80, 4, 0, 0, 0, 3], b"dog".as_slice(), &set(2, 25, b"cat")].concat();
        assert_eq!(names(&long), ["dog", "cat"]);
        let absurd = [set(2, 25, b"cat"), vec![MARKER, 2, 25, 0xff, 0xff], vec![0xff; 99]].concat();
        assert_eq!(names(&absurd), ["cat"]);
        let huge = [set(2, 25, b"cat"), vec![MARKER, 2, 25, 0x80, 4, 0xff, 0xff, 0xff, 0xff, 1]].concat();
        assert_eq!(names(&huge), ["cat"]);
    }

    #[test]
    fn truncated_records_yield_the_keywords_before() {
        let whole = [set(2, 25, b"dog"), set(2, 25, b"cat")].concat();
        for length in 0..whole.len() {
            let found = names(&whole[..length]);
            assert_eq!(found, ["dog"][..usize::from(length >= 8)], "{length}");
        }
    }
}
