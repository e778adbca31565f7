//! XMPP without I/O: addresses, XML streams, stanzas, authentication and
//! stream negotiation. RFC 6120, RFC 6121, RFC 7622.
//!
//! Invariant: nothing here has a clock, a socket, a file, a thread or a source
//! of randomness; time, randomness and bytes are arguments.

mod attributes;
mod boundary;
mod builder;
pub mod component;
pub mod datetime;
pub mod element;
pub mod error;
pub mod form;
pub mod hashed_token;
mod intern;
pub mod jid;
pub mod negotiate;
pub mod ns;
pub mod parser;
pub mod resume;
pub mod rsm;
pub mod sasl;
mod scope;
pub mod scram;
pub mod stanza;
pub mod stream_header;
mod syntax;
pub mod user_agent;
pub mod writer;

pub use element::{Attr, Element, Name, Node};
pub use jid::{BareJid, Jid};
pub use stanza::Stanza;
