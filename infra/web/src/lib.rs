//! The built web app: its files within the binary, `settings.json`, and how both are served under `/web`.

mod app;
mod pages;
mod settings;

pub use app::WebApp;
pub use pages::notices;
pub use settings::{CLI_REDIRECT_URIS, CliSettings, WebSettings};
