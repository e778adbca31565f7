//! What is stored of an account.
//!
//! Invariants: no password, only what verifies one; fields that are added later have a default,
//! so that records of older releases still read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use store::JsonValue;
use xmpp::scram::{KeysError, ScramHash, ScramKeys};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The name shown to people; may be empty.
    pub display_name: String,
    /// What it may do in the panel.
    pub role: Role,
    /// Whether it can log in.
    pub state: State,
    /// When it was made, seconds since 1970.
    pub created: u64,
    /// What verifies a password in XMPP: at most one per hash.
    pub scram: Vec<StoredKeys>,
    /// What verifies a sign-in to the panel (argon2id, PHC string). Only where there is somebody
    /// who may sign in, from the first sign-in or the setting of the password on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panel_hash: Option<String>,
}

impl JsonValue for Record {}

/// What an account may do in the panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Manages people and settings.
    Admin,
    /// Chats.
    Member,
}

/// Whether an account can log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum State {
    /// Yes.
    Active,
    /// No, until somebody unlocks it.
    Locked,
    /// No; removed for good at `until`.
    Deleted {
        /// Seconds since 1970.
        until: u64,
        /// Was it locked before? Then it is again when it is restored.
        #[serde(default)]
        was_locked: bool,
    },
}

impl Record {
    /// Can it log in?
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Is it an administrator who can sign in?
    #[must_use]
    pub fn is_active_admin(&self) -> bool {
        self.is_active() && self.role == Role::Admin
    }

    /// The keys for `hash`. Keys that cannot be used count as absent: nobody logs in with them.
    #[must_use]
    pub fn keys(&self, hash: ScramHash) -> Option<ScramKeys> {
        self.scram.iter().filter(|k| k.hash() == Some(hash)).find_map(StoredKeys::read)
    }
}

/// Keys as they are stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredKeys {
    /// `SCRAM-SHA-1` and so on.
    mechanism: String,
    iterations: u32,
    /// Base64, as the two below.
    salt: String,
    stored_key: String,
    server_key: String,
}

impl StoredKeys {
    /// The hash; `None` for one of a later release.
    #[must_use]
    pub fn hash(&self) -> Option<ScramHash> {
        ScramHash::from_mechanism(&self.mechanism)
    }

    fn read(&self) -> Option<ScramKeys> {
        let bytes = |text: &str| STANDARD.decode(text).ok();
        let (salt, stored) = (bytes(&self.salt)?, bytes(&self.stored_key)?);
        ScramKeys::new(self.hash()?, salt, self.iterations, stored, bytes(&self.server_key)?).ok()
    }
}

impl From<&ScramKeys> for StoredKeys {
    fn from(keys: &ScramKeys) -> Self {
        Self {
            mechanism: keys.hash().mechanism().to_owned(),
            iterations: keys.iterations(),
            salt: STANDARD.encode(keys.salt()),
            stored_key: STANDARD.encode(keys.stored_key()),
            server_key: STANDARD.encode(keys.server_key()),
        }
    }
}

impl std::fmt::Debug for StoredKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKeys").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

impl From<&StoredKeys> for admin_api::transfer::ScramKeys {
    fn from(keys: &StoredKeys) -> Self {
        Self {
            mechanism: keys.mechanism.clone(),
            iterations: keys.iterations,
            salt: keys.salt.clone(),
            server_key: admin_api::Secret::new(&*keys.server_key),
            stored_key: admin_api::Secret::new(&*keys.stored_key),
        }
    }
}

/// Why keys of an import are refused. `Display` is the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportedKeysError {
    /// Not base64.
    Encoding,
    /// Out of bounds.
    Keys(KeysError),
    /// A mechanism that we do not speak.
    Mechanism(String),
}

impl std::fmt::Display for ImportedKeysError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Encoding => f.write_str("its keys are not base64"),
            Self::Keys(e) => write!(f, "its keys cannot be used: {e}"),
            Self::Mechanism(name) => write!(f, "{name} is not a mechanism of this server"),
        }
    }
}

impl std::error::Error for ImportedKeysError {}

impl TryFrom<&admin_api::transfer::ScramKeys> for StoredKeys {
    type Error = ImportedKeysError;

    fn try_from(keys: &admin_api::transfer::ScramKeys) -> Result<Self, ImportedKeysError> {
        let hash = ScramHash::from_mechanism(&keys.mechanism).ok_or_else(|| {
            ImportedKeysError::Mechanism(keys.mechanism.chars().take(40).collect())
        })?;
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| ImportedKeysError::Encoding);
        let stored_key = bytes(keys.stored_key.expose())?;
        let server_key = bytes(keys.server_key.expose())?;
        let salt = bytes(&keys.salt)?;
        let keys = ScramKeys::new(hash, salt, keys.iterations, stored_key, server_key)
            .map_err(ImportedKeysError::Keys)?;
        Ok(Self::from(&keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let keys = ScramKeys::derive(ScramHash::Sha256, "correct horse", &[7; 16], 4096).unwrap();
        Record {
            display_name: "Ann".to_owned(),
            role: Role::Member,
            state: State::Deleted { until: 5, was_locked: true },
            created: 1,
            scram: vec![StoredKeys::from(&keys)],
            panel_hash: None,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_and_its_keys_verify() {
        let text = serde_json::to_string(&record()).unwrap();
        let back: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(back, record());
        assert!(back.keys(ScramHash::Sha256).unwrap().verify("correct horse"));
        assert!(!back.keys(ScramHash::Sha256).unwrap().verify("wrong horse"));
        assert!(back.keys(ScramHash::Sha1).is_none());
        assert!(!text.contains("horse"));
    }

    #[test]
    fn damaged_keys_count_as_absent() {
        let mut record = record();
        record.scram[0].stored_key = "AAAA".to_owned();
        assert!(record.keys(ScramHash::Sha256).is_none());
    }

    #[test]
    fn exported_keys_can_be_imported_and_bad_ones_are_named() {
        let mut keys = admin_api::transfer::ScramKeys::from(&record().scram[0]);
        assert_eq!(StoredKeys::try_from(&keys), Ok(record().scram[0].clone()));
        keys.iterations = 1;
        assert!(matches!(StoredKeys::try_from(&keys), Err(ImportedKeysError::Keys(_))));
        keys.mechanism = "SCRAM-MD5".to_owned();
        assert!(matches!(StoredKeys::try_from(&keys), Err(ImportedKeysError::Mechanism(_))));
    }

    #[test]
    fn debug_output_shows_no_key() {
        let record = record();
        let shown = format!("{record:?}");
        assert!(!shown.contains(&record.scram[0].stored_key), "{shown}");
    }
}
