//! The built page, within the binary.

use rust_embed::Embed;

use crate::ports::{Page, Pages};

#[derive(Embed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Built;

/// The page as it was built; nothing, if it was not.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedPages;

impl Pages for EmbeddedPages {
    fn get(&self, path: &str) -> Option<Page> {
        let file = Built::get(path)?;
        Some(Page {
            bytes: file.data,
            content_type: content_type(path).to_owned(),
            // Vite puts a digest into the names of what lies there.
            immutable: path.starts_with("assets/"),
        })
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
