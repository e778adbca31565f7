//! Data forms, as far as the configuration of nodes needs them.
//!
//! Spec: XEP-0004 §3, XEP-0068 §3 (`FORM_TYPE`). State: none. Invariant: what is read has the form
//! type that was asked for.

use xmpp::element::Element;
use xmpp::error::StanzaError;
use xmpp::form::Filled;
use xmpp::ns;

use super::errors::bad;

/// A submitted field: its name and its values.
pub(super) type Field = (String, Vec<String>);

/// What a form says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Submitted {
    /// These fields, without the form type.
    Fields(Vec<Field>),
    /// Nothing: the person cancelled. XEP-0004 §3.1
    Cancelled,
}

/// Reads the submitted form in `parent`. `None` if there is none.
///
/// # Errors
/// `bad-request` for a form of another type, or one that is not submitted.
pub(super) fn read(parent: &Element, form_type: &str) -> Result<Option<Submitted>, StanzaError> {
    let Some(form) = parent.child("x", ns::DATA) else { return Ok(None) };
    if form.attr("type") == Some("cancel") {
        return Ok(Some(Submitted::Cancelled));
    }
    let filled = Filled::read(form).map_err(|_| bad())?;
    if filled.form_type() != Some(form_type) {
        return Err(bad());
    }
    let fields = filled.fields().map(|field| (field.var.clone(), field.values.clone()));
    Ok(Some(Submitted::Fields(fields.collect())))
}

/// An empty form of that type: `form` to be filled in, `result` to be read, `submit` as if a
/// client had sent it.
pub(super) fn new(ty: &'static str, form_type: &'static str) -> Element {
    xmpp::form::named(ty, form_type)
}

/// A field with its values.
pub(super) fn field(var: &'static str, values: &[String]) -> Element {
    let value = |v: &String| Element::new("value", ns::DATA).with_text(v.as_str());
    values
        .iter()
        .map(value)
        .fold(Element::new("field", ns::DATA).with_attr("var", var), Element::with_child)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(form: &str) -> Result<Option<Submitted>, StanzaError> {
        read(&Element::parse(&format!("<configure>{form}</configure>")).unwrap(), "urn:t")
    }

    #[test]
    fn forms() {
        let ty = "<field var='FORM_TYPE' type='hidden'><value>urn:t</value></field>";
        let x = |ty: &str, fields: &str| {
            parsed(&format!("<x xmlns='jabber:x:data' type='{ty}'>{fields}</x>"))
        };
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(x("cancel", ""), Ok(Some(Submitted::Cancelled)));
        let two = "<field var='a'><value>1</value><value>2</value></field><field var='b'/>";
        let fields =
            vec![("a".to_owned(), vec!["1".to_owned(), "2".to_owned()]), ("b".to_owned(), vec![])];
        assert_eq!(x("submit", &format!("{two}{ty}")), Ok(Some(Submitted::Fields(fields))));
        assert!(x("submit", two).is_err(), "without its type");
        assert!(x("form", ty).is_err(), "not submitted");
        assert!(x("submit", &format!("{ty}{two}<field var='a'/>")).is_err(), "twice");
        assert!(x("submit", &format!("{ty}<field><value>1</value></field>")).is_err(), "no name");
        let other = ty.replace("urn:t", "urn:other");
        assert!(x("submit", &other).is_err(), "another type");
    }

    #[test]
    fn what_is_written_reads_back() {
        let form = new("submit", "urn:t").with_child(field("a", &["<1>".to_owned()]));
        let read = read(&Element::new("configure", "urn:x").with_child(form), "urn:t");
        let fields = vec![("a".to_owned(), vec!["<1>".to_owned()])];
        assert_eq!(read, Ok(Some(Submitted::Fields(fields))));
    }
}
