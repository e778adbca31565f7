//! Durable typed tables with group commit.
//!
//! A [`Table`] is a constant of the module that owns it: a name with the types of its keys
//! and values. A [`Batch`] collects the changes of one decision. [`Store::commit`] puts it in
//! line and returns at once; one thread makes what waits durable with a single flush and then
//! tells everybody. Reads see every commit called before them, durable or not, so "decide
//! under a lock, commit, unlock" is coherent.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use store::{Batch, JsonValue, Schema, Span, Store, Table};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Contact { name: String }
//! impl JsonValue for Contact {}
//!
//! const CONTACTS: Table<(String, String), Contact> = Table::new("contacts");
//! const SCHEMA: Schema = Schema { version: 1, tables: &[CONTACTS.name()], migrations: &[] };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = std::env::temp_dir().join(format!("snug-store-doc-{}", std::process::id()));
//! let store = Store::open(&dir, &SCHEMA)?;
//! let mut batch = Batch::new();
//! batch.put(&CONTACTS, &("ann", "bob"), &Contact { name: "Bob".to_owned() });
//! store.commit(batch, |result| assert!(result.is_ok()));
//! let all = store.scan(&CONTACTS, &Span::under("ann"), 100)?;
//! assert_eq!(all[0].1.name, "Bob");
//! store.close()?;
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: only this crate names the storage engine; an acknowledged commit survives a
//! power cut; a batch is stored as a whole or not at all; commits happen in the order of the
//! calls; a damaged store is never replaced by an empty one.

pub mod limits;

mod apply;
mod backup;
mod batch;
mod claim;
mod compact;
mod engine;
mod error;
mod files;
mod inner;
mod key;
mod open;
mod overlay;
mod reader;
mod restore;
mod salvage;
mod schema;
#[cfg(test)]
mod scratch;
mod space;
mod span;
mod store;
mod table;
mod value;
mod writer;

pub use batch::Batch;
pub use engine::Order;
pub use error::{Blame, OpenError, Part, StoreError};
pub use key::{AsKey, Key};
pub use restore::restore;
pub use salvage::{Salvaged, salvage};
pub use schema::{Migration, Schema, Upgrade};
pub use span::{Parts, Span};
pub use store::{Store, Together};
pub use table::Table;
pub use value::{JsonValue, Raw, Value};
