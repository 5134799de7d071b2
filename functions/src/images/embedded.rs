//! The built page, within the binary.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::ports::{Page, Pages};

/// Names and contents, gzipped.
type Files = &'static [(&'static str, &'static [u8])];

const BUILT: Files = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The web app as it was built; nothing but `licenses.txt` if it wasn't.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmbeddedPages;

impl EmbeddedPages {
    /// The notices of everything that is linked into the binaries or packed into the web app.
    pub fn notices() -> String {
        let (_, gzipped) = BUILT.iter().find(|(name, _)| *name == "licenses.txt").expect("it is always packed");
        let mut text = String::new();
        GzDecoder::new(*gzipped)
            .read_to_string(&mut text)
            .expect("what was packed when this was built can be unpacked");
        text
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notices_are_served_with_the_page_and_hold_the_licence_of_its_font() {
        let page = EmbeddedPages.get("licenses.txt").expect("it is always packed");
        assert_eq!((page.content_type.as_str(), page.immutable), ("text/plain; charset=utf-8", false));
        let notices = EmbeddedPages::notices();
        for part in ["SIL Open Font License", "oidc-client-ts", "Apache License", "tokio "] {
            assert!(notices.contains(part), "{part}");
        }
    }
}
