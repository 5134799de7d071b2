//! Which host names the server accepts. A page of another site can make its own name mean 127.0.0.1 (DNS rebinding); what
//! its browser then asks of us still says that name in `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri, Version, header};
use axum::response::Response;
use labelcast_functions::rest::error;

/// The host names accepted.
#[derive(Debug)]
pub(super) enum Hosts {
    /// All: others can reach the server, and give it names that it does not know.
    Any,
    /// Those of this machine, and that of the public URL; at any port, since ports are forwarded, and a page that has another
    /// name is what is to be kept out.
    Own { public: Option<Authority> },
}

impl Hosts {
    pub(super) fn of(address: SocketAddr, behind_proxy: bool, public_url: &str) -> Self {
        if behind_proxy || !address.ip().is_loopback() {
            return Self::Any;
        }
        let public = public_url.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
        Self::Own { public }
    }

    /// Refuses a request that names no host, or several, or one that is not ours.
    ///
    /// HTTP/1.0 knows no `Host`, and health checks of load balancers still speak it; no browser does.
    pub(super) fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), Box<Response>> {
        let bad = |why: &str| Box::new(error(StatusCode::BAD_REQUEST, "bad_request", why));
        let mut values = headers.get_all(header::HOST).iter();
        let Some(value) = values.next() else {
            return match version < Version::HTTP_11 {
                true => Ok(()),
                false => Err(bad("the header `Host` is missing")),
            };
        };
        if values.next().is_some() {
            return Err(bad("the header `Host` is given more than once"));
        }
        let text = value.to_str().unwrap_or_default();
        // URLs allow more, names of hosts do not.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let readable = text.parse::<Authority>().ok();
        let readable = readable.filter(|host| !host.host().is_empty() && has_readable_port(host));
        let readable = readable.filter(|_| text.bytes().all(plain));
        let Some(host) = readable else {
            return Err(bad("the header `Host` must be a host name, with the port unless it is the default one"));
        };
        // The target of a request line in absolute form is what counts (RFC 9112, section 3.2.2).
        let named = uri.authority().unwrap_or(&host);
        if self.are(&host) && self.are(named) {
            return Ok(());
        }
        metrics::counter!("labelcast_foreign_hosts_total").increment(1);
        let message =
            "this server accepts local connections only and isn't known by that name; set it with --public-url";
        Err(Box::new(error(StatusCode::MISDIRECTED_REQUEST, "misdirected", message)))
    }

    fn are(&self, host: &Authority) -> bool {
        let Self::Own { public } = self else { return true };
        let name = bare(host);
        let local = name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        local || public.as_ref().is_some_and(|public| bare(public) == name)
    }
}

/// `Authority` takes any text for a port.
fn has_readable_port(host: &Authority) -> bool {
    let port = host.as_str().strip_prefix(host.host()).and_then(|rest| rest.strip_prefix(':'));
    port.is_none_or(|port| port.is_empty() || host.port_u16().is_some())
}

/// Without brackets and the dot of the root, in lower case.
fn bare(host: &Authority) -> String {
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(hosts: &Hosts, values: &[&str]) -> u16 {
        let headers: HeaderMap = values.iter().map(|value| (header::HOST, value.parse().unwrap())).collect();
        let checked = hosts.check(Version::HTTP_11, &Uri::from_static("/web/"), &headers);
        checked.map_or_else(|refused| refused.status().as_u16(), |()| 200)
    }

    #[test]
    fn on_loopback_only_local_host_names_are_served() {
        let own = Hosts::of("127.0.0.1:8080".parse().unwrap(), false, "https://labels.example.org");
        for good in [
            "127.0.0.1:8080",
            "localhost:8080",
            "LOCALHOST.:8080",
            "localhost",
            "[::1]:8080",
            "localhost:81",
            "labels.example.org",
            "labels.example.org:8080",
            "Labels.Example.org.",
        ] {
            assert_eq!(status(&own, &[good]), 200, "{good}");
        }
        for foreign in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "127.0.0.1.evil.example:8080",
            "192.168.0.1:8080",
        ] {
            assert_eq!(status(&own, &[foreign]), 421, "{foreign}");
        }
        let target = Uri::from_static("http://evil.example/web/");
        let headers = HeaderMap::from_iter([(header::HOST, "localhost:8080".parse().unwrap())]);
        assert!(own.check(Version::HTTP_11, &target, &headers).is_err(), "the request line counts too");
    }

    #[test]
    fn elsewhere_any_valid_host_name_is_served() {
        let behind_proxy = Hosts::of("127.0.0.1:8080".parse().unwrap(), true, "https://labels.example.org");
        let reachable = Hosts::of("0.0.0.0:8080".parse().unwrap(), false, "https://labels.example.org");
        for hosts in [behind_proxy, reachable] {
            assert_eq!(status(&hosts, &["anything.example"]), 200);
            for bad in
                [&[][..], &[""], &["a.example", "a.example"], &["a@b"], &["a b"], &["a,b"], &["a.example:x"], &[":80"]]
            {
                assert_eq!(status(&hosts, bad), 400, "{bad:?}");
            }
        }
    }
}
