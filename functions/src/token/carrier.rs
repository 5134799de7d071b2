//! How requests carry tokens.

/// The token of an `Authorization` header: `Bearer TOKEN`, in any case, or the token alone, as Cognito authorizers
/// accept it. `None` for anything else, another scheme too.
pub fn bearer(header_value: &str) -> Option<&str> {
    let mut words = header_value.split_ascii_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(scheme), Some(token), None) if scheme.eq_ignore_ascii_case("bearer") => Some(token),
        (Some(token), None, None) if !token.eq_ignore_ascii_case("bearer") => Some(token),
        _ => None,
    }
}

/// The token of a WebSocket handshake, given its header `Authorization` and the values of its headers
/// `Sec-WebSocket-Protocol`. Never from the URL, which ends up in logs.
pub fn of_handshake<'a>(
    authorization: Option<&'a str>,
    subprotocols: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    authorization.and_then(bearer).or_else(|| subprotocols.into_iter().find_map(from_subprotocols))
}

/// The token among the subprotocols that a browser offers, which can send no header of its own on a WebSocket:
/// `labelcast.v1, bearer.TOKEN`.
fn from_subprotocols(header_value: &str) -> Option<&str> {
    header_value
        .split(',')
        .filter_map(|protocol| protocol.trim().strip_prefix("bearer."))
        .find(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_accepted_with_or_without_its_scheme() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c ", "a.b.c", " a.b.c"] {
            assert_eq!(bearer(header), Some("a.b.c"), "{header}");
        }
        for header in ["", " ", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a b"] {
            assert_eq!(bearer(header), None, "{header}");
        }
    }

    #[test]
    fn a_token_is_accepted_as_a_subprotocol() {
        for header in ["labelcast.v1, bearer.a.b.c", "bearer.a.b.c,labelcast.v1", "labelcast.v1,bearer.a.b.c "] {
            assert_eq!(from_subprotocols(header), Some("a.b.c"), "{header}");
        }
        for header in ["", "labelcast.v1", "labelcast.v1, bearer.", "labelcast.v1, a.b.c"] {
            assert_eq!(from_subprotocols(header), None, "{header}");
        }
    }

    #[test]
    fn a_handshake_takes_the_token_from_the_header_before_the_subprotocol() {
        assert_eq!(of_handshake(Some("Bearer a"), ["bearer.b"]), Some("a"));
        assert_eq!(of_handshake(Some("Basic a"), ["bearer.b"]), Some("b"));
        assert_eq!(of_handshake(None, ["labelcast.v1", "bearer.b"]), Some("b"));
        assert_eq!(of_handshake(None, []), None);
    }
}
