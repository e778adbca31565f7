//! The schema: which tables there are, and how an older store is brought up to date.
//!
//! Invariants: a version is never skipped; each step and the version number that tells of it
//! are one transaction.

use crate::error::StoreError;

/// What the program expects of its store.
#[derive(Debug)]
pub struct Schema {
    /// The version that this program writes, from 1. A program refuses a newer one.
    pub version: u32,
    /// The names of all tables. One that is missing in the file is made when the store is
    /// opened, so that a new table needs a higher version only if old programs must not run
    /// on the store any more.
    pub tables: &'static [&'static str],
    /// One step for each version after the oldest that can still be read, without gaps, the
    /// last one leading to `version`.
    pub migrations: &'static [Migration],
}

/// One step from the version before to `to`.
#[derive(Debug)]
pub struct Migration {
    /// The version that holds afterwards.
    pub to: u32,
    /// What the step does, in a few words for the log and for errors.
    pub what: &'static str,
    /// Does it. An error undoes the step.
    pub run: fn(&mut Upgrade<'_>) -> Result<(), StoreError>,
}

/// The store inside a step of its schema.
pub struct Upgrade<'a> {
    pub(crate) tx: &'a rusqlite::Transaction<'a>,
}
