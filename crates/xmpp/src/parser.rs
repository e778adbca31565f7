//! The push parser of a stream: RFC 6120 §4 and §11 on XML 1.0.
//!
//! Bytes go in as they come from the network, events come out. The work is
//! done by [`crate::boundary`], which finds whole tags, and
//! [`crate::builder`], which checks them and builds the tree.
//!
//! Invariants:
//! * The events, and the error if there is one, depend on the bytes alone and
//!   not on how they were cut into pushes.
//! * No buffer is held between stanzas, and within one none larger than what
//!   has come of it.
//! * After an error the parser returns that same error for ever.
//!
//! Decisions where the specifications leave room:
//! * CDATA sections are allowed inside of stanzas (XML 1.0 §2.7; RFC 6120
//!   §11.1 does not list them) and become plain text.
//! * White space between stanzas is a keep-alive (RFC 6120 §4.6.1) and
//!   vanishes. After [`Parser::restart`] it may also stand before the new XML
//!   declaration, as it then belongs to the stream before; a first stream
//!   must begin with its first byte.
//! * A byte order mark is text (RFC 6120 §11.6), so a stream that begins with
//!   one is not well-formed.
//! * What follows the end tag of the stream is thrown away unread.
//! * Names and namespaces which XML allows but the parsers of many clients do
//!   not are a policy violation: passed on, they would end the streams of
//!   those clients.
//! * An error in a tag or text shows at the latest when the next tag begins.

use crate::boundary::{Boundary, Unit};
use crate::builder::{Builder, Piece};
use crate::element::{Element, Name};
use crate::error::{StreamError, XmlError};
use crate::syntax::is_space;

/// What a peer may make us hold. All of it is checked while bytes come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParserLimits {
    /// Longest stanza or stream header on the wire, in bytes.
    pub stanza_bytes: usize,
    /// Largest tree in memory, in bytes, as an estimate: small tags and long
    /// namespaces take more room in memory than on the wire.
    pub tree_bytes: usize,
    /// Elements within each other, the stanza itself counted.
    pub depth: usize,
    /// Attributes of one element, namespace declarations counted.
    pub attributes: usize,
    /// Children and runs of text in one element.
    pub children: usize,
    /// Longest name with prefix, and longest namespace, in bytes.
    pub name_bytes: usize,
}

impl ParserLimits {
    /// For a peer that has not said who it is: enough for a stream header,
    /// STARTTLS, SASL (an OAuth or GSSAPI token may be some kilobytes) and
    /// binding. RFC 6120 §13.12 asks for at least 10,000 bytes.
    pub const STRANGER: ParserLimits = ParserLimits {
        stanza_bytes: 16 << 10,
        tree_bytes: 64 << 10,
        depth: 16,
        attributes: 32,
        children: 64,
        name_bytes: 512,
    };
}

impl Default for ParserLimits {
    /// For a peer that is logged in: avatars travel in stanzas of more than
    /// 100 kB; everything else is far smaller.
    fn default() -> Self {
        ParserLimits {
            stanza_bytes: 256 << 10,
            tree_bytes: 1 << 20,
            depth: 64,
            attributes: 64,
            children: 8192,
            name_bytes: 1024,
        }
    }
}

/// What the parser has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The header of the stream. RFC 6120 §4.7
    Open(StreamOpen),
    /// One direct child of the stream, stanza or not.
    Stanza(Element),
    /// The end tag of the stream. RFC 6120 §4.4
    Close,
}

/// The header of a stream: RFC 6120 §4.7. Nothing here is checked beyond XML.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOpen {
    /// The default namespace, which is that of the stanzas; may be empty.
    pub ns: Name,
    /// The domain the peer wants to speak to.
    pub to: Option<String>,
    /// Who the peer says it is.
    pub from: Option<String>,
    /// The stream's identifier, if the peer is a server.
    pub id: Option<String>,
    /// The version of XMPP.
    pub version: Option<String>,
    /// The default language of what follows.
    pub lang: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct Parser {
    limits: ParserLimits,
    /// Bytes that have come; those before `start` are used up.
    buffer: Vec<u8>,
    start: usize,
    phase: Phase,
    builder: Builder,
    /// The unit that is being read, if its first byte has been seen.
    boundary: Option<Boundary>,
    /// Bytes of that unit which the builder has taken already.
    unit_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Before the first tag.
    Prolog {
        declaration_allowed: bool,
        after_restart: bool,
    },
    /// Between header and end tag.
    Open,
    /// The header was an empty tag: the end tag is due.
    Closing,
    Closed,
    Failed(XmlError),
}

/// A remaining buffer this much larger than its content is given back.
const SLACK_BYTES: usize = 1024;

impl Parser {
    /// A parser at the start of a connection.
    pub fn new(limits: ParserLimits) -> Self {
        Parser {
            limits,
            buffer: Vec::new(),
            start: 0,
            phase: Phase::Prolog { declaration_allowed: true, after_restart: false },
            builder: Builder::default(),
            boundary: None,
            unit_bytes: 0,
        }
    }

    /// Adds bytes from the network. The caller then takes all events before
    /// it reads more; that, and how much it reads at once, bounds the buffer.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.phase, Phase::Closed | Phase::Failed(_)) {
            return;
        }
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event, or `None` if more bytes are needed. RFC 6120 §4.9.1.1:
    /// after an error the stream cannot go on.
    #[expect(clippy::should_implement_trait, reason = "it can fail, and `None` is no end")]
    pub fn next(&mut self) -> Result<Option<StreamEvent>, StreamError> {
        loop {
            match self.phase {
                Phase::Failed(error) => return Err(error.into()),
                Phase::Closing => {
                    self.close();
                    return Ok(Some(StreamEvent::Close));
                }
                Phase::Closed => return Ok(None),
                Phase::Prolog { .. } | Phase::Open => {}
            }
            let piece = match self.read() {
                Ok(Some(piece)) => piece,
                Ok(None) => {
                    self.give_back();
                    return Ok(None);
                }
                Err(error) => {
                    self.phase = Phase::Failed(error);
                    self.drop_buffer();
                    return Err(error.into());
                }
            };
            match piece {
                // What follows is no longer at the very start.
                Piece::Declaration => {}
                Piece::Open { open, empty } => {
                    self.phase = if empty { Phase::Closing } else { Phase::Open };
                    return Ok(Some(StreamEvent::Open(open)));
                }
                Piece::Element(element) => return Ok(Some(StreamEvent::Stanza(element))),
                Piece::Close => {
                    self.close();
                    return Ok(Some(StreamEvent::Close));
                }
            }
        }
    }

    /// A new stream begins on the same connection (RFC 6120 §5.4.3.3 after
    /// STARTTLS, §6.4.6 after SASL): forgets the stream, keeps unread bytes.
    /// To be called right after the event that leads to it; a stanza of which
    /// parts have been taken already is lost.
    pub fn restart(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.drain(..self.start);
        *self = Parser { buffer, ..Parser::new(self.limits) };
        self.phase = Phase::Prolog { declaration_allowed: true, after_restart: true };
    }

    /// How many bytes have come and were not used yet. After STARTTLS there
    /// must be none: they would have come unprotected (RFC 6120 §5.3.1).
    pub fn unread(&self) -> usize {
        self.buffer.len() - self.start + self.unit_bytes
    }

    /// Memory held for bytes that wait, for tests of what an idle stream costs.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Changes the limits, from the next tag on.
    pub fn set_limits(&mut self, limits: ParserLimits) {
        self.limits = limits;
    }

    /// Reads to the end of a unit, if it has come.
    fn read(&mut self) -> Result<Option<Piece>, XmlError> {
        if self.boundary.is_none() {
            self.begin()?;
        }
        let Some(boundary) = &mut self.boundary else { return Ok(None) };
        let unread = &self.buffer[self.start..];
        // The limit counts from the unit's first byte, however it is cut.
        let allowed = self.limits.stanza_bytes.saturating_sub(self.unit_bytes);
        let window = &unread[..unread.len().min(allowed)];
        let found = boundary.look(window);
        let whole = &window[..found.whole];
        let piece = build(&mut self.builder, whole, &self.limits)?;
        self.start += found.whole;
        self.unit_bytes += found.whole;
        if let Some(error) = found.error {
            return Err(error);
        }
        if found.finished {
            self.boundary = None;
            self.unit_bytes = 0;
            return piece.map(Some).ok_or(XmlError::BadTag);
        }
        if unread.len() > allowed {
            return Err(XmlError::TooLong);
        }
        Ok(None)
    }

    /// Goes to the first byte of the next unit.
    fn begin(&mut self) -> Result<(), XmlError> {
        let unread = &self.buffer[self.start..];
        let spaces = unread.iter().take_while(|&&b| is_space(b)).count();
        let first = unread.get(spaces).copied();
        self.start += spaces;
        if let (1.., Phase::Prolog { declaration_allowed, after_restart: false }) =
            (spaces, &mut self.phase)
        {
            *declaration_allowed = false;
        }
        let unit = match &mut self.phase {
            Phase::Prolog { declaration_allowed, .. } => {
                Unit::Header { declaration: *declaration_allowed }
            }
            _ => Unit::Element,
        };
        match first {
            None => return Ok(()),
            Some(b'<') => {}
            Some(_) if self.builder.is_open() => return Err(XmlError::StrayText),
            Some(_) => return Err(XmlError::NoRoot),
        }
        // Whatever this unit is, after it the declaration comes too late.
        if let Phase::Prolog { declaration_allowed, .. } = &mut self.phase {
            *declaration_allowed = false;
        }
        self.boundary = Some(Boundary::new(unit));
        Ok(())
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.builder = Builder::default();
        self.drop_buffer();
    }

    fn drop_buffer(&mut self) {
        self.buffer = Vec::new();
        self.start = 0;
    }

    /// Holds no more memory than the bytes that wait for the rest of their tag.
    fn give_back(&mut self) {
        let waiting = self.buffer.len() - self.start;
        if waiting == 0 {
            self.drop_buffer();
        } else if self.buffer.capacity() > 2 * waiting + SLACK_BYTES {
            self.buffer = self.buffer[self.start..].to_vec();
            self.start = 0;
        }
    }
}

/// Hands whole tags and text to the builder.
fn build(
    builder: &mut Builder,
    whole: &[u8],
    limits: &ParserLimits,
) -> Result<Option<Piece>, XmlError> {
    match std::str::from_utf8(whole) {
        Ok("") => Ok(None),
        Ok(xml) => builder.feed(xml, limits),
        Err(bad) => {
            // What stands before the bad bytes was whole earlier, had it come
            // earlier; so its errors come first.
            let before = &whole[..bad.valid_up_to()];
            let tags = &before[..Boundary::whole_tokens(before)];
            if let Ok(xml) = std::str::from_utf8(tags) {
                builder.feed(xml, limits)?;
            }
            Err(XmlError::BadUtf8)
        }
    }
}

/// One whole element, see [`Element::parse`].
pub(crate) fn parse_element(xml: &str, limits: ParserLimits) -> Result<Element, XmlError> {
    let xml = xml.trim_matches([' ', '\t', '\n', '\r']);
    if !xml.starts_with('<') {
        return Err(XmlError::NoRoot);
    }
    let found = Boundary::new(Unit::Element).look(xml.as_bytes());
    if xml.len().min(found.whole) > limits.stanza_bytes {
        return Err(XmlError::TooLong);
    }
    let piece = Builder::without_stream().feed(&xml[..found.whole], &limits)?;
    if let Some(error) = found.error {
        return Err(error);
    }
    match piece {
        Some(Piece::Element(_)) if found.whole < xml.len() => Err(XmlError::TrailingData),
        Some(Piece::Element(element)) => Ok(element),
        _ => Err(XmlError::Unfinished),
    }
}
