//! The built page, within the binary.

use crate::ports::{Page, Pages};

/// Names and contents, gzipped.
type Files = &'static [(&'static str, &'static [u8])];

const BUILT: Files = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The page as it was built; nothing, if it was not.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedPages;

impl Pages for EmbeddedPages {
    fn get(&self, path: &str) -> Option<Page> {
        let (_, gzipped) = BUILT.iter().find(|(name, _)| *name == path)?;
        Some(Page {
            gzipped,
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
