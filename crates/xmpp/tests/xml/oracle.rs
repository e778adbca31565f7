//! A second opinion on every stream: rxml, written by others, for the same
//! restricted XML. Used by the property tests, by the replay of the corpus and
//! by the fuzz target.
//!
//! What must hold for any bytes:
//! 1. the outcome does not depend on how the bytes are cut;
//! 2. whatever our parser accepts, rxml accepts, as the same tree;
//! 3. what our parser refuses as bad XML, rxml refuses too;
//! 4. whatever our parser accepts, our writer writes so that both parsers read
//!    the same tree again.

use rxml::parser::{Options, WithOptions};
use rxml::{Parse, error::EndOrError};
use xmpp::error::{StreamCondition, StreamError, XmlError};
use xmpp::parser::{Parser, ParserLimits, StreamEvent, StreamOpen};
use xmpp::{Attr, Element, Name, ns, stream_header};

/// What a parser made of some bytes.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) events: Vec<StreamEvent>,
    pub(crate) error: Option<StreamError>,
}

/// Runs our parser over `bytes`, pushed in pieces of the given sizes, over
/// and over; no sizes mean a single push.
pub(crate) fn ours(bytes: &[u8], sizes: &[usize], limits: ParserLimits) -> Run {
    let mut parser = Parser::new(limits);
    let mut run = Run { events: Vec::new(), error: None };
    let mut sizes = sizes.iter().cycle();
    let mut rest = bytes;
    while !rest.is_empty() && run.error.is_none() {
        let size = sizes.next().map_or(rest.len(), |size| *size).clamp(1, rest.len());
        let (now, later) = rest.split_at(size);
        rest = later;
        parser.push(now);
        loop {
            match parser.next() {
                Ok(Some(event)) => run.events.push(event),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(parser.next(), Err(error.clone()), "an error must last");
                    run.error = Some(error);
                    break;
                }
            }
        }
    }
    run
}

/// What rxml made of some bytes.
pub(crate) struct Opinion {
    pub(crate) events: Vec<StreamEvent>,
    pub(crate) error: Option<rxml::Error>,
}

/// Runs rxml over `bytes` as one stream.
pub(crate) fn theirs(bytes: &[u8]) -> Opinion {
    let options = Options { max_token_length: 1 << 20, ..Options::default() };
    let mut parser = rxml::Parser::with_options(options);
    let mut opinion = Opinion { events: Vec::new(), error: None };
    let mut stack: Vec<Element> = Vec::new();
    let mut root = false;
    let mut rest = bytes;
    loop {
        let event = match parser.parse(&mut rest, false) {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(EndOrError::NeedMoreData) => break,
            Err(EndOrError::Error(error)) => {
                opinion.error = Some(error);
                break;
            }
        };
        match event {
            rxml::Event::XmlDeclaration(..) => {}
            rxml::Event::StartElement(_, (namespace, name), attrs) => {
                let element = element(namespace.as_str(), name.as_str(), &attrs);
                if root {
                    stack.push(element);
                } else {
                    root = true;
                    opinion.events.push(StreamEvent::Open(header(&element)));
                }
            }
            rxml::Event::EndElement(_) => match (stack.pop(), stack.last_mut()) {
                (Some(child), Some(parent)) => parent.push(child),
                (Some(stanza), None) => opinion.events.push(StreamEvent::Stanza(stanza)),
                (None, _) => opinion.events.push(StreamEvent::Close),
            },
            rxml::Event::Text(_, text) => {
                if let Some(parent) = stack.last_mut() {
                    parent.push_text(text);
                }
            }
        }
    }
    opinion
}

fn element(namespace: &str, name: &str, attrs: &rxml::AttrMap) -> Element {
    // rxml lets `<xmlns:a/>` pass; no tree of ours can be in that namespace.
    let namespace = if namespace == ns::XMLNS { "urn:xmlns" } else { namespace };
    let mut element = Element::new(name.to_owned(), namespace.to_owned());
    for ((namespace, name), value) in attrs.iter() {
        let ns = (!namespace.is_none()).then(|| Name::Owned(namespace.as_str().to_owned()));
        let name = Name::Owned(name.as_str().to_owned());
        element.put_attr(Attr { ns, prefix: None, name, value: value.clone() });
    }
    element
}

/// The default namespace is not told by rxml; the stanzas show it.
fn header(root: &Element) -> StreamOpen {
    assert!(root.ns() != ns::STREAMS || root.attr("xmlns").is_none());
    let attr = |name| root.attr(name).map(str::to_owned);
    StreamOpen {
        ns: Name::Borrowed(""),
        to: attr("to"),
        from: attr("from"),
        id: attr("id"),
        version: attr("version"),
        lang: root.lang().map(str::to_owned),
    }
}

fn without_ns(event: &StreamEvent) -> StreamEvent {
    match event {
        StreamEvent::Open(open) => {
            StreamEvent::Open(StreamOpen { ns: Name::Borrowed(""), ..open.clone() })
        }
        other => other.clone(),
    }
}

/// Takes an input of the fuzzer apart: up to the first line feed the sizes of
/// the pieces, one byte each, then the stream.
pub(crate) fn split(input: &[u8]) -> (Vec<usize>, &[u8]) {
    match input.iter().position(|&b| b == b'\n') {
        Some(at) => {
            let sizes = input[..at].iter().map(|&b| usize::from(b.wrapping_sub(b'0'))).collect();
            (sizes, &input[at + 1..])
        }
        None => (Vec::new(), input),
    }
}

/// Checks everything the module promises. Returns what our parser said.
pub(crate) fn check(bytes: &[u8], sizes: &[usize]) -> Run {
    let run = ours(bytes, &[], ParserLimits::default());
    let cut = ours(bytes, sizes, ParserLimits::default());
    assert_eq!(cut, run, "the outcome depends on the cuts {sizes:?}");
    let slow = ours(bytes, &[1], ParserLimits::default());
    assert_eq!(slow, run, "the outcome depends on the cuts");

    let opinion = theirs(&as_rxml_wants(bytes));
    for (at, event) in run.events.iter().enumerate() {
        let Some(theirs) = opinion.events.get(at) else {
            panic!("accepted {event:?}, but rxml says {:?}", opinion.error);
        };
        assert_eq!(&without_ns(event), theirs, "the trees differ");
        if let StreamEvent::Stanza(stanza) = event {
            check_writer(stanza);
        }
    }
    if let Some(error) = &run.error {
        let bad_xml = matches!(
            error.condition,
            StreamCondition::NotWellFormed
                | StreamCondition::BadNamespacePrefix
                | StreamCondition::RestrictedXml
                | StreamCondition::UnsupportedEncoding
        );
        // rxml looks at some things only when they have ended.
        let opinion = match opinion.error {
            None => theirs(&as_rxml_wants(&[bytes, b"<"].concat())),
            Some(_) => opinion,
        };
        assert!(
            !bad_xml || opinion.error.is_some() || rxml_is_milder(error),
            "refused with {error}, but rxml sees nothing wrong"
        );
    }
    run
}

/// Rules of the specifications which rxml does not enforce.
fn rxml_is_milder(error: &StreamError) -> bool {
    // Namespaces in XML §3: no other prefix may be bound to the name of `xml`.
    *error == XmlError::ReservedPrefix.into()
        // XML 1.0 §3.1 counts namespace declarations given twice, too.
        || *error == XmlError::DuplicateAttribute.into()
}

/// Spells the stream anew where rxml is stricter than the specifications.
fn as_rxml_wants(bytes: &[u8]) -> Vec<u8> {
    // XML 1.0 §2.11 defines line ends just so; rxml refuses a lone carriage
    // return in an attribute.
    let mut out = Vec::with_capacity(bytes.len());
    for (at, &b) in bytes.iter().enumerate() {
        match b {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            _ => out.push(b),
        }
    }
    // XML 1.0 §2.8: white space may come first if there is no declaration, and
    // `standalone` may be `no`. A declaration that is wrong stays as it is.
    let end = out.windows(2).position(|w| w == b"?>").map_or(0, |at| at + 2);
    let (declaration, rest) = out.split_at(end);
    let declared = |word: &[u8]| declaration.windows(word.len()).any(|w| w == word);
    let plain = b"<?xml version='1.0'?>".as_slice();
    if declaration.starts_with(b"<?xml") && declared(b"standalone") && declared(b"no") {
        let stream =
            [declaration, b"<s:stream xmlns:s='http://etherx.jabber.org/streams'>"].concat();
        if !ours(&stream, &[], ParserLimits::default()).events.is_empty() {
            return [plain, rest].concat();
        }
    }
    if out.first().is_some_and(u8::is_ascii_whitespace) {
        return [plain, &out].concat();
    }
    out
}

/// Writes a tree in the ways the server does and reads it back.
pub(crate) fn check_writer(tree: &Element) {
    let alone = tree.to_xml("");
    assert_eq!(Element::parse(&alone).as_ref(), Ok(tree), "written as {alone}");

    for content_ns in [ns::CLIENT, ns::SERVER, tree.ns()] {
        let open = StreamOpen { ns: Name::Owned(content_ns.to_owned()), ..StreamOpen::default() };
        // The streams namespace, and that of `xml`, cannot be the default.
        if matches!(content_ns, ns::STREAMS | ns::XML) {
            continue;
        }
        let mut stream = stream_header::open_xml(&open);
        tree.write(&mut stream, content_ns);
        xmpp::writer::write_stream_child(&mut stream, tree, content_ns);
        stream.push_str(stream_header::CLOSE);
        let wanted = [
            StreamEvent::Open(open.clone()),
            StreamEvent::Stanza(tree.clone()),
            StreamEvent::Stanza(tree.clone()),
            StreamEvent::Close,
        ];
        let wide = ParserLimits {
            stanza_bytes: 64 << 20,
            tree_bytes: 64 << 20,
            attributes: 4096,
            ..ParserLimits::default()
        };
        let run = ours(stream.as_bytes(), &[], wide);
        assert_eq!(run.events, wanted, "written as {stream}, {:?}", run.error);
        let opinion = theirs(stream.as_bytes());
        assert!(opinion.error.is_none(), "rxml on {stream}: {:?}", opinion.error);
        let wanted: Vec<_> = wanted.iter().map(without_ns).collect();
        assert_eq!(opinion.events, wanted, "written as {stream}");
    }
}
