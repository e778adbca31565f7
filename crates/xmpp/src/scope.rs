//! Which namespace a prefix means: Namespaces in XML 1.0.
//!
//! Invariants: bindings are a stack, and an element removes exactly what its
//! own start tag added; `xml` always means what it must, `xmlns` means nothing.

use crate::element::Name;
use crate::error::XmlError;
use crate::intern::intern;
use crate::ns;
use std::borrow::Cow;

/// The declarations in force, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    bindings: Vec<Binding>,
}

#[derive(Debug)]
struct Binding {
    /// `None` is the default namespace.
    prefix: Option<Name>,
    ns: Name,
}

/// Declarations in force at once. Looking one up walks through them, so many
/// of them around many elements would be work without end; real streams have
/// less than ten.
const BINDINGS_MAX: usize = 128;

/// A point to return to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(usize);

impl Scope {
    /// The point before the declarations of the next start tag.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.bindings.len())
    }

    /// Forgets what was declared since the mark.
    pub(crate) fn release(&mut self, mark: Mark) {
        self.bindings.truncate(mark.0);
    }

    /// Adds a declaration of the start tag which began at `mark`.
    pub(crate) fn declare(
        &mut self,
        mark: Mark,
        prefix: Option<&str>,
        namespace: &str,
    ) -> Result<(), XmlError> {
        match (prefix, namespace) {
            // Namespaces in XML §3
            (Some("xmlns"), _) | (_, ns::XMLNS) => return Err(XmlError::ReservedPrefix),
            (Some("xml"), ns::XML) => return Ok(()),
            (Some("xml"), _) | (_, ns::XML) => return Err(XmlError::ReservedPrefix),
            // Namespaces in XML §5
            (Some(_), "") => return Err(XmlError::EmptyPrefixBinding),
            _ => {}
        }
        if self.bindings[mark.0..].iter().any(|b| b.prefix.as_deref() == prefix) {
            return Err(XmlError::DuplicateAttribute);
        }
        if self.bindings.len() >= BINDINGS_MAX {
            return Err(XmlError::TreeTooLarge);
        }
        self.bindings.push(Binding { prefix: prefix.map(intern), ns: intern(namespace) });
        Ok(())
    }

    /// The namespace of an element with that prefix. Namespaces in XML §6.1
    pub(crate) fn element_ns(&self, prefix: Option<&str>) -> Result<Name, XmlError> {
        match (self.find(prefix), prefix) {
            (Some(ns), _) => Ok(ns.clone()),
            (None, None) => Ok(Cow::Borrowed("")),
            (None, Some("xml")) => Ok(Cow::Borrowed(ns::XML)),
            (None, Some(_)) => Err(XmlError::UnboundPrefix),
        }
    }

    /// The namespace of an attribute with that prefix; one without prefix has
    /// none. Namespaces in XML §6.2
    pub(crate) fn attribute_ns(&self, prefix: &str) -> Result<Name, XmlError> {
        self.element_ns(Some(prefix))
    }

    fn find(&self, prefix: Option<&str>) -> Option<&Name> {
        let binding = self.bindings.iter().rev().find(|b| b.prefix.as_deref() == prefix)?;
        Some(&binding.ns)
    }
}
