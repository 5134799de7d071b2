//! What is printed. A reader that went away (`| head`) ends the command quietly.

use std::io::{self, Write};

/// Prints a line.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        outcome => outcome,
    }
}

/// Prints a line for people, beside the records.
pub(super) fn complain(text: &str) {
    // Nobody is left to be told if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
