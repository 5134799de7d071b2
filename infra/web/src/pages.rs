//! The files of the built web app, within the binary.

use std::io::Read;

use flate2::read::GzDecoder;

/// Names and contents, gzipped.
type Files = &'static [(&'static str, &'static [u8])];

/// As `build.rs` packed them; nothing but `licenses.txt`, if the web app was not built.
const BUILT: Files = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A file of the web app.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Its bytes, in gzip's format (RFC 1952).
    pub(crate) gzipped: &'static [u8],
    pub(crate) content_type: &'static str,
    /// Whether its name changes with its content, so that it can be cached for good.
    pub(crate) immutable: bool,
}

impl Page {
    /// A file by its path below `/web/`, for example `index.html`; `None` if there is none.
    pub(crate) fn find(path: &str) -> Option<Self> {
        let (_, gzipped) = BUILT.iter().find(|(name, _)| *name == path)?;
        // Vite puts a digest into the names of what lies in `assets`.
        Some(Self { gzipped, content_type: content_type(path), immutable: path.starts_with("assets/") })
    }

    pub(crate) fn unpacked(self) -> Vec<u8> {
        let mut bytes = Vec::new();
        GzDecoder::new(self.gzipped)
            .read_to_end(&mut bytes)
            .expect("what was packed when this was built can be unpacked");
        bytes
    }
}

/// The notices of everything that is linked into the binaries or packed into the web app.
pub fn notices() -> String {
    let page = Page::find("licenses.txt").expect("it is always packed");
    String::from_utf8(page.unpacked()).expect("the notices are UTF-8")
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
    fn the_notices_are_served_with_the_web_app_and_include_the_licences_of_the_font_and_the_models() {
        let page = Page::find("licenses.txt").expect("it is always packed");
        assert_eq!((page.content_type, page.immutable), ("text/plain; charset=utf-8", false));
        let notices = notices();
        let belong =
            ["SIL Open Font License", "oidc-client-ts", "Apache License", "tokio ", "ML Illustrated", "Yahoo Inc."];
        for part in belong {
            assert!(notices.contains(part), "{part}");
        }
    }

    #[test]
    fn every_file_of_the_web_app_has_a_type_that_browsers_accept() {
        for (path, _) in BUILT {
            assert_ne!(content_type(path), "application/octet-stream", "{path}");
        }
    }
}
