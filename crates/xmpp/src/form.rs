//! Data forms: XEP-0004, as far as a server reads what was filled in.
//!
//! Invariants: each field of a form that was read has a name, and no two have
//! the same; values are in order.

use crate::element::Element;
use crate::ns;
use std::fmt;

/// The name of the field that says what form it is. XEP-0068 §3
const FORM_TYPE: &str = "FORM_TYPE";

/// A form that somebody has filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    fields: Vec<Field>,
}

/// One field with what was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub var: String,
    /// Its values; none if it was left empty.
    pub values: Vec<String>,
}

/// An element that is no filled-in form: a `bad-request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a form to submit is of that type, and each of its fields has a name of its own",
        )
    }
}

impl std::error::Error for Malformed {}

impl Filled {
    /// Reads `<x type='submit'/>`.
    pub fn read(x: &Element) -> Result<Self, Malformed> {
        // §3.1
        if !x.is("x", ns::DATA) || x.attr("type") != Some("submit") {
            return Err(Malformed);
        }
        let mut fields: Vec<Field> = Vec::new();
        for element in x.children().filter(|child| child.is("field", ns::DATA)) {
            // §3.2: text that only explains has no name.
            if element.attr("type") == Some("fixed") {
                continue;
            }
            let var = element.attr("var").filter(|var| !var.is_empty()).ok_or(Malformed)?;
            if fields.iter().any(|field| field.var == var) {
                return Err(Malformed);
            }
            let values = element.children().filter(|child| child.is("value", ns::DATA));
            let values = values.map(|value| value.text().into_owned()).collect();
            fields.push(Field { var: var.to_owned(), values });
        }
        Ok(Self { fields })
    }

    /// What form it is. XEP-0068 §3
    pub fn form_type(&self) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.var == FORM_TYPE)?;
        field.values.first().map(String::as_str)
    }

    /// The other fields, in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.var != FORM_TYPE)
    }
}

impl Field {
    /// The one value of a field that has one at most; an empty one is none.
    pub fn single(&self) -> Result<Option<&str>, Malformed> {
        match &self.values[..] {
            [] => Ok(None),
            [value] => Ok(Some(value.as_str()).filter(|value| !value.is_empty())),
            _ => Err(Malformed),
        }
    }

    /// The value of a field for yes or no. §3.3
    pub fn boolean(&self) -> Result<Option<bool>, Malformed> {
        match self.single()? {
            None => Ok(None),
            Some("1" | "true") => Ok(Some(true)),
            Some("0" | "false") => Ok(Some(false)),
            Some(_) => Err(Malformed),
        }
    }
}

/// A form of that type (`form`, `result`, …) that says what form it is.
pub fn named(ty: &'static str, form_type: &str) -> Element {
    let value = Element::new("value", ns::DATA).with_text(form_type);
    let field = field(FORM_TYPE, "hidden").with_child(value);
    Element::new("x", ns::DATA).with_attr("type", ty).with_child(field)
}

/// An empty field.
pub fn field(var: &str, ty: &'static str) -> Element {
    Element::new("field", ns::DATA).with_attr("var", var).with_attr("type", ty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ty: &str, fields: &str) -> Result<Filled, Malformed> {
        let xml = format!("<x xmlns='{}' type='{ty}'>{fields}</x>", ns::DATA);
        Filled::read(&Element::parse(&xml).unwrap())
    }

    #[test]
    fn what_was_filled_in() {
        let form = read(
            "submit",
            "<title>t</title><field type='fixed'><value>x</value></field>\
             <field var='FORM_TYPE' type='hidden'><value>urn:f</value></field>\
             <field var='a'><value>1</value><value> 2</value></field><field var='b'/>",
        );
        let form = form.unwrap();
        assert_eq!(form.form_type(), Some("urn:f"));
        let fields: Vec<_> = form.fields().map(|f| (f.var.as_str(), f.values.len())).collect();
        assert_eq!(fields, [("a", 2), ("b", 0)]);
        assert_eq!(form.fields().next().unwrap().values, ["1", " 2"]);
        assert_eq!(read("submit", "").unwrap().form_type(), None);
    }

    #[test]
    fn values() {
        let field = |values: &[&str]| Field {
            var: "a".to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        };
        assert_eq!(field(&["x"]).single(), Ok(Some("x")));
        assert_eq!([field(&[]).single(), field(&[""]).single()], [Ok(None), Ok(None)]);
        assert_eq!(field(&["x", "y"]).single(), Err(Malformed));
        assert_eq!(
            [field(&["1"]).boolean(), field(&["false"]).boolean()].map(Result::unwrap),
            [Some(true), Some(false)]
        );
        assert_eq!(field(&["yes"]).boolean(), Err(Malformed));
    }

    #[test]
    fn what_is_no_filled_form_is_refused() {
        assert_eq!(read("form", ""), Err(Malformed));
        assert_eq!(read("submit", "<field><value>x</value></field>"), Err(Malformed));
        assert_eq!(read("submit", "<field var='a'/><field var='a'/>"), Err(Malformed));
        assert_eq!(Filled::read(&Element::new("x", "urn:other")), Err(Malformed));
    }

    #[test]
    fn forms_to_fill_in() {
        let form = named("form", "urn:f").with_child(field("a", "jid-single"));
        assert_eq!(
            form.to_xml(ns::DATA),
            "<x type='form'><field var='FORM_TYPE' type='hidden'><value>urn:f</value></field>\
             <field var='a' type='jid-single'/></x>"
        );
    }
}
