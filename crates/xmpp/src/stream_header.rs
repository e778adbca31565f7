//! Opening and closing tags of a stream: RFC 6120 §4.2, §4.4, §4.7, §4.8.
//!
//! Invariants: the header declares the content namespace as the default one
//! and the prefix `stream`, on which [`crate::writer::write_stream_child`] and
//! [`crate::error::StreamError::to_xml`] rely; it is preceded by the XML
//! declaration.

use crate::parser::StreamOpen;
use crate::{ns, writer};

/// The end tag that goes with the headers written here. RFC 6120 §4.4
pub const CLOSE: &str = "</stream:stream>";

/// The only version of XMPP there is. RFC 6120 §4.7.5
pub const VERSION: &str = "1.0";

/// Appends the XML declaration and the opening tag. The `version` is left out
/// if it is not given, which only very old servers do.
pub fn write_open(out: &mut String, open: &StreamOpen) {
    // RFC 6120 §11.5
    out.push_str("<?xml version='1.0'?><stream:stream");
    writer::write_attr(out, "xmlns", &open.ns);
    writer::write_attr(out, "xmlns:stream", ns::STREAMS);
    let attributes = [
        ("from", &open.from),
        ("to", &open.to),
        ("id", &open.id),
        ("version", &open.version),
        ("xml:lang", &open.lang),
    ];
    for (name, value) in attributes {
        if let Some(value) = value {
            writer::write_attr(out, name, value);
        }
    }
    out.push('>');
}

/// As [`write_open`], into a new string.
pub fn open_xml(open: &StreamOpen) -> String {
    let mut out = String::new();
    write_open(&mut out, open);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parser::{Parser, ParserLimits, StreamEvent};
    use std::borrow::Cow;

    #[test]
    fn on_the_wire() {
        let open = StreamOpen {
            ns: Cow::Borrowed(ns::CLIENT),
            from: Some("example.com".into()),
            id: Some("a'<&\"\n>".into()),
            version: Some(VERSION.into()),
            lang: Some("en".into()),
            to: None,
        };
        let mut xml = open_xml(&open);
        assert_eq!(
            xml,
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams' from='example.com' \
             id='a&apos;&lt;&amp;\"&#10;>' version='1.0' xml:lang='en'>"
        );
        xml.push_str(CLOSE);
        let mut parser = Parser::new(ParserLimits::STRANGER);
        parser.push(xml.as_bytes());
        assert_eq!(parser.next(), Ok(Some(StreamEvent::Open(open))));
        assert_eq!(parser.next(), Ok(Some(StreamEvent::Close)));
    }
}
