//! The concierge: the home's own contact that speaks OTR.

use serde::{Deserialize, Serialize};

use crate::{Secret, UnixTime};

/// A phrase by which a person and the concierge can check each other (SMP); the one before stops
/// working.
#[derive(Debug, Serialize, Deserialize)]
pub struct Phrase {
    /// Localpart or bare JID of the person.
    pub name: String,
}

/// The answer to [`Phrase`].
#[derive(Debug, Serialize, Deserialize)]
pub struct PhraseReply {
    /// Bare JID of the concierge.
    pub concierge: String,
    /// Its own fingerprint, 40 lower-case hexadecimal digits; `None` while it is
    /// being made, in the first moments of a home.
    pub fingerprint: Option<String>,
    /// The phrase. It works once.
    pub phrase: Secret,
    /// When it stops working.
    pub until: UnixTime,
}
