//! A string that no log line shows.
//!
//! Invariant: neither `Debug` nor `Display` reveals the content; only [`Secret::expose`] does.

use serde::{Deserialize, Serialize};

/// A password, token or one-time code. Wiping memory is left to the holder that keeps it for
/// longer than one call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. Name the reason at the call site.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}
