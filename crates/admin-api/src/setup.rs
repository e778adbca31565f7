//! First run: a one-time code, then domain name and first administrator.
//!
//! There is no default password: until set-up is finished nobody can log in anywhere, and the
//! code that lets somebody finish it is shown on the console only.

use serde::{Deserialize, Serialize};

use crate::{Secret, UnixTime};

/// A fresh code; the one before stops working. Refused once set-up is finished.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct NewCode {}

/// A one-time code.
#[derive(Debug, Serialize, Deserialize)]
pub struct Code {
    /// To be put into the set-up link.
    pub code: Secret,
    /// When it stops working.
    pub until: UnixTime,
}

/// Is set-up done, and is `code` right?
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The code of the link that was followed.
    pub code: Option<Secret>,
}

/// Answer to [`State`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateReply {
    /// The home's domain, once set-up is finished.
    pub domain: Option<String>,
    /// Was the code given and right?
    pub code_ok: bool,
}

/// Finish set-up. Signs the first administrator in to the panel.
#[derive(Debug, Serialize, Deserialize)]
pub struct Finish {
    /// The code of the link.
    pub code: Secret,
    /// The domain of all JIDs, such as `home.example` or `snug.local`.
    pub domain: String,
    /// Localpart of the first administrator.
    pub name: String,
    /// The name shown to people; may be empty.
    #[serde(default)]
    pub display_name: String,
    /// At least 8 characters.
    pub password: Secret,
    /// As in [`crate::panel::SignIn`].
    pub address: String,
    /// As in [`crate::panel::SignIn`].
    pub agent: String,
}
