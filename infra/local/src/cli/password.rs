//! Passwords come from standard input, never from the arguments, which others can see.

use std::io::{self, BufRead, IsTerminal, Read, Stdin, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::failure::Failure;

/// More than the longest password has, in bytes.
const MAX: u64 = 4_096;

/// Reads a new password. At a terminal it is asked for twice and not shown; else it is all that comes, without the line
/// break at the end.
pub(super) fn read() -> Result<String, Failure> {
    let input = io::stdin();
    if input.is_terminal() { ask(&input) } else { piped(&input) }
}

/// Reads the password that somebody has. At a terminal it is asked for once.
pub(super) fn read_current() -> Result<String, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return piped(&input);
    }
    let _hidden = Hidden::begin(&input)?;
    Ok(line(&input, "Password: ")?)
}

fn piped(input: &Stdin) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    input.lock().take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(Failure::failed(format!("the password on standard input is too long (limit {MAX} bytes)")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::failed("the password isn't valid UTF-8"))?;
    Ok(without_line_break(&text).to_owned())
}

fn ask(terminal: &Stdin) -> Result<String, Failure> {
    let _hidden = Hidden::begin(terminal)?;
    let (first, second) = (line(terminal, "Password: ")?, line(terminal, "Repeat password: ")?);
    if first == second { Ok(first) } else { Err(Failure::failed("the passwords don't match; nothing was changed")) }
}

fn line(terminal: &Stdin, prompt: &str) -> io::Result<String> {
    let mut reported = io::stderr().lock();
    write!(reported, "{prompt}")?;
    reported.flush()?;
    let mut text = String::new();
    terminal.lock().take(MAX).read_line(&mut text)?;
    writeln!(reported)?;
    Ok(without_line_break(&text).to_owned())
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// While it lives, a terminal does not show what is typed.
struct Hidden<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn begin(terminal: &'a Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &hidden)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}
