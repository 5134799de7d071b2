/// A file of the built browser application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its bytes, in gzip's format (RFC 1952).
    pub gzipped: &'static [u8],
    /// The file's media type.
    pub content_type: String,
    /// Whether its name changes with its content, so that it can be cached for good.
    pub immutable: bool,
}

/// The files of the web app, as they were built.
pub trait Pages: Send + Sync {
    /// A file by its path below `/web/`, for example `index.html`; `None` if there is none.
    fn get(&self, path: &str) -> Option<Page>;
}
