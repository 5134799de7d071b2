//! Output for people and programs. Text may come from anybody, so control characters are escaped.

use std::io::{self, Write};

use serde::Serialize;

/// Prints one line for people on standard output and flushes it, so that readers of a pipe need not wait for a full buffer.
pub(super) fn line(text: &str) -> io::Result<()> {
    write(&plain(text))
}

/// Prints one JSON object on a line of its own.
pub(super) fn json(record: &impl Serialize) -> io::Result<()> {
    json_text(&serde_json::to_string(record)?)
}

/// Prints JSON received as text on a line of its own; numbers keep their notation.
pub(super) fn json_text(text: &str) -> io::Result<()> {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // JSON has them outside of strings only, where they mean nothing.
            '\n' | '\r' | '\t' => printed.push(' '),
            // JSON lets these stand in a string as they are. All are below U+10000: four digits say them.
            _ if is_obeyed(c) => printed.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            _ => printed.push(c),
        }
    }
    write(&printed)
}

fn write(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(line.as_bytes())?;
    output.write_all(b"\n")?;
    output.flush()
}

/// Prints a message for people on standard error, ignoring a closed one.
pub(super) fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "labelcast: {}", plain(text));
}

/// Text on one line, with control characters escaped: `\n`, `\u{1b}`.
pub(super) fn plain(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) {
            printed.extend(c.escape_default());
        } else {
            printed.push(c);
        }
    }
    printed
}

/// Control characters (escape sequences begin with one), line separators, and what turns the direction of writing (Unicode
/// Standard Annex 9), which can make a text read as another.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(plain("a\u{1b}[31mb\nc\u{9b}2J\u{202e}d"), "a\\u{1b}[31mb\\nc\\u{9b}2J\\u{202e}d");
    }

    #[test]
    fn ordinary_text_is_left_unchanged() {
        for text in ["Łódź, 東京, 🐕", "it's \"quoted\" \\ back", ""] {
            assert_eq!(plain(text), text);
        }
    }
}
