//! The client's address as reported by a proxy.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::HeaderMap;

/// The last address of the last `X-Forwarded-For`, which is the one that the proxy in front has seen itself; everything
/// before it may be made up. `None` if there is none that can be read.
pub(super) fn client(headers: &HeaderMap) -> Option<SocketAddr> {
    let header = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    // The port is the proxy's own knowledge, and says nothing of who it is.
    Some(SocketAddr::new(address(header.rsplit(',').next()?.trim())?, 0))
}

/// An address as proxies write it: alone, in brackets, with a port or without (Azure and IIS name the port).
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client_of(lines: &[&'static str]) -> Option<String> {
        let lines = lines.iter().map(|line| ("x-forwarded-for".parse().unwrap(), HeaderValue::from_static(line)));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name: axum::http::HeaderName = name;
            headers.append(name, value);
        }
        client(&headers).map(|address| address.ip().to_string())
    }

    #[test]
    fn the_last_forwarded_address_applies_in_any_notation() {
        for (text, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:5678", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("203.0.113.9, 192.0.2.1:80", "192.0.2.1"),
            ("203.0.113.9:1,192.0.2.1 ", "192.0.2.1"),
        ] {
            assert_eq!(client_of(&[text]).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(client_of(&["203.0.113.9", "192.0.2.1"]).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn unparsable_addresses_identify_nobody() {
        for text in ["", "unknown", "192.0.2.1:", "192.0.2.1:99999", "[2001:db8::1", "192.0.2.1, ", "_hidden"] {
            assert_eq!(client_of(&[text]), None, "{text}");
        }
        assert_eq!(client_of(&[]), None);
    }
}
