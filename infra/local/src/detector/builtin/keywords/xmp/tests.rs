use super::*;

/// A packet with this inside its description.
fn packet(attributes: &str, inside: &str) -> String {
    format!(
        r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}">
        <rdf:Description rdf:about="" xmlns:dc="{DUBLIN_CORE}" xmlns:plus="{PLUS}" {attributes}>{inside}</rdf:Description>
        </rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#
    )
}

fn read_all(packet: &str) -> (Vec<String>, bool) {
    let mut carried = Carried::default();
    let _ = read(packet.as_bytes(), &mut carried);
    (carried.keywords.into_iter().map(String::from).collect(), carried.needs_adult_warning)
}

fn keywords(inside: &str) -> Vec<String> {
    read_all(&packet("", inside)).0
}

fn warns(attributes: &str, inside: &str) -> bool {
    read_all(&packet(attributes, inside)).1
}

#[test]
fn the_items_of_the_subject_are_keywords() {
    let subject = "<dc:subject><rdf:Bag><rdf:li>Dog</rdf:li> <rdf:li>Golden Retriever</rdf:li></rdf:Bag></dc:subject>";
    assert_eq!(keywords(subject), ["dog", "golden retriever"]);
}

#[test]
fn items_of_other_properties_are_not() {
    let creator = "<dc:creator><rdf:Seq><rdf:li>Ada</rdf:li></rdf:Seq></dc:creator>";
    assert!(keywords(creator).is_empty());
    let foreign = r#"<x:subject xmlns:x="http://example.org/"><rdf:li>dog</rdf:li></x:subject>"#;
    assert!(keywords(foreign).is_empty());
}

#[test]
fn the_namespace_matters_rather_than_its_prefix() {
    let renamed =
        format!(r#"<d:subject xmlns:d="{DUBLIN_CORE}" xmlns:r="{RDF}"><r:Bag><r:li>dog</r:li></r:Bag></d:subject>"#);
    assert_eq!(keywords(&renamed), ["dog"]);
}

#[test]
fn references_and_cdata_are_text() {
    let subject = "<dc:subject><rdf:Bag><rdf:li>salt &amp; pepper</rdf:li><rdf:li>caf&#xe9;</rdf:li>\
                   <rdf:li><![CDATA[a<b]]></rdf:li></rdf:Bag></dc:subject>";
    assert_eq!(keywords(subject), ["salt & pepper", "café", "a<b"]);
}

#[test]
fn a_required_adult_content_warning_is_found_in_every_notation() {
    let value = "http://ns.useplus.org/ldf/vocab/CW-AWR";
    assert!(warns("", &format!("<plus:AdultContentWarning>{value}</plus:AdultContentWarning>")));
    assert!(warns("", &format!(r#"<plus:AdultContentWarning rdf:resource="{value}"/>"#)));
    assert!(warns(&format!(r#"plus:AdultContentWarning="{value}""#), ""));
    assert!(warns(r#"plus:AdultContentWarning="CW-AWR""#, ""));
}

#[test]
fn an_optional_or_unknown_warning_is_ignored() {
    for code in ["CW-NRQ", "CW-UNK", "", "CW-AWRX"] {
        let value = format!("http://ns.useplus.org/ldf/vocab/{code}");
        assert!(!warns(&format!(r#"plus:AdultContentWarning="{value}""#), ""), "{code}");
        assert!(!warns("", &format!("<plus:AdultContentWarning>{value}</plus:AdultContentWarning>")), "{code}");
    }
    assert!(!warns(r#"xmlns:o="http://example.org/" o:AdultContentWarning="CW-AWR""#, ""));
}

#[test]
fn declared_entities_are_not_expanded() {
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a \"dog\"><!ENTITY b \"&a;&a;&a;\">]>{}",
        packet("", "<dc:subject><rdf:Bag><rdf:li>cat&b;</rdf:li></rdf:Bag></dc:subject>")
    );
    assert_eq!(read_all(&bomb).0, ["cat"]);
}

#[test]
fn a_truncated_packet_yields_the_keywords_before_and_never_fails() {
    let whole = packet("", "<dc:subject><rdf:Bag><rdf:li>dog</rdf:li><rdf:li>cat</rdf:li></rdf:Bag></dc:subject>");
    for length in (0..whole.len()).filter(|length| whole.is_char_boundary(*length)) {
        let found = read_all(&whole[..length]).0;
        assert!(found.len() <= 2 && found.iter().all(|name| name == "dog" || name == "cat"), "{length} {found:?}");
    }
}

#[test]
fn a_hundred_thousand_open_elements_are_harmless() {
    let deep = "<a>".repeat(100_000);
    assert_eq!(keywords(&format!("<dc:subject><rdf:li>dog</rdf:li></dc:subject>{deep}")), ["dog"]);
}
