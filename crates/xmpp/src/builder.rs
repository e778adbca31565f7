//! Builds trees out of whole tags and runs of text: the second half of the
//! parser, on top of quick-xml.
//!
//! Spec: XML 1.0, Namespaces in XML 1.0, RFC 6120 §11. quick-xml tells the
//! tokens apart; every rule about what may stand in them is enforced here, as
//! quick-xml leaves most of them to its user.
//!
//! Invariants: an element leaves only when its end tag has come; what the
//! parts of one unit cost in memory is counted and limited; nothing depends on
//! how a unit was cut into pieces.

use crate::attributes::{Attributes, check_declaration};
use crate::element::{Attr, Element, Name, Node};
use crate::error::XmlError;
use crate::intern::intern;
use crate::ns;
use crate::parser::{ParserLimits, StreamOpen};
use crate::scope::{Mark, Scope};
use crate::syntax::{
    attribute_value, is_portable_namespace, push_text, resolve_reference, split_qname,
};
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// What a finished unit was.
#[derive(Debug)]
pub(crate) enum Piece {
    /// The XML declaration.
    Declaration,
    /// The start tag of the stream; `empty` if it closed itself.
    Open { open: StreamOpen, empty: bool },
    /// One whole element.
    Element(Element),
    /// The end tag of the stream.
    Close,
}

/// The tree under construction.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    scope: Scope,
    /// Elements whose end tag has not come yet, outermost first.
    stack: Vec<Frame>,
    root: Root,
    /// Memory the unit has used up so far, in bytes, see [`ParserLimits`].
    cost: usize,
}

#[derive(Debug)]
struct Frame {
    element: Element,
    prefix: Option<Name>,
    mark: Mark,
}

/// The element around the units.
#[derive(Debug, Default)]
enum Root {
    /// A stream whose start tag has not come yet.
    #[default]
    Expected,
    /// A stream; its tag had this prefix.
    Stream { prefix: Option<Name> },
    /// None: the units stand alone.
    Nothing,
}

/// The name of a stream's root element. RFC 6120 §4.2
const STREAM: &str = "stream";

/// What one element costs beside its text: its node and the overhead of the
/// allocations in it.
const ELEMENT_COST: usize = size_of::<Node>() + 64;
/// What one attribute costs beside its text.
const ATTRIBUTE_COST: usize = size_of::<Attr>() + 16;

impl Builder {
    /// A builder of elements without a stream around them.
    pub(crate) fn without_stream() -> Self {
        Builder { root: Root::Nothing, ..Builder::default() }
    }

    /// Whether the stream's start tag has been seen.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.root, Root::Expected)
    }

    /// Takes whole tags and text, beginning with a tag, of one unit. Returns
    /// the unit when its last tag was among them.
    pub(crate) fn feed(
        &mut self,
        xml: &str,
        limits: &ParserLimits,
    ) -> Result<Option<Piece>, XmlError> {
        let mut reader = Reader::from_str(xml);
        let config = reader.config_mut();
        // The start tag may have been in an earlier piece: see `end`.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        loop {
            let piece = match reader.read_event().map_err(violation)? {
                Event::Start(tag) => self.start(&tag, false, limits)?,
                Event::Empty(tag) => self.start(&tag, true, limits)?,
                Event::End(tag) => self.end(tag.name().as_ref())?,
                Event::Text(text) => self.text(&text, false, limits)?,
                Event::CData(text) => self.text(&text, true, limits)?,
                Event::GeneralRef(name) => self.reference(&name, limits)?,
                Event::Decl(declaration) => {
                    // The content begins with `xml`.
                    check_declaration(declaration.get(3..).ok_or(XmlError::BadDeclaration)?)?;
                    Some(Piece::Declaration)
                }
                Event::Eof => return Ok(None),
                // The boundary scanner has refused these already.
                Event::PI(_) => return Err(XmlError::Instruction),
                Event::Comment(_) => return Err(XmlError::Comment),
                Event::DocType(_) => return Err(XmlError::Doctype),
            };
            if piece.is_some() {
                self.cost = 0;
                if self.stack.is_empty() {
                    self.stack = Vec::new();
                }
                return Ok(piece);
            }
        }
    }

    fn start(
        &mut self,
        tag: &BytesStart<'_>,
        empty: bool,
        limits: &ParserLimits,
    ) -> Result<Option<Piece>, XmlError> {
        if self.stack.len() >= limits.depth {
            return Err(XmlError::TooDeep);
        }
        let qname = tag.name();
        let (prefix, name) = checked_name(qname.as_ref(), limits)?;
        let mark = self.scope.mark();
        let attrs = self.attributes(tag.attributes_raw(), mark, limits)?;
        let ns = self.element_ns(prefix)?;
        self.spend(ELEMENT_COST + name.len() + ns.len(), limits)?;
        if !self.is_open() {
            return self.open(
                prefix,
                Element { name: intern(name), ns, attrs, nodes: vec![] },
                empty,
            );
        }
        let element = Element { name: intern(name), ns, attrs, nodes: Vec::new() };
        if empty {
            self.scope.release(mark);
            return self.finish(element, limits);
        }
        self.check_children(limits)?;
        self.stack.push(Frame { element, prefix: prefix.map(intern), mark });
        Ok(None)
    }

    fn element_ns(&self, prefix: Option<&str>) -> Result<Name, XmlError> {
        match prefix {
            // Namespaces in XML §3: elements must not have this prefix.
            Some("xmlns") => Err(XmlError::ReservedPrefix),
            _ => self.scope.element_ns(prefix),
        }
    }

    /// Reads declarations into the scope, then the attributes proper.
    fn attributes(
        &mut self,
        raw: &str,
        mark: Mark,
        limits: &ParserLimits,
    ) -> Result<Vec<Attr>, XmlError> {
        let mut seen = 0;
        let mut attrs: Vec<Attr> = Vec::new();
        let mut tag = Attributes::new(raw);
        while let Some(attribute) = tag.next()? {
            seen += 1;
            if seen > limits.attributes {
                return Err(XmlError::TooManyAttributes);
            }
            let (prefix, name) = checked_name(attribute.name, limits)?;
            let value = attribute_value(attribute.value)?;
            match (prefix, name) {
                (None, "xmlns") => self.declare(mark, None, &value, limits)?,
                (Some("xmlns"), prefix) => self.declare(mark, Some(prefix), &value, limits)?,
                _ => {
                    self.spend(ATTRIBUTE_COST + name.len() + value.len(), limits)?;
                    let (prefix, name) = (prefix.map(intern), intern(name));
                    attrs.push(Attr { ns: None, prefix, name, value });
                }
            }
        }
        // Prefixes may be declared after their use in the same tag.
        for at in 0..attrs.len() {
            if let Some(prefix) = &attrs[at].prefix {
                let ns = self.scope.attribute_ns(prefix)?;
                self.spend(ns.len(), limits)?;
                attrs[at].ns = Some(ns);
            }
            // XML 1.0 §3.1, Namespaces in XML §6.3
            let (before, this) = (&attrs[..at], &attrs[at]);
            if before.iter().any(|a| a.name == this.name && a.ns == this.ns) {
                return Err(XmlError::DuplicateAttribute);
            }
        }
        Ok(attrs)
    }

    fn declare(
        &mut self,
        mark: Mark,
        prefix: Option<&str>,
        namespace: &str,
        limits: &ParserLimits,
    ) -> Result<(), XmlError> {
        if namespace.len() > limits.name_bytes {
            return Err(XmlError::NameTooLong);
        }
        if !is_portable_namespace(namespace) {
            return Err(XmlError::UnportableNamespace);
        }
        self.spend(ATTRIBUTE_COST + prefix.map_or(0, str::len) + namespace.len(), limits)?;
        self.scope.declare(mark, prefix, namespace)
    }

    /// The first tag of a stream.
    fn open(
        &mut self,
        prefix: Option<&str>,
        mut root: Element,
        empty: bool,
    ) -> Result<Option<Piece>, XmlError> {
        // RFC 6120 §4.8.1
        if root.ns() != ns::STREAMS {
            return Err(XmlError::WrongStreamNamespace);
        }
        // RFC 6120 §4.2
        if root.name() != STREAM {
            return Err(XmlError::NotAStream);
        }
        let open = StreamOpen {
            ns: self.scope.element_ns(None)?,
            to: root.remove_attr("to"),
            from: root.remove_attr("from"),
            id: root.remove_attr("id"),
            version: root.remove_attr("version"),
            lang: root.lang().map(str::to_owned),
        };
        self.root = Root::Stream { prefix: prefix.map(intern) };
        Ok(Some(Piece::Open { open, empty }))
    }

    fn end(&mut self, qname: &str) -> Result<Option<Piece>, XmlError> {
        let (prefix, name) = match qname.split_once(':') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, qname),
        };
        let Some(frame) = self.stack.pop() else {
            // Only the stream itself can still be open.
            return match &self.root {
                Root::Expected => Err(XmlError::NoRoot),
                Root::Stream { prefix: open } if name == STREAM && open.as_deref() == prefix => {
                    Ok(Some(Piece::Close))
                }
                Root::Stream { .. } | Root::Nothing => Err(XmlError::MismatchedTag),
            };
        };
        // XML 1.0 §3: the names are compared as they are spelled.
        if frame.element.name != name || frame.prefix.as_deref() != prefix {
            return Err(XmlError::MismatchedTag);
        }
        self.scope.release(frame.mark);
        match self.stack.last_mut() {
            None => Ok(Some(Piece::Element(frame.element))),
            Some(parent) => {
                parent.element.nodes.push(Node::Element(frame.element));
                Ok(None)
            }
        }
    }

    /// Puts an element without content where it belongs.
    fn finish(
        &mut self,
        element: Element,
        limits: &ParserLimits,
    ) -> Result<Option<Piece>, XmlError> {
        self.check_children(limits)?;
        match self.stack.last_mut() {
            None => Ok(Some(Piece::Element(element))),
            Some(parent) => {
                parent.element.nodes.push(Node::Element(element));
                Ok(None)
            }
        }
    }

    fn check_children(&self, limits: &ParserLimits) -> Result<(), XmlError> {
        match self.stack.last() {
            Some(parent) if parent.element.nodes.len() >= limits.children => {
                Err(XmlError::TooManyChildren)
            }
            _ => Ok(()),
        }
    }

    fn text(
        &mut self,
        text: &str,
        cdata: bool,
        limits: &ParserLimits,
    ) -> Result<Option<Piece>, XmlError> {
        if !text.is_empty() {
            push_text(self.text_slot(limits)?, text, cdata)?;
        }
        Ok(None)
    }

    fn reference(&mut self, name: &str, limits: &ParserLimits) -> Result<Option<Piece>, XmlError> {
        let c = resolve_reference(name)?;
        self.text_slot(limits)?.push(c);
        Ok(None)
    }

    /// The text at the end of the innermost open element.
    fn text_slot(&mut self, limits: &ParserLimits) -> Result<&mut String, XmlError> {
        let frame = self.stack.last_mut().ok_or(XmlError::StrayText)?;
        let nodes = &mut frame.element.nodes;
        if !matches!(nodes.last(), Some(Node::Text(_))) {
            if nodes.len() >= limits.children {
                return Err(XmlError::TooManyChildren);
            }
            self.cost += size_of::<Node>();
            nodes.push(Node::Text(String::new()));
        }
        match nodes.last_mut() {
            Some(Node::Text(text)) => Ok(text),
            _ => Err(XmlError::StrayText),
        }
    }

    fn spend(&mut self, bytes: usize, limits: &ParserLimits) -> Result<(), XmlError> {
        self.cost += bytes;
        if self.cost > limits.tree_bytes { Err(XmlError::TreeTooLarge) } else { Ok(()) }
    }
}

fn checked_name<'a>(
    qname: &'a str,
    limits: &ParserLimits,
) -> Result<(Option<&'a str>, &'a str), XmlError> {
    if qname.len() > limits.name_bytes {
        return Err(XmlError::NameTooLong);
    }
    split_qname(qname)
}

/// The boundary scanner lets nothing through that quick-xml stumbles over,
/// but for references without end.
fn violation(error: Error) -> XmlError {
    match error {
        Error::IllFormed(IllFormedError::UnclosedReference) => XmlError::BadReference,
        _ => XmlError::BadTag,
    }
}
