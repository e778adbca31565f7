//! Writes trees: XML 1.0 and Namespaces in XML 1.0.
//!
//! Invariants: what is written is read back as an equal tree, whatever the
//! values hold, except that characters XML cannot express become U+FFFD; text
//! of a peer can never end an element, an attribute or the stream.

use crate::element::{Attr, Element, Node};
use crate::{ns, syntax};

/// The prefix of the streams namespace. RFC 6120 §4.8.5: everybody uses this
/// one, and some peers understand no other.
const STREAM_PREFIX: &str = "stream";

/// See [`Element::write`].
pub(crate) fn write(out: &mut String, element: &Element, parent_ns: &str) {
    write_element(out, element, Scope { default: parent_ns, stream_declared: false });
}

/// Writes a direct child of a stream whose header has declared the prefix
/// `stream`: features and errors then need no declaration of their own.
pub fn write_stream_child(out: &mut String, element: &Element, content_ns: &str) {
    write_element(out, element, Scope { default: content_ns, stream_declared: true });
}

/// What is declared around an element.
#[derive(Clone, Copy)]
struct Scope<'a> {
    default: &'a str,
    stream_declared: bool,
}

fn write_element(out: &mut String, element: &Element, scope: Scope<'_>) {
    let prefix = prefix_of(element, scope);
    out.push('<');
    let name_from = out.len();
    if let Some(prefix) = prefix {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(&element.name);
    let name_to = out.len();

    let mut inner = scope;
    match prefix {
        None if element.ns != scope.default => {
            inner.default = &element.ns;
            write_attr(out, "xmlns", &element.ns);
        }
        Some(STREAM_PREFIX) if !scope.stream_declared => {
            write_attr(out, "xmlns:stream", ns::STREAMS);
        }
        _ => {}
    }
    write_attrs(out, &element.attrs, prefix);

    if element.nodes.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    // The prefix declared here may be used by an attribute below for something
    // else, so every element of the streams namespace declares its own, but
    // for the top one.
    inner.stream_declared = false;
    for node in &element.nodes {
        match node {
            Node::Element(child) => write_element(out, child, inner),
            Node::Text(text) => escape(out, text, Place::Text),
        }
    }
    out.push_str("</");
    out.extend_from_within(name_from..name_to);
    out.push('>');
}

fn prefix_of(element: &Element, scope: Scope<'_>) -> Option<&'static str> {
    match element.ns() {
        // The namespace of `xml` can never be the default one. Namespaces §3
        ns::XML => Some("xml"),
        ns::STREAMS if scope.default != ns::STREAMS => Some(STREAM_PREFIX),
        _ => None,
    }
}

fn write_attrs(out: &mut String, attrs: &[Attr], element_prefix: Option<&str>) {
    // Prefixes declared on this element, with their namespaces.
    let mut declared: Vec<(String, &str)> = Vec::new();
    if element_prefix == Some(STREAM_PREFIX) {
        declared.push((STREAM_PREFIX.to_owned(), ns::STREAMS));
    }
    for attr in attrs {
        match attr.ns.as_deref() {
            None | Some("") => write_attr(out, &attr.name, &attr.value),
            Some(ns::XML) => write_attr(out, &format!("xml:{}", attr.name), &attr.value),
            Some(namespace) => {
                let known = declared.iter().position(|(_, ns)| *ns == namespace);
                let at = known.unwrap_or_else(|| {
                    let prefix = free_prefix(attr, &declared);
                    write_attr(out, &format!("xmlns:{prefix}"), namespace);
                    declared.push((prefix, namespace));
                    declared.len() - 1
                });
                write_attr(out, &format!("{}:{}", declared[at].0, attr.name), &attr.value);
            }
        }
    }
}

/// The prefix an attribute came with, or else the first of `a0`, `a1`, …
/// which is not taken on this element.
fn free_prefix(attr: &Attr, declared: &[(String, &str)]) -> String {
    let free = |prefix: &str| declared.iter().all(|(taken, _)| taken != prefix);
    match attr.prefix.as_deref() {
        Some(wish) if wish != "xml" && wish != "xmlns" && syntax::is_ncname(wish) && free(wish) => {
            wish.to_owned()
        }
        // One of the first n + 1 names is free if n are taken.
        _ => (0..=declared.len())
            .map(|n| format!("a{n}"))
            .find(|prefix| free(prefix))
            .unwrap_or_default(),
    }
}

/// Writes ` name='value'`.
pub(crate) fn write_attr(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape(out, value, Place::Attribute);
    out.push('\'');
}

/// Where text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    /// Between single quotes.
    Attribute,
}

/// Bytes which may need something else in their place.
const SUSPECT: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 0x20 {
        table[b] = true;
        b += 1;
    }
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'\'' as usize] = true;
    // First byte of U+FFFE and U+FFFF.
    table[0xEF] = true;
    table
};

fn escape(out: &mut String, text: &str, place: Place) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, &b) in bytes.iter().enumerate() {
        if !SUSPECT[usize::from(b)] {
            continue;
        }
        let mut len = 1;
        let instead = match (b, place) {
            (b'&', _) => "&amp;",
            (b'<', _) => "&lt;",
            // Only `]]>` would need it. XML 1.0 §2.4
            (b'>', Place::Text) => "&gt;",
            (b'\'', Place::Attribute) => "&apos;",
            // Literal ones would be read back as spaces. XML 1.0 §3.3.3
            (b'\t', Place::Attribute) => "&#9;",
            (b'\n', Place::Attribute) => "&#10;",
            // A literal one would be read back as a line feed. XML 1.0 §2.11
            (b'\r', _) => "&#13;",
            (b'\t' | b'\n' | b'>' | b'\'', _) => continue,
            (0xEF, _)
                if !bytes[at..].starts_with(&[0xEF, 0xBF, 0xBE])
                    && !bytes[at..].starts_with(&[0xEF, 0xBF, 0xBF]) =>
            {
                continue;
            }
            // Everything left cannot be expressed in XML. XML 1.0 §2.2
            _ => {
                len = if b == 0xEF { 3 } else { 1 };
                "\u{FFFD}"
            }
        };
        out.push_str(&text[done..at]);
        out.push_str(instead);
        done = at + len;
    }
    out.push_str(&text[done..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn attr(ns: &'static str, prefix: Option<&'static str>, name: &'static str) -> Attr {
        let prefix = prefix.map(Cow::Borrowed);
        Attr { ns: Some(ns.into()), prefix, name: name.into(), value: String::new() }
    }

    #[test]
    fn namespaces_appear_where_they_change() {
        let inner = Element::new("c", "v").with_child(Element::new("d", "u"));
        let tree = Element::new("a", "u").with_child(Element::new("b", "u")).with_child(inner);
        let inside = "<b/><c xmlns='v'><d xmlns='u'/></c></a>";
        assert_eq!(tree.to_xml(""), format!("<a xmlns='u'>{inside}"));
        assert_eq!(tree.to_xml("u"), format!("<a>{inside}"));
        assert_eq!(Element::new("a", "").to_xml("u"), "<a xmlns=''/>");
        assert_eq!(Element::new("a", ns::XML).to_xml("u"), "<xml:a/>");
    }

    #[test]
    fn escapes() {
        let all = "<>&'\"\t\n\r]]>\0\u{fffe}\u{fffd}é";
        let tree = Element::new("a", "").with_attr("b", all).with_text(all);
        assert_eq!(
            tree.to_xml(""),
            "<a b='&lt;>&amp;&apos;\"&#9;&#10;&#13;]]>\u{fffd}\u{fffd}\u{fffd}é'>\
             &lt;&gt;&amp;'\"\t\n&#13;]]&gt;\u{fffd}\u{fffd}\u{fffd}é</a>"
        );
    }

    #[test]
    fn the_prefix_of_streams() {
        let tree = Element::new("features", ns::STREAMS)
            .with_child(Element::new("x", ns::CLIENT))
            .with_child(Element::new("y", ns::STREAMS));
        let declared = "xmlns:stream='http://etherx.jabber.org/streams'";
        let nested = format!("<x/><stream:y {declared}/></stream:features>");
        assert_eq!(tree.to_xml(ns::CLIENT), format!("<stream:features {declared}>{nested}"));
        let mut out = String::new();
        write_stream_child(&mut out, &tree, ns::CLIENT);
        assert_eq!(out, format!("<stream:features>{nested}"));
    }

    #[test]
    fn prefixes_of_attributes() {
        let mut tree = Element::new("a", ns::STREAMS);
        for attr in [
            attr("urn:1", Some("p"), "b"),
            attr("urn:1", Some("q"), "c"),
            attr("urn:2", Some("p"), "b"),
            attr("urn:3", Some("stream"), "b"),
            attr("urn:4", None, "b"),
            attr("urn:5", Some("xml"), "b"),
            attr("urn:6", Some("no name"), "b"),
            attr(ns::XML, Some("p"), "b"),
        ] {
            tree.put_attr(attr);
        }
        assert_eq!(
            tree.to_xml(""),
            "<stream:a xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:1' p:b='' \
             p:c='' xmlns:a0='urn:2' a0:b='' xmlns:a1='urn:3' a1:b='' xmlns:a2='urn:4' a2:b='' \
             xmlns:a3='urn:5' a3:b='' xmlns:a4='urn:6' a4:b='' xml:b=''/>"
        );
        assert_eq!(Element::parse(&tree.to_xml("")), Ok(tree));
    }
}
