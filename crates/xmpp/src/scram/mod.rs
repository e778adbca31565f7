//! SCRAM: password log-in without sending the password.
//!
//! Spec: RFC 5802 (SCRAM, SCRAM-SHA-1), RFC 7677 (SCRAM-SHA-256), SCRAM-SHA-512 by the same
//! rules, each with its `-PLUS` form (channel binding).
//!
//! [`server`] and [`client`] are machines whose states are types: a step consumes the state
//! and returns the next one with the message to send, so no step can be taken twice or left
//! out. Randomness is a parameter.
//!
//! Invariants: nothing here compares a secret in variable time; every secret is wiped when
//! dropped; no `Debug` output shows one; a message longer than [`MESSAGE_BYTES_MAX`] is refused
//! before it is looked at; an unknown user sees the same exchange as a known one with a wrong
//! password.

pub mod client;
pub(crate) mod crypto;
mod downgrade;
mod keys;
mod message;
pub mod server;

pub use downgrade::offer_hash;
pub use keys::{ClientKeys, KeysError, ScramKeys};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::sasl::Condition;

/// Longest SCRAM message, in bytes. The longest honest one holds a name of 1023 bytes with every
/// byte escaped, twice, and two nonces.
pub const MESSAGE_BYTES_MAX: usize = 8192;

/// Longest nonce of one side, in characters. Clients use 16 to 64.
pub const NONCE_CHARS_MAX: usize = 256;

/// Random bytes in a nonce made by [`nonce`]: 144 bits, and no padding in base64.
pub const NONCE_BYTES: usize = 18;

/// Fewest PBKDF2 iterations. RFC 5802 §5.1 and RFC 7677 §4 ask for 4096 or more.
pub const ITERATIONS_MIN: u32 = 4096;

/// Most PBKDF2 iterations: a client on a small board needs about a second for these, and a
/// hostile server could otherwise make it compute for hours.
pub const ITERATIONS_MAX: u32 = 1_000_000;

/// Shortest salt accepted, in bytes (old imports have 8).
pub const SALT_BYTES_MIN: usize = 8;

/// Longest salt accepted, in bytes (Prosody's are 36).
pub const SALT_BYTES_MAX: usize = 128;

/// The hash function of a SCRAM mechanism, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramHash {
    /// SHA-1, RFC 5802. Its use in HMAC and PBKDF2 is not broken, and old clients know no other.
    Sha1,
    /// SHA-256, RFC 7677.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl ScramHash {
    /// All hashes, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Length of the hash and of every key made with it, in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// The SASL mechanism without channel binding.
    #[must_use]
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The SASL mechanism with channel binding.
    #[must_use]
    pub const fn mechanism_plus(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1-PLUS",
            Self::Sha256 => "SCRAM-SHA-256-PLUS",
            Self::Sha512 => "SCRAM-SHA-512-PLUS",
        }
    }

    /// The hash of the mechanism `name` without channel binding, as stores and XEP-0227 files
    /// call it.
    #[must_use]
    pub fn from_mechanism(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.mechanism() == name)
    }
}

/// Why an exchange failed. What the peer may learn of it is [`ScramError::condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScramError {
    /// The channel binding named or sent is not that of this connection.
    BindingMismatch,
    /// The peer named a type of channel binding that this connection does not have.
    BindingUnsupported,
    /// The client believes that we offer no channel binding, but we do: somebody changed the list
    /// of mechanisms on the way (RFC 5802 §6).
    Downgrade,
    /// The peer needs an extension (`m=`) that nobody has defined yet.
    Extension,
    /// Iterations or salt outside of our limits (seen by a client).
    Keys(KeysError),
    /// Not a message of this step; the text says what was wrong.
    Malformed(&'static str),
    /// The nonce is not the one of this exchange.
    NonceMismatch,
    /// The proof is wrong, or the user is unknown: deliberately the same.
    Proof,
    /// The server refused us (seen by a client).
    Refused,
    /// Keys for another hash than that of the exchange were handed in.
    WrongKeys,
}

impl ScramError {
    /// What a server answers (RFC 6120 §6.5).
    #[must_use]
    pub const fn condition(self) -> Condition {
        match self {
            Self::BindingMismatch
            | Self::Downgrade
            | Self::NonceMismatch
            | Self::Proof
            | Self::Refused => Condition::NotAuthorized,
            Self::BindingUnsupported | Self::Extension | Self::Malformed(_) => {
                Condition::MalformedRequest
            }
            Self::Keys(_) | Self::WrongKeys => Condition::TemporaryAuthFailure,
        }
    }
}

impl std::fmt::Display for ScramError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BindingMismatch => f.write_str("the channel binding does not match"),
            Self::BindingUnsupported => f.write_str("the type of channel binding is not supported"),
            Self::Downgrade => f.write_str("the list of mechanisms was changed on the way"),
            Self::Extension => f.write_str("a mandatory extension is not supported"),
            Self::Keys(e) => write!(f, "{e}"),
            Self::Malformed(what) => write!(f, "malformed SCRAM message: {what}"),
            Self::NonceMismatch => f.write_str("the nonce does not match"),
            Self::Proof => f.write_str("the proof is wrong"),
            Self::Refused => f.write_str("the server refused the log-in"),
            Self::WrongKeys => f.write_str("the keys are for another mechanism"),
        }
    }
}

impl std::error::Error for ScramError {}

impl From<KeysError> for ScramError {
    fn from(e: KeysError) -> Self {
        Self::Keys(e)
    }
}

/// A nonce from `random` bytes: 24 characters of base64, which has no comma.
#[must_use]
pub fn nonce(random: &[u8; NONCE_BYTES]) -> String {
    STANDARD.encode(random)
}

#[cfg(test)]
mod tests;
