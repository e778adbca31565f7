//! Why an account was not changed, as a sentence for the person who asked.

use store::StoreError;
use xmpp::jid::BareJid;

use super::NameError;
use super::change::DISPLAY_NAME_CHARS_MAX;
use super::password::PasswordError;
use crate::auth::Unchecked;
use crate::durability::NotDurable;
use crate::features::archive::purge::PurgeError;

/// Why an account was not changed. `Display` is a sentence for the person.
#[derive(Debug)]
pub enum ChangeError {
    /// A deleted account of that name can still be restored.
    BeingDeleted(BareJid),
    /// The display name has control characters or is too long.
    DisplayName,
    /// There is an account of that name.
    Exists(BareJid),
    /// It is the last active administrator.
    LastAdmin,
    /// The name cannot be used.
    Name(NameError),
    /// Only a deleted account can be restored.
    NotDeleted(BareJid),
    /// There is no account of that name.
    NotFound(BareJid),
    /// The password cannot be used.
    Password(PasswordError),
    /// The store could not be read or written.
    Store(String),
    /// The password could not be hashed now.
    Unchecked(Unchecked),
}

impl std::fmt::Display for ChangeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BeingDeleted(jid) => {
                write!(f, "{jid} is deleted; restore it first, or remove it at once.")
            }
            Self::DisplayName => write!(
                f,
                "A display name has at most {DISPLAY_NAME_CHARS_MAX} characters and no line breaks."
            ),
            Self::Exists(jid) => write!(f, "{jid} exists already."),
            Self::LastAdmin => f.write_str(
                "This is the last administrator who can sign in; make somebody else \
                 administrator first.",
            ),
            Self::Name(e) => write!(f, "{e}"),
            Self::NotDeleted(jid) => write!(f, "{jid} is not deleted."),
            Self::NotFound(jid) => write!(f, "There is no {jid}."),
            Self::Password(e) => write!(f, "{e}"),
            Self::Store(e) => f.write_str(e),
            Self::Unchecked(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for ChangeError {}

impl From<NameError> for ChangeError {
    fn from(e: NameError) -> Self {
        Self::Name(e)
    }
}

impl From<PasswordError> for ChangeError {
    fn from(e: PasswordError) -> Self {
        Self::Password(e)
    }
}

impl From<StoreError> for ChangeError {
    fn from(e: StoreError) -> Self {
        Self::Store(e.to_string())
    }
}

impl From<NotDurable> for ChangeError {
    fn from(e: NotDurable) -> Self {
        Self::Store(e.to_string())
    }
}

impl From<PurgeError> for ChangeError {
    fn from(e: PurgeError) -> Self {
        Self::Store(e.to_string())
    }
}

impl From<Unchecked> for ChangeError {
    fn from(e: Unchecked) -> Self {
        Self::Unchecked(e)
    }
}
