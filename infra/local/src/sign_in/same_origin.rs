//! Whether a form was sent by a page of ours.

use axum::http::{HeaderMap, HeaderName, header};

use super::cookies::origin_of;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether what a browser says of the page that sent a form speaks for ours; programs, which say nothing, are believed,
/// as they have no cookies of anybody else. `Sec-Fetch-Site` cannot be set by scripts (Fetch Metadata); older browsers send
/// `Origin` alone, which is `null` where a page hides it.
pub(super) fn is_from_here(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    let site = text(&SEC_FETCH_SITE);
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    match text(&header::ORIGIN) {
        None => true,
        Some("null") => site.is_some(),
        Some(origin) => {
            let origin = without_default_port(origin);
            // By the name that the browser used: 127.0.0.1 is called localhost as well.
            let here = text(&header::HOST).is_some_and(|host| {
                origin.split_once("://").is_some_and(|(scheme, name)| {
                    without_default_port(&format!("{scheme}://{host}")).split_once("://").map(|(_, host)| host)
                        == Some(name)
                })
            });
            here || origin == without_default_port(origin_of(public_url))
        }
    }
}

fn without_default_port(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let port = if origin.starts_with("https://") { ":443" } else { ":80" };
    origin.strip_suffix(port).map_or(origin.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn from_here(headers: &[(HeaderName, &'static str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        is_from_here(&headers.collect(), "https://a.example/labels")
    }

    #[test]
    fn our_own_pages_and_programs_may_submit_the_form_and_other_pages_may_not() {
        let site = |value| (SEC_FETCH_SITE, value);
        let origin = |value| (header::ORIGIN, value);
        let host = |value| (header::HOST, value);
        for ours in [
            &[][..],
            &[site("same-origin")],
            &[site("none")],
            &[origin("https://a.example")],
            &[origin("https://A.example:443"), site("same-origin")],
            &[origin("null"), site("same-origin")],
            &[origin("http://localhost:8080"), host("localhost:8080")],
            &[origin("https://b.example"), host("b.example:443")],
        ] {
            assert!(from_here(ours), "{ours:?}");
        }
        for foreign in [
            &[site("cross-site")][..],
            &[site("same-site")],
            &[site("cross-site"), origin("https://a.example")],
            &[origin("null")],
            &[origin("https://evil.example")],
            &[origin("https://evil.example"), host("a.example")],
            &[origin("http://a.example")],
            &[origin("https://a.example:8443"), host("a.example")],
            &[origin("https://evil.example"), site("same-origin")],
            &[origin("")],
        ] {
            assert!(!from_here(foreign), "{foreign:?}");
        }
    }
}
