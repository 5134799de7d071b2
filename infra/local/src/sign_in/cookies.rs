//! The cookies of the sign-in: their names, where they are sent, and how they are read.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};

/// A browser that is signed in.
pub(super) const SESSION: &str = "labelcast_session";
/// The form that a browser was shown.
pub(super) const FORM: &str = "labelcast_form";

/// To where and how cookies are sent; follows from the public URL alone.
///
/// Under TLS browsers hold a name's prefix against the rest (RFC 6265bis, 4.1.3): with `__Host-` nobody but this very host
/// can have set it, and it is for all paths; below a path prefix of a shared host, `__Secure-` is what can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cookies {
    prefix: &'static str,
    path: String,
    secure: bool,
}

impl Cookies {
    /// For `scheme://host:port` with a path or without.
    pub(super) fn of(public_url: &str) -> Self {
        let secure = public_url.starts_with("https://");
        let path = path_of(public_url);
        let prefix = match (secure, path.is_empty()) {
            (true, true) => "__Host-",
            (true, false) => "__Secure-",
            (false, _) => "",
        };
        Self { prefix, path: if path.is_empty() { "/".to_owned() } else { path.to_owned() }, secure }
    }

    /// A cookie's value, as the browser sends it. Of two with the same name the first counts, which is the one for the longer
    /// path (RFC 6265, 5.4); a jar would keep the last.
    pub(super) fn get(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        let sent = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = sent.flat_map(Cookie::split_parse).filter_map(Result::ok);
        let cookie = cookies.find(|cookie| cookie.name().strip_prefix(self.prefix) == Some(name))?;
        Some(cookie.value().to_owned())
    }

    /// Sets a cookie for this server only, not for scripts, not sent along from elsewhere; for 0 seconds to take it away.
    pub(super) fn set(&self, response: &mut Response, name: &str, value: &str, seconds: u32) {
        let cookie = Cookie::build((format!("{}{name}", self.prefix), value))
            .path(&self.path)
            .secure(self.secure)
            .http_only(true)
            .same_site(SameSite::Lax)
            .max_age(Duration::seconds(seconds.into()))
            .build();
        if let Ok(cookie) = HeaderValue::from_str(&cookie.to_string()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

/// The path of a URL, without a slash at its end: empty, or `/prefix`.
pub(super) fn path_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..].find('/').map_or("", |slash| url[host + slash..].trim_end_matches('/'))
}

/// `scheme://host:port` of a URL.
pub(super) fn origin_of(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    url[host..].find('/').map_or(url, |slash| &url[..host + slash])
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn set(public_url: &str) -> String {
        let mut response = ().into_response();
        Cookies::of(public_url).set(&mut response, SESSION, "v", 60);
        response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_public_url_determines_cookie_names_and_scope() {
        let kept = "HttpOnly; SameSite=Lax";
        for url in ["https://a.example", "https://a.example/", "https://a.example:8443"] {
            assert_eq!(set(url), format!("__Host-labelcast_session=v; {kept}; Secure; Path=/; Max-Age=60"), "{url}");
        }
        for url in ["https://a.example/labels", "https://a.example/labels/"] {
            assert_eq!(
                set(url),
                format!("__Secure-labelcast_session=v; {kept}; Secure; Path=/labels; Max-Age=60"),
                "{url}"
            );
        }
        assert_eq!(set("http://127.0.0.1:8080"), format!("labelcast_session=v; {kept}; Path=/; Max-Age=60"));
        assert_eq!(
            set("http://127.0.0.1:8080/labels"),
            format!("labelcast_session=v; {kept}; Path=/labels; Max-Age=60")
        );
    }

    #[test]
    fn under_tls_a_cookie_that_a_neighbouring_host_may_have_set_is_ignored() {
        let headers = |text| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
        let cookies = Cookies::of("https://a.example");
        let ours = headers("a=b; __Host-labelcast_session=ours; labelcast_session=theirs");
        assert_eq!(cookies.get(&ours, SESSION).as_deref(), Some("ours"));
        assert_eq!(cookies.get(&headers("labelcast_session=theirs; __Secure-labelcast_session=x"), SESSION), None);
        let plain = Cookies::of("http://127.0.0.1:8080");
        assert_eq!(plain.get(&headers("labelcast_session=x"), SESSION).as_deref(), Some("x"));
    }

    #[test]
    fn of_cookies_with_the_same_name_the_first_counts_and_what_is_none_is_passed_over() {
        let mut headers = HeaderMap::new();
        for text in ["; novalue; =x;labelcast_session=first=1; labelcast_session=second", "labelcast_session=third"] {
            headers.append(header::COOKIE, HeaderValue::from_static(text));
        }
        assert_eq!(Cookies::of("http://127.0.0.1:8080").get(&headers, SESSION).as_deref(), Some("first=1"));
    }

    #[test]
    fn a_url_has_an_origin_and_a_path() {
        for (url, origin, path) in [
            ("https://a.example", "https://a.example", ""),
            ("https://a.example/", "https://a.example", ""),
            ("https://a.example:1/x/y/", "https://a.example:1", "/x/y"),
        ] {
            assert_eq!((origin_of(url), path_of(url)), (origin, path), "{url}");
        }
    }
}
