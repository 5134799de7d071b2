//! Decides when two spellings are the same word.

use labelcast_functions::model::LabelName;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The word as its language writes it, in lower case: in Turkish, `I` is the capital of `ı` and `İ` that of `i`.
pub(super) fn exact(language: &str, word: &str) -> Option<LabelName> {
    let composed = word.nfc().map(|character| match character {
        '’' => '\'',
        'İ' => 'i',
        'I' if language == "tr" => 'ı',
        other => other,
    });
    LabelName::fold(&composed.collect::<String>())
}

/// The word as somebody types it whose keyboard has no accents: `nino` for `niño`, `sise` for `şişe`, `strasse` for
/// `straße`, `qr code` for `qr-code`.
pub(super) fn loose(word: &str) -> Option<LabelName> {
    let mut plain = String::with_capacity(word.len());
    for character in word.to_lowercase().nfd().filter(|character| !is_combining_mark(*character)) {
        match character {
            'ı' => plain.push('i'),
            'ß' => plain.push_str("ss"),
            'œ' => plain.push_str("oe"),
            'æ' => plain.push_str("ae"),
            'ø' => plain.push('o'),
            '-' => plain.push(' '),
            '’' => plain.push('\''),
            other => plain.push(other),
        }
    }
    LabelName::fold(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loosely(word: &str) -> String {
        loose(word).unwrap().into()
    }

    #[test]
    fn case_follows_the_language() {
        assert_eq!(exact("tr", "IRMAK").unwrap().as_str(), "ırmak");
        assert_eq!(exact("tr", "İNEK").unwrap().as_str(), "inek");
        assert_eq!(exact("de", "INSEL").unwrap().as_str(), "insel");
    }

    #[test]
    fn a_decomposed_word_is_the_same_word() {
        assert_eq!(exact("es", "nin\u{303}o"), exact("es", "Niño"));
    }

    #[test]
    fn accents_and_ligatures_may_be_omitted() {
        assert_eq!(loosely("Niño"), "nino");
        assert_eq!(loosely("ŞİŞE"), "sise");
        assert_eq!(loosely("kırmızı"), "kirmizi");
        assert_eq!(loosely("Straße"), "strasse");
        assert_eq!(loosely("œil"), "oeil");
        assert_eq!(loosely("QR-Code"), "qr code");
    }
}
