//! Passwords come from the terminal or from standard input, never from the arguments, which others can see.

use std::io::{self, IsTerminal, Read};

use rpassword::prompt_password;
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;

/// Maximum input, in bytes: more than the longest password.
const MAX: u64 = 4_096;
/// The exit status of what an interrupt ended, as shells have it.
const INTERRUPTED: i32 = 130;

/// Reads a new password. At a terminal it is prompted for twice and hidden; otherwise it is the whole input without the
/// trailing line break.
pub(super) fn read() -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return piped();
    }
    let (first, second) = ask(|| Ok((prompt_password("Password: ")?, prompt_password("Repeat password: ")?)))?;
    if first == second { Ok(first) } else { Err(Failure::failed("the passwords don't match; nothing was changed")) }
}

/// Reads an existing password. At a terminal it is prompted for once.
pub(super) fn read_current() -> Result<String, Failure> {
    if io::stdin().is_terminal() { ask(|| prompt_password("Password: ")) } else { piped() }
}

/// Asks at the terminal. An interrupt is raised before the terminal shows again what is typed, so it must not end the program
/// while it asks; it is an error then. Afterwards it ends the program as ever.
fn ask<T>(questions: impl FnOnce() -> io::Result<T>) -> Result<T, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let answers = questions()?;
    tokio::spawn(async move {
        interrupt.recv().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(answers)
}

fn piped() -> Result<String, Failure> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(Failure::failed(format!("the password on standard input is too long (limit {MAX} bytes)")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Failure::failed("the password isn't valid UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
