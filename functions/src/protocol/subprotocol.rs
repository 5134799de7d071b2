//! The subprotocol of the WebSocket API.

/// The one subprotocol. It is offered together with `bearer.TOKEN`, because browsers cannot set headers.
pub const SUBPROTOCOL: &str = "labelcast.v1";

/// The subprotocol to choose among those that a client offers, given the values of its `Sec-WebSocket-Protocol` headers: a
/// browser that offered some wants exactly one of them back.
pub fn choose_subprotocol<'a>(offered: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let mut names = offered.into_iter().flat_map(|list| list.split(','));
    names.any(|name| name.trim() == SUBPROTOCOL).then_some(SUBPROTOCOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_subprotocol_is_selected_from_any_position_and_no_other_is() {
        for offered in
            [&["labelcast.v1"][..], &["labelcast.v1, bearer.x"], &["bearer.x,labelcast.v1 "], &["a", "labelcast.v1"]]
        {
            assert_eq!(choose_subprotocol(offered.iter().copied()), Some("labelcast.v1"), "{offered:?}");
        }
        for offered in [&[][..], &[""], &["labelcast.v2"], &["bearer.labelcast.v1"]] {
            assert_eq!(choose_subprotocol(offered.iter().copied()), None, "{offered:?}");
        }
    }
}
