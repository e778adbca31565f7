//! The tables that the tests use.

use serde::{Deserialize, Serialize};
use store::{JsonValue, Raw, Schema, Table};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}
impl JsonValue for Contact {}

pub(crate) const CONTACTS: Table<(String, String), Contact> = Table::new("contacts");
pub(crate) const ARCHIVE: Table<(String, u64), Raw> = Table::new("archive");
pub(crate) const COUNTERS: Table<String, u64> = Table::new("counters");

pub(crate) const SCHEMA: Schema = Schema {
    version: 1,
    tables: &[CONTACTS.name(), ARCHIVE.name(), COUNTERS.name()],
    migrations: &[],
};
