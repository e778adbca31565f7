//! Takes the inside of a start tag apart: XML 1.0 §3.1.
//!
//! Invariant: it reads exactly the grammar `(S Name S? '=' S? AttValue)* S?`;
//! whatever it returns has been seen whole.

use crate::error::XmlError;
use crate::syntax::is_space;

/// Reads what follows the name in a start tag, one attribute after the other.
pub(crate) struct Attributes<'a> {
    rest: &'a str,
}

/// An attribute as spelled: the name not yet checked, the value still raw.
pub(crate) struct RawAttribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

impl<'a> Attributes<'a> {
    /// `rest` is what stands between the name and the end of the tag.
    pub(crate) fn new(rest: &'a str) -> Self {
        Attributes { rest }
    }

    /// The next attribute; `None` at the end of the tag.
    pub(crate) fn next(&mut self) -> Result<Option<RawAttribute<'a>>, XmlError> {
        let after_space = skip_space(self.rest);
        if after_space.is_empty() {
            return Ok(None);
        }
        // White space is required before every attribute.
        if after_space.len() == self.rest.len() {
            return Err(XmlError::BadTag);
        }
        let end =
            after_space.bytes().position(|b| b == b'=' || is_space(b)).ok_or(XmlError::BadTag)?;
        let (name, rest) = after_space.split_at(end);
        let rest = skip_space(rest).strip_prefix('=').ok_or(XmlError::BadTag)?;
        let rest = skip_space(rest);
        let quote = match rest.as_bytes().first() {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            _ => return Err(XmlError::BadTag),
        };
        let (value, rest) = rest[1..].split_once(quote).ok_or(XmlError::BadTag)?;
        self.rest = rest;
        Ok(Some(RawAttribute { name, value }))
    }
}

fn skip_space(s: &str) -> &str {
    s.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// Checks an XML declaration, given what stands between `<?xml` and `?>`.
/// XML 1.0 §2.8, with UTF-8 as the only encoding (RFC 6120 §11.6).
pub(crate) fn check_declaration(inside: &str) -> Result<(), XmlError> {
    const BAD: XmlError = XmlError::BadDeclaration;
    let mut attributes = Attributes::new(inside);
    let mut next = || attributes.next().map_err(|_| BAD);
    // XML 1.0 §2.8: the version is required. Only 1.0 is spoken here.
    let version = next()?.ok_or(BAD)?;
    if version.name != "version" || version.value != "1.0" {
        return Err(BAD);
    }
    let mut more = next()?;
    if let Some(encoding) = more.as_ref().filter(|a| a.name == "encoding") {
        if !encoding.value.eq_ignore_ascii_case("utf-8") {
            return Err(XmlError::OtherEncoding);
        }
        more = next()?;
    }
    if let Some(standalone) = more.as_ref().filter(|a| a.name == "standalone") {
        if !matches!(standalone.value, "yes" | "no") {
            return Err(BAD);
        }
        more = next()?;
    }
    if more.is_some() { Err(BAD) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(rest: &str) -> Result<Vec<(&str, &str)>, XmlError> {
        let mut attributes = Attributes::new(rest);
        let mut out = Vec::new();
        while let Some(a) = attributes.next()? {
            out.push((a.name, a.value));
        }
        Ok(out)
    }

    #[test]
    fn the_grammar() {
        assert_eq!(all(""), Ok(vec![]));
        assert_eq!(all(" \t\r\n"), Ok(vec![]));
        assert_eq!(all(" a='1'"), Ok(vec![("a", "1")]));
        assert_eq!(all(" a \n=\t'\"' b=\"'\" "), Ok(vec![("a", "\""), ("b", "'")]));
        for bad in [
            "a='1'",
            " a",
            " a=",
            " a=1",
            " a='1",
            " a='1'b='2'",
            " ='1'",
            " a b='1'",
            " a='1' /",
            " a==\"1\"",
            " 'a'",
        ] {
            let result = all(bad);
            // An empty name is left for the check of names.
            assert!(result == Err(XmlError::BadTag) || result == Ok(vec![("", "1")]), "{bad:?}");
        }
    }

    #[test]
    fn declarations() {
        for good in [
            " version='1.0'",
            " version=\"1.0\" encoding='UTF-8'",
            " version='1.0' encoding='utf-8' standalone='yes' ",
            " version='1.0' standalone='no'",
        ] {
            assert_eq!(check_declaration(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            " encoding='UTF-8'",
            " version='1.1'",
            " version='2.0'",
            " version='1.0' standalone='maybe'",
            " version='1.0' standalone='yes' encoding='UTF-8'",
            " version='1.0' version='1.0'",
            " version='1.0' x='y'",
            " version='1.0'encoding='UTF-8'",
            " version=1.0",
        ] {
            assert_eq!(check_declaration(bad), Err(XmlError::BadDeclaration), "{bad}");
        }
        for other in ["UTF-16", "ISO-8859-1", "us-ascii", ""] {
            let bad = format!(" version='1.0' encoding='{other}'");
            assert_eq!(check_declaration(&bad), Err(XmlError::OtherEncoding), "{other}");
        }
    }
}
