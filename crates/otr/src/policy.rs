//! When to speak OTR.
//!
//! Spec: OTR version 3, "Policies".

use crate::text::Versions;

/// What a conversation does of its own accord. Version 1 is never spoken, whatever `versions`
/// says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Versions spoken, version 3 before 2.
    pub versions: Versions,
    /// Never send a text unencrypted: hold it and start a session.
    pub require: bool,
    /// Mark texts with a whitespace tag until the peer answers without one.
    pub send_tag: bool,
    /// Start a session when a peer's text has a whitespace tag.
    pub start_on_tag: bool,
    /// Start a session when a peer reports an error.
    pub start_on_error: bool,
}

impl Policy {
    const BOTH: Versions = Versions { v1: false, v2: true, v3: true };

    /// Speak when spoken to: answer queries, start nothing.
    #[must_use]
    pub const fn manual() -> Self {
        Self {
            versions: Self::BOTH,
            require: false,
            send_tag: false,
            start_on_tag: false,
            start_on_error: false,
        }
    }

    /// Start a session whenever both sides can.
    #[must_use]
    pub const fn opportunistic() -> Self {
        Self { send_tag: true, start_on_tag: true, start_on_error: true, ..Self::manual() }
    }

    /// Never send a text in the clear.
    #[must_use]
    pub const fn required() -> Self {
        Self { require: true, start_on_tag: true, start_on_error: true, ..Self::manual() }
    }

    pub(crate) const fn spoken(self) -> Versions {
        Versions { v1: false, ..self.versions }
    }
}
