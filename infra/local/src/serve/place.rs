//! Where the machine is found.

use labelcast_functions::rest::Origin;
use labelcast_functions::settings::Settings;

use crate::sign_in;

/// Where the machine is found.
#[derive(Debug, Clone)]
pub struct Place {
    /// `scheme://host:port`, without a slash at the end.
    pub public_url: String,
}

impl Place {
    pub(super) fn api(&self) -> String {
        format!("{}/api", self.public_url)
    }

    pub(super) fn sign_in(&self, settings: &Settings) -> sign_in::Place {
        let return_urls = return_urls(&self.public_url, &settings.allowed_origins);
        sign_in::Place { public_url: self.public_url.clone(), return_urls }
    }

    pub(super) fn live(&self) -> String {
        format!("{}/live", self.public_url.replacen("http", "ws", 1))
    }
}

/// Where the sign-in may send people: to our web app, and to pages of the allowed origins.
fn return_urls(public_url: &str, allowed: &[Origin]) -> Vec<String> {
    let pages = allowed.iter().flat_map(|origin| [format!("{origin}/"), format!("{origin}/web/")]);
    std::iter::once(format!("{public_url}/web/")).chain(pages).collect()
}
