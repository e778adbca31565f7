//! Violations of XML 1.0, Namespaces in XML 1.0 and the restrictions of
//! RFC 6120 §11, each named after the rule that was broken.
//!
//! Invariant: every violation has exactly one stream condition.

use super::{StreamCondition, StreamError};
use std::borrow::Cow;
use std::fmt;

/// The list of violations: name, condition, sentence.
macro_rules! violations {
    ($($(#[$doc:meta])* $variant:ident => $condition:ident, $text:literal;)*) => {
        /// A rule of XML (as XMPP uses it) that was broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum XmlError { $($(#[$doc])* $variant,)* }

        impl XmlError {
            /// What to close the stream with.
            pub const fn condition(self) -> StreamCondition {
                match self { $(XmlError::$variant => StreamCondition::$condition,)* }
            }

            const fn text(self) -> &'static str {
                match self { $(XmlError::$variant => $text,)* }
            }
        }
    };
}

violations! {
    /// Bytes which are not UTF-8. RFC 6120 §11.6
    BadUtf8 => UnsupportedEncoding, "the bytes are not valid UTF-8";
    /// An XML declaration that names another encoding. RFC 6120 §11.6
    OtherEncoding => UnsupportedEncoding, "the only encoding here is UTF-8";
    /// A comment. RFC 6120 §11.1
    Comment => RestrictedXml, "comments are not allowed";
    /// A document type declaration. RFC 6120 §11.1
    Doctype => RestrictedXml, "document type declarations are not allowed";
    /// A processing instruction, or an XML declaration that is not the very
    /// first thing. RFC 6120 §11.1
    Instruction => RestrictedXml, "processing instructions are not allowed";
    /// A reference to an entity that is not predefined. RFC 6120 §11.1
    UnknownEntity => RestrictedXml, "only the five predefined entities are allowed";
    /// An XML declaration of the wrong form. XML 1.0 §2.8
    BadDeclaration => NotWellFormed, "the XML declaration is malformed";
    /// An `&` that begins no reference. XML 1.0 §4.1
    BadReference => NotWellFormed, "a reference is malformed";
    /// A character XML does not allow, literally or by reference. XML 1.0 §2.2
    ForbiddenChar => NotWellFormed, "a character is not allowed in XML";
    /// A name of the wrong form. XML 1.0 §2.3
    BadName => NotWellFormed, "a name is malformed";
    /// A tag of the wrong form. XML 1.0 §3.1
    BadTag => NotWellFormed, "a tag is malformed";
    /// A `<` in an attribute value. XML 1.0 §3.1
    LtInAttribute => NotWellFormed, "an attribute value holds '<'";
    /// Two attributes of one name. XML 1.0 §3.1
    DuplicateAttribute => NotWellFormed, "an attribute is given twice";
    /// An end tag of another name. XML 1.0 §3
    MismatchedTag => NotWellFormed, "an end tag does not match its start tag";
    /// `]]>` in text. XML 1.0 §2.4
    CdataEndInText => NotWellFormed, "text holds ']]>'";
    /// `<!` followed by none of the known words. XML 1.0 §2.4
    BadMarkup => NotWellFormed, "unknown markup";
    /// A prefix without declaration. Namespaces in XML §5
    UnboundPrefix => BadNamespacePrefix, "a namespace prefix is not declared";
    /// A wrong use of `xml`, `xmlns` or their names. Namespaces in XML §3
    ReservedPrefix => NotWellFormed, "a reserved namespace prefix or name is misused";
    /// A prefix bound to nothing. Namespaces in XML §5
    EmptyPrefixBinding => NotWellFormed, "a namespace prefix is bound to nothing";
    /// Text where only elements are allowed. RFC 6120 §8.1: stanzas have no
    /// text beside them.
    StrayText => BadFormat, "there is text outside of any stanza";
    /// Anything else before the first tag. XML 1.0 §2.1
    NoRoot => NotWellFormed, "this is not XML";
    /// The end of the input inside of an element.
    Unfinished => NotWellFormed, "the element is not finished";
    /// Something after the end of the element.
    TrailingData => NotWellFormed, "there is something after the element";
    /// The first tag is not `<stream:stream>`. RFC 6120 §4.2
    NotAStream => BadFormat, "the first element is not a stream";
    /// The first tag is of another namespace. RFC 6120 §4.8.1
    WrongStreamNamespace => InvalidNamespace, "the stream has the wrong namespace";
    /// A stanza, or the stream header, beyond its size. RFC 6120 §13.12
    TooLong => PolicyViolation, "the stanza is too long";
    /// Elements in elements beyond the limit. RFC 6120 §13.12
    TooDeep => PolicyViolation, "elements are nested too deeply";
    /// Too many attributes on one element. RFC 6120 §13.12
    TooManyAttributes => PolicyViolation, "an element has too many attributes";
    /// Too many children of one element. RFC 6120 §13.12
    TooManyChildren => PolicyViolation, "an element has too many children";
    /// A name or a namespace beyond its size. RFC 6120 §13.12
    NameTooLong => PolicyViolation, "a name is too long";
    /// A name with letters which the parsers of many clients refuse.
    UnportableName => PolicyViolation, "a name has letters that not every parser accepts";
    /// A namespace with characters which the parsers of many clients refuse.
    UnportableNamespace => PolicyViolation, "a namespace is not a URI";
    /// A stanza which is small on the wire and large in memory.
    /// RFC 6120 §13.12
    TreeTooLarge => PolicyViolation, "the stanza has too many parts";
}

impl From<XmlError> for StreamError {
    fn from(error: XmlError) -> Self {
        StreamError {
            condition: error.condition(),
            text: Some(Cow::Borrowed(error.text())),
            app: None,
        }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for XmlError {}
