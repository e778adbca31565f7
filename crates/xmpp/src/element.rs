//! The tree of one XML element: XML 1.0 and Namespaces in XML 1.0, without
//! comments, instructions and prefixes.
//!
//! Invariants: names have no prefix, their namespace stands beside them; no
//! two text nodes are neighbours and none is empty; no two attributes have the
//! same name and namespace. So two trees are equal exactly if they mean the
//! same. Namespace declarations are not attributes here: they are made up
//! again when the tree is written.

use crate::error::XmlError;
use crate::parser::{self, ParserLimits};
use crate::{ns, syntax, writer};
use std::borrow::Cow;

/// A name or namespace: lent out of the program for the well-known ones.
pub type Name = Cow<'static, str>;

/// One element with everything in it.
#[derive(Clone, Debug)]
pub struct Element {
    pub(crate) name: Name,
    pub(crate) ns: Name,
    pub(crate) attrs: Vec<Attr>,
    pub(crate) nodes: Vec<Node>,
}

/// What an element holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Text, with all references resolved.
    Text(String),
}

/// One attribute.
#[derive(Clone, Debug)]
pub struct Attr {
    /// Its namespace; most attributes have none.
    pub ns: Option<Name>,
    /// The prefix it was read with: a wish for writing, nothing more.
    pub prefix: Option<Name>,
    /// Its name without prefix.
    pub name: Name,
    /// Its value, normalised and with all references resolved.
    pub value: String,
}

impl PartialEq for Attr {
    /// The prefix means nothing. Namespaces in XML §2.1
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.name, other.ns.as_deref()) && self.value == other.value
    }
}

impl Eq for Attr {}

impl Attr {
    fn is(&self, name: &str, ns: Option<&str>) -> bool {
        self.name == name && self.ns.as_deref() == ns
    }
}

impl PartialEq for Element {
    /// The order of attributes means nothing. XML 1.0 §3.1
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.ns == other.ns
            && self.attrs.len() == other.attrs.len()
            && self.attrs.iter().all(|attr| other.attrs.contains(attr))
            && self.nodes == other.nodes
    }
}

impl Eq for Element {}

impl Element {
    /// Limits of [`Element::parse`], for text of our own store: wide enough
    /// for whatever a stream has let in plus what the server wraps around it.
    const PARSE_LIMITS: ParserLimits = ParserLimits {
        stanza_bytes: 64 << 20,
        tree_bytes: 256 << 20,
        depth: 128,
        attributes: 256,
        children: 1 << 20,
        name_bytes: 4096,
    };

    /// An empty element. `name` is a name without prefix and `ns` its
    /// namespace, possibly empty.
    pub fn new(name: impl Into<Name>, ns: impl Into<Name>) -> Self {
        let (name, ns) = (name.into(), ns.into());
        debug_assert!(syntax::is_ncname(&name), "bad element name {name:?}");
        debug_assert!(ns != ns::XMLNS, "no element is in the namespace of xmlns");
        Element { name, ns, attrs: Vec::new(), nodes: Vec::new() }
    }

    /// The name without prefix.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace; empty if there is none.
    pub fn ns(&self) -> &str {
        &self.ns
    }

    /// Whether this element has that name and namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// The value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.find_attr(name, None).map(|at| self.attrs[at].value.as_str())
    }

    /// The value of an attribute with a namespace.
    pub fn attr_ns(&self, name: &str, ns: &str) -> Option<&str> {
        self.find_attr(name, Some(ns)).map(|at| self.attrs[at].value.as_str())
    }

    fn find_attr(&self, name: &str, ns: Option<&str>) -> Option<usize> {
        self.attrs.iter().position(|attr| attr.is(name, ns))
    }

    /// Sets an attribute without namespace.
    pub fn set_attr(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let name = name.into();
        debug_assert!(syntax::is_ncname(&name) && name != "xmlns", "bad attribute name {name:?}");
        self.put_attr(Attr { ns: None, prefix: None, name, value: value.into() });
    }

    /// Sets `xml:lang`. XML 1.0 §2.12
    pub fn set_lang(&mut self, lang: impl Into<String>) {
        let (ns, prefix) = (Some(Cow::Borrowed(ns::XML)), Some(Cow::Borrowed("xml")));
        self.put_attr(Attr { ns, prefix, name: Cow::Borrowed("lang"), value: lang.into() });
    }

    /// Sets an attribute, whatever its namespace.
    pub fn put_attr(&mut self, attr: Attr) {
        debug_assert!(attr.ns.as_deref() != Some("") && attr.ns.as_deref() != Some(ns::XMLNS));
        match self.find_attr(&attr.name, attr.ns.as_deref()) {
            Some(at) => self.attrs[at] = attr,
            None => self.attrs.push(attr),
        }
    }

    /// Removes an attribute without namespace and returns its value.
    pub fn remove_attr(&mut self, name: &str) -> Option<String> {
        let at = self.find_attr(name, None)?;
        Some(self.attrs.remove(at).value)
    }

    /// This element with an attribute set.
    pub fn with_attr(mut self, name: impl Into<Name>, value: impl Into<String>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// The value of this element's own `xml:lang`.
    pub fn lang(&self) -> Option<&str> {
        self.attr_ns("lang", ns::XML)
    }

    /// All attributes.
    pub fn attrs(&self) -> &[Attr] {
        &self.attrs
    }

    /// Children and text, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// This element's children and text, taken out of it.
    pub fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// The child elements, in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }

    /// The child elements, to change them.
    pub fn children_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.nodes.iter_mut().filter_map(|node| match node {
            Node::Element(child) => Some(child),
            Node::Text(_) => None,
        })
    }

    /// The first child of that name and namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find(|child| child.is(name, ns))
    }

    /// The first child of that name and namespace, to change it.
    pub fn child_mut(&mut self, name: &str, ns: &str) -> Option<&mut Element> {
        self.children_mut().find(|child| child.is(name, ns))
    }

    /// Adds a child at the end.
    pub fn push(&mut self, child: Element) {
        self.nodes.push(Node::Element(child));
    }

    /// Adds text at the end, joining it to text already there. Characters XML
    /// does not allow are written as U+FFFD.
    pub fn push_text(&mut self, text: impl Into<String>) {
        let text = text.into();
        if text.is_empty() {
            return;
        }
        match self.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(&text),
            _ => self.nodes.push(Node::Text(text)),
        }
    }

    /// This element with a child added.
    pub fn with_child(mut self, child: Element) -> Self {
        self.push(child);
        self
    }

    /// This element with text added.
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.push_text(text);
        self
    }

    /// Removes the nodes `keep` says no to.
    pub fn retain(&mut self, keep: impl FnMut(&Node) -> bool) {
        self.nodes.retain(keep);
        // What stood between two texts may be gone.
        self.nodes.dedup_by(|node, before| match (before, node) {
            (Node::Text(before), Node::Text(text)) => {
                before.push_str(text);
                true
            }
            _ => false,
        });
    }

    /// The text directly in this element, without that of its children.
    pub fn text(&self) -> Cow<'_, str> {
        let mut texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        match (texts.next(), texts.next()) {
            (None, _) => Cow::Borrowed(""),
            (Some(text), None) => Cow::Borrowed(text),
            (Some(first), Some(second)) => {
                Cow::Owned([first, second].into_iter().chain(texts).collect())
            }
        }
    }

    /// Moves this element, and what it holds of the same namespace, into
    /// another namespace: a message goes from `jabber:client` to
    /// `jabber:server` together with its body, and a forwarded stanza in it
    /// stays what it is.
    pub fn change_ns(&mut self, to: &Name) {
        let from = std::mem::replace(&mut self.ns, to.clone());
        for child in self.children_mut().filter(|child| child.ns == from) {
            child.change_ns(to);
        }
    }

    /// Writes the element into a place where `parent_ns` is the default
    /// namespace; `xmlns` appears only where it changes something. Prefixes of
    /// attributes are declared on the spot, and so is `stream` for an element
    /// of the streams namespace, which some clients know only by that prefix.
    pub fn write(&self, out: &mut String, parent_ns: &str) {
        writer::write(out, self, parent_ns);
    }

    /// As [`Element::write`], into a new string.
    pub fn to_xml(&self, parent_ns: &str) -> String {
        // Room for a message of a few sentences, so that it is not moved while it is written.
        const USUAL: usize = 512;
        let mut out = String::with_capacity(USUAL);
        self.write(&mut out, parent_ns);
        out
    }

    /// Reads one whole element, by the same strict rules as a stream. White
    /// space around it is allowed, an XML declaration is not.
    pub fn parse(xml: &str) -> Result<Element, XmlError> {
        parser::parse_element(xml, Self::PARSE_LIMITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(xml: &str) -> Element {
        Element::parse(xml).unwrap_or_else(|e| panic!("{xml}: {e}"))
    }

    #[test]
    fn attributes() {
        let mut e = Element::new("a", "urn:a").with_attr("b", "1").with_attr("c", "2");
        e.set_attr("b", "3");
        assert_eq!((e.attr("b"), e.attr("c"), e.attr("d")), (Some("3"), Some("2"), None));
        assert_eq!((e.remove_attr("b"), e.remove_attr("b")), (Some("3".into()), None));
        e.set_lang("de");
        assert_eq!((e.lang(), e.attr("lang")), (Some("de"), None));
        assert_eq!(e.attr_ns("lang", ns::XML), Some("de"));
        e.set_attr("lang", "x");
        assert_eq!((e.lang(), e.attr("lang"), e.attrs().len()), (Some("de"), Some("x"), 3));
    }

    #[test]
    fn equality_is_that_of_meaning() {
        let a = element("<p:a xmlns:p='urn:1' b='1' p:c='2'/>");
        assert_eq!(a, element("<a xmlns='urn:1' xmlns:q='urn:1' q:c='2' b='1'></a>"));
        assert_ne!(a, element("<a xmlns='urn:1' c='2' b='1'/>"));
        assert_ne!(a, element("<p:a xmlns:p='urn:1' b='1' p:c='3'/>"));
        assert_ne!(a, element("<p:a xmlns:p='urn:1' b='1' p:c='2' d=''/>"));
        assert_ne!(a, element("<p:a xmlns:p='urn:1' b='1' p:c='2'> </p:a>"));
    }

    #[test]
    fn text_and_children() {
        let mut e = element("<a xmlns='u'>1<b/>2<c xmlns='v'>3</c>4</a>");
        assert_eq!(e.text(), "124");
        assert_eq!(e.children().count(), 2);
        assert!(e.child("b", "u").is_some() && e.child("b", "v").is_none());
        assert_eq!(e.child("c", "v").unwrap().text(), "3");
        e.retain(|node| !matches!(node, Node::Element(child) if child.is("b", "u")));
        assert_eq!(e, element("<a xmlns='u'>12<c xmlns='v'>3</c>4</a>"));
        e.retain(|node| !matches!(node, Node::Element(_)));
        assert_eq!(e.nodes(), [Node::Text("124".into())]);
        e.push_text("5");
        e.push_text("");
        assert_eq!(e.into_nodes(), [Node::Text("1245".into())]);
        assert_eq!(Element::new("a", "").with_text("").nodes(), []);
    }

    #[test]
    fn a_change_of_namespace_stops_at_others() {
        let mut e = element("<a xmlns='u'><b><c xmlns='v'><d xmlns='u'/></c><e/></b></a>");
        e.change_ns(&Cow::Borrowed("w"));
        let wanted = "<a xmlns='w'><b><c xmlns='v'><d xmlns='u'/></c><e/></b></a>";
        assert_eq!(e.to_xml(""), wanted);
    }
}
