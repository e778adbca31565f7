//! Durable typed tables with group commit.
//!
//! The only crate that names the storage engine.

pub mod limits;

mod batch;
mod error;
mod key;
mod schema;
mod span;
mod store;
mod table;
mod value;

pub use batch::Batch;
pub use error::{Blame, OpenError, Part, StoreError};
pub use key::{AsKey, Key};
pub use schema::{Migration, Schema, Upgrade};
pub use span::Span;
pub use store::Store;
pub use table::Table;
pub use value::{JsonValue, Raw, Value};
