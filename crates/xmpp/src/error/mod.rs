//! What is told to a peer that broke a rule: stream errors (RFC 6120 §4.9),
//! stanza errors (RFC 6120 §8.3) and, below them, the violations of XML.
//!
//! Invariant: the tables of conditions are complete, and each name on the
//! wire is written once.

mod stanza;
mod stream;
mod xml;

pub use stanza::{ErrorType, StanzaCondition, StanzaError};
pub use stream::{StreamCondition, StreamError};
pub use xml::XmlError;

/// A closed list of values with their names on the wire.
macro_rules! wire_names {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $wire:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// Every value, in the order of the specification.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $wire,)* }
            }

            /// The value a name on the wire stands for.
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_names;
