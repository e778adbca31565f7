//! Values: records as JSON, or bytes as they are.
//!
//! A record type says `impl JsonValue for Contact {}` and is stored as JSON
//! (docs/adr/0004-records-as-json-in-key-value-tables.md). Fields that are added later take
//! `#[serde(default)]`, so that old rows still read.
//!
//! Invariant: bytes that do not decode are an answer ([`Value::decode`] gives `None`), never
//! a panic.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The type of a table's values.
pub trait Value: Sized {
    /// Appends the stored form to `out`; `false` where the value has none (a JSON map with
    /// keys that are not text, for instance).
    #[must_use]
    fn encode(&self, out: &mut Vec<u8>) -> bool;

    /// The value that `bytes` are; `None` where they are not one.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// Marks a record that is stored as JSON.
pub trait JsonValue: Serialize + DeserializeOwned {}

impl<T: JsonValue> Value for T {
    fn encode(&self, out: &mut Vec<u8>) -> bool {
        serde_json::to_writer(out, self).is_ok()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

impl JsonValue for () {}
impl JsonValue for bool {}
impl JsonValue for i64 {}
impl JsonValue for u32 {}
impl JsonValue for u64 {}
impl JsonValue for String {}
impl<T: Serialize + DeserializeOwned> JsonValue for Vec<T> {}

/// Bytes kept as they are: archived stanzas, pictures, keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Value for Raw {
    fn encode(&self, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&self.0);
        true
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Raw(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::{JsonValue, Raw, Value};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Contact {
        name: String,
        #[serde(default)]
        groups: Vec<String>,
    }
    impl JsonValue for Contact {}

    #[derive(Serialize, Deserialize)]
    struct Unwritable(BTreeMap<(u8, u8), u8>);
    impl JsonValue for Unwritable {}

    #[test]
    fn records_go_through_json() {
        let contact = Contact { name: "Ann".to_owned(), groups: vec!["family".to_owned()] };
        let mut out = Vec::new();
        assert!(contact.encode(&mut out));
        assert_eq!(out, br#"{"name":"Ann","groups":["family"]}"#);
        assert_eq!(Contact::decode(&out), Some(contact));
    }

    #[test]
    fn an_older_row_reads_with_the_default() {
        let old = Contact::decode(br#"{"name":"Ann"}"#);
        assert_eq!(old, Some(Contact { name: "Ann".to_owned(), groups: Vec::new() }));
    }

    #[test]
    fn nonsense_is_none() {
        assert_eq!(Contact::decode(b"{\"name\":"), None);
        assert_eq!(Contact::decode(b""), None);
        assert_eq!(u64::decode(b"-1"), None);
    }

    #[test]
    fn a_value_without_a_json_form_says_so() {
        assert!(!Unwritable(BTreeMap::from([((1, 2), 3)])).encode(&mut Vec::new()));
    }

    #[test]
    fn raw_is_untouched() {
        let mut out = Vec::new();
        assert!(Raw(vec![0, 255]).encode(&mut out));
        assert_eq!(Raw::decode(&out), Some(Raw(vec![0, 255])));
    }
}
