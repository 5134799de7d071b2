//! XMP: RDF in XML. Read as a stream, whatever is declared in it is never expanded, and depth costs nothing but bytes.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{LocalName, Namespace, NamespaceResolver, QName, ResolveResult};
use quick_xml::reader::NsReader;

use super::Carried;

const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// The Picture Licensing Universal System's license data format.
const PLUS: &str = "http://ns.useplus.org/ldf/xmp/1.0/";
const ADULT_CONTENT_WARNING: &str = "AdultContentWarning";
/// Adult Content Warning Required. The others are `CW-NRQ`, not required, and `CW-UNK`, unknown.
const WARNING_REQUIRED: &str = "CW-AWR";
/// Some programs leave this part of the value out.
const PLUS_VOCABULARY: &str = "http://ns.useplus.org/ldf/vocab/";

/// A packet cannot be read to its end; what came before counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum XmpError {
    #[error("not valid UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    #[error(transparent)]
    Xml(#[from] quick_xml::Error),
}

/// Reads keywords (`dc:subject`) and the adult content warning out of a packet.
pub(super) fn read(packet: &[u8], carried: &mut Carried) -> Result<(), XmpError> {
    let text = std::str::from_utf8(packet)?.trim_matches(['\0', '\u{feff}']);
    let mut reader = NsReader::from_str(text);
    // Some programs forget an end tag; the keywords are good all the same.
    reader.config_mut().check_end_names = false;
    let mut state = State::default();
    loop {
        match reader.read_event()? {
            Event::Start(tag) => {
                read_attributes(&tag, reader.resolver(), carried);
                state.open(element(reader.resolver(), tag.name()));
            }
            Event::Empty(tag) => read_attributes(&tag, reader.resolver(), carried),
            Event::End(tag) => state.close(element(reader.resolver(), tag.name()), carried),
            Event::Text(text) => state.push(&text.xml10_content()),
            Event::CData(text) => state.push(&text.xml10_content()),
            Event::GeneralRef(reference) => state.push_reference(&reference),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The elements that matter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Element {
    Subject,
    Item,
    AdultContentWarning,
    Other,
}

fn element(resolver: &NamespaceResolver, name: QName) -> Element {
    let (namespace, local) = resolver.resolve_element(name);
    match (namespace, local.into_inner()) {
        (ResolveResult::Bound(Namespace(DUBLIN_CORE)), "subject") => Element::Subject,
        (ResolveResult::Bound(Namespace(RDF)), "li") => Element::Item,
        (ResolveResult::Bound(Namespace(PLUS)), ADULT_CONTENT_WARNING) => Element::AdultContentWarning,
        _ => Element::Other,
    }
}

/// Where the reader is, and the text since the last tag that matters.
#[derive(Default)]
struct State {
    in_subject: bool,
    collects: bool,
    text: String,
}

impl State {
    fn open(&mut self, element: Element) {
        match element {
            Element::Subject => self.in_subject = true,
            Element::Item if self.in_subject => self.start(),
            Element::AdultContentWarning => self.start(),
            Element::Item | Element::Other => {}
        }
    }

    fn start(&mut self) {
        self.collects = true;
        self.text.clear();
    }

    fn close(&mut self, element: Element, carried: &mut Carried) {
        match element {
            Element::Subject => self.in_subject = false,
            Element::Item if self.in_subject => carried.add(&self.text),
            Element::AdultContentWarning => carried.needs_adult_warning |= is_required(&self.text),
            Element::Item | Element::Other => return,
        }
        self.collects = false;
        self.text.clear();
    }

    fn push(&mut self, text: &str) {
        if self.collects {
            self.text.push_str(text);
        }
    }

    /// `&amp;`, `&#233;`; what a DTD declares is left out.
    fn push_reference(&mut self, reference: &BytesRef) {
        if let Ok(Some(character)) = reference.resolve_char_ref() {
            self.push(character.encode_utf8(&mut [0; 4]));
        } else if let Some(text) = resolve_predefined_entity(reference) {
            self.push(text);
        }
    }
}

/// The warning may also be written as an attribute of the description, or as a resource of its own element.
fn read_attributes(tag: &BytesStart, resolver: &NamespaceResolver, carried: &mut Carried) {
    let is_warning = element(resolver, tag.name()) == Element::AdultContentWarning;
    for attribute in tag.attributes().with_checks(false).flatten() {
        let (namespace, local) = resolver.resolve_attribute(attribute.key);
        let says_warning = match namespace {
            ResolveResult::Bound(Namespace(PLUS)) => local == LocalName::from(QName(ADULT_CONTENT_WARNING)),
            ResolveResult::Bound(Namespace(RDF)) => is_warning && local == LocalName::from(QName("resource")),
            _ => false,
        };
        if says_warning && let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) {
            carried.needs_adult_warning |= is_required(&value);
        }
    }
}

fn is_required(value: &str) -> bool {
    let value = value.trim();
    value.strip_prefix(PLUS_VOCABULARY).unwrap_or(value).eq_ignore_ascii_case(WARNING_REQUIRED)
}

#[cfg(test)]
mod tests;
