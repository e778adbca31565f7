//! Trees, and the many ways in which one tree can be spelled.

use proptest::prelude::*;
use std::iter::{Copied, Cycle};
use std::slice::Iter;
use xmpp::parser::StreamOpen;
use xmpp::{Attr, Element, Name, Node, ns};

/// The header all generated streams begin with.
pub(crate) fn open() -> StreamOpen {
    StreamOpen {
        ns: Name::Borrowed(ns::CLIENT),
        to: Some("example.com".into()),
        version: Some("1.0".into()),
        ..StreamOpen::default()
    }
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["message", "body", "x", "to", "a-b.c", "_", "xml", "xmlns1"])
            .prop_map(str::to_owned),
        1 => "[A-Za-z_éüж][A-Za-z0-9._·é-]{0,5}",
    ]
}

fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec!["", ns::CLIENT, ns::STREAMS, ns::XML, "urn:1", "urn:2"])
            .prop_map(str::to_owned),
        1 => "[!#-;=?-\\[\\]_a-z~é漢]{1,8}".prop_filter("reserved", |ns| ns != ns::XMLNS),
    ]
}

/// Text without the characters XML cannot express.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[ -~]{0,12}",
        2 => "[\\]>&<'\"\r\n\t é😀\u{fffd}\u{feff}]{0,8}",
        1 => "[\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]{0,5}",
    ]
}

fn attr() -> impl Strategy<Value = Attr> {
    let ns = prop_oneof![3 => Just(None), 1 => namespace().prop_map(Some)];
    let prefix = prop::option::of(prop::sample::select(vec!["p", "stream", "xml", "a0", "1", ""]));
    (ns, prefix, name(), text()).prop_map(|(ns, prefix, name, value)| Attr {
        ns: ns.filter(|ns| !ns.is_empty()).map(Name::Owned),
        prefix: prefix.map(Name::Borrowed),
        name: Name::Owned(name),
        value,
    })
}

/// An element of any shape, up to four levels deep.
pub(crate) fn tree() -> impl Strategy<Value = Element> {
    let leaf = (name(), namespace(), prop::collection::vec(attr(), 0..4), text()).prop_map(
        |(name, ns, attrs, text)| {
            let mut element = Element::new(name, ns).with_text(text);
            attrs.into_iter().for_each(|attr| element.put_attr(attr));
            element
        },
    );
    leaf.prop_recursive(3, 12, 4, |inner| {
        let node = prop_oneof![
            2 => inner.prop_map(Node::Element),
            1 => text().prop_map(Node::Text),
        ];
        let attrs = prop::collection::vec(attr(), 0..3);
        (name(), namespace(), attrs, prop::collection::vec(node, 0..4)).prop_map(
            |(name, ns, attrs, nodes)| {
                let mut element = Element::new(name, ns);
                attrs.into_iter().for_each(|attr| element.put_attr(attr));
                for node in nodes {
                    match node {
                        Node::Element(child) => element.push(child),
                        Node::Text(text) => element.push_text(text),
                    }
                }
                element
            },
        )
    })
}

/// Writes a tree in a way steered by `choices`: other quotes, prefixes,
/// references, CDATA sections and spaces than our writer would use.
pub(crate) fn spell(out: &mut String, tree: &Element, choices: &[u8]) {
    Speller { out, choices: choices.iter().copied().cycle() }.element(tree);
}

struct Speller<'a> {
    out: &'a mut String,
    choices: Cycle<Copied<Iter<'a, u8>>>,
}

impl Speller<'_> {
    fn choose(&mut self, of: u8) -> u8 {
        self.choices.next().unwrap_or(0) % of
    }

    fn space(&mut self) {
        let space = ["", "", " ", "\n\t"][usize::from(self.choose(4))];
        self.out.push_str(space);
    }

    fn element(&mut self, tree: &Element) {
        let prefix = match tree.ns() {
            ns::XML => "xml",
            "" => "",
            _ => ["", "q", "stream", "é"][usize::from(self.choose(4))],
        };
        let name = match prefix {
            "" => tree.name().to_owned(),
            prefix => format!("{prefix}:{}", tree.name()),
        };
        self.out.push('<');
        self.out.push_str(&name);
        match prefix {
            "xml" => {}
            "" => self.attr("xmlns", tree.ns()),
            prefix => self.attr(&format!("xmlns:{prefix}"), tree.ns()),
        }
        for (at, attr) in tree.attrs().iter().enumerate() {
            match attr.ns.as_deref() {
                None => self.attr(&attr.name, &attr.value),
                Some(ns::XML) => self.attr(&format!("xml:{}", attr.name), &attr.value),
                // The declaration may come before or after its use.
                Some(ns) if self.choose(2) == 0 => {
                    self.attr(&format!("r{at}:{}", attr.name), &attr.value);
                    self.attr(&format!("xmlns:r{at}"), ns);
                }
                Some(ns) => {
                    self.attr(&format!("xmlns:r{at}"), ns);
                    self.attr(&format!("r{at}:{}", attr.name), &attr.value);
                }
            }
        }
        self.space();
        if tree.nodes().is_empty() && self.choose(2) == 0 {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        for node in tree.nodes() {
            match node {
                Node::Element(child) => self.element(child),
                Node::Text(text) => self.text(text),
            }
        }
        self.out.push_str("</");
        self.out.push_str(&name);
        self.space();
        self.out.push('>');
    }

    fn attr(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.space();
        self.out.push_str(name);
        self.space();
        self.out.push('=');
        self.space();
        let quote = ['\'', '"'][usize::from(self.choose(2))];
        self.out.push(quote);
        for c in value.chars() {
            match c {
                '<' | '&' | '\t' | '\n' | '\r' => self.reference(c),
                c if c == quote => self.reference(c),
                // A line end of any kind is a space here.
                ' ' => {
                    let space = [" ", "\t", "\n", "\r\n", "&#32;"][usize::from(self.choose(5))];
                    self.out.push_str(space);
                }
                c => self.character(c),
            }
        }
        self.out.push(quote);
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' | '&' if self.choose(3) == 0 => {
                    self.out.push_str("<![CDATA[");
                    self.out.push(c);
                    self.out.push_str("]]>");
                }
                // `>` could end up behind `]]`.
                '<' | '&' | '\r' | '>' => self.reference(c),
                '\n' => {
                    let end = ["\n", "\r\n", "\r", "&#10;"][usize::from(self.choose(4))];
                    // A carriage return would swallow a line feed after it.
                    let bare = end == "\r";
                    self.out.push_str(if bare { "\r<![CDATA[]]>" } else { end });
                }
                c => self.character(c),
            }
        }
    }

    fn character(&mut self, c: char) {
        if self.choose(6) == 0 { self.reference(c) } else { self.out.push(c) }
    }

    fn reference(&mut self, c: char) {
        let named = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '\'' => "&apos;",
            '"' => "&quot;",
            _ => "",
        };
        let number = u32::from(c);
        let spelled = match self.choose(3) {
            0 if !named.is_empty() => named.to_owned(),
            1 => format!("&#x{number:X};"),
            _ => format!("&#0{number};"),
        };
        self.out.push_str(&spelled);
    }
}
