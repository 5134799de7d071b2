//! Signs in through a browser.

use std::process::{Command, Stdio};

use super::Attempt;
use super::callback::Callback;
use crate::cli::failure::Failure;
use crate::cli::output;

/// Lets the user sign in in a browser; returns the code and the redirect URI it was sent to.
pub(super) async fn sign_in(attempt: &Attempt, open_browser: bool) -> Result<(String, String), Failure> {
    let callback = Callback::listen(&attempt.redirect_uris).await.map_err(Failure::failed)?;
    let redirect_uri = callback.redirect_uri.clone();
    let address = attempt.address(&redirect_uri);
    output::message(&format!("open this address in a browser on this machine to sign in: {address}"));
    if open_browser {
        open(address.as_str());
    }
    let code = callback.code(&attempt.state).await.map_err(Failure::failed)?;
    Ok((code, redirect_uri))
}

/// Opens an address in the desktop's browser. If there is none, the user opens the printed address.
fn open(address: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet =
        Command::new(program).arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if let Ok(mut child) = quiet {
        // Waited for on its own, so that it leaves no zombie; how it ends is its business.
        std::thread::spawn(move || child.wait());
    }
}
