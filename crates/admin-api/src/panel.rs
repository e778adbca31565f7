//! Sign-in to the panel, and its sessions.
//!
//! The panel keeps no secret: sessions live in the daemon's store as hashes of their tokens,
//! and each call made for a person carries that person's token.

use serde::{Deserialize, Serialize};

use crate::{Secret, UnixTime, accounts};

/// Sign in, as everybody with an account of the home can. What a member may do is listed in the
/// daemon, call by call.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignIn {
    /// Localpart or bare JID.
    pub name: String,
    /// The account's password.
    pub password: Secret,
    /// The browser's address, for the rate limit and the list of sessions.
    pub address: String,
    /// What the browser calls itself, shortened to 200 bytes, for the list of sessions.
    pub agent: String,
}

/// A new session.
#[derive(Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// 256 random bits as text; the daemon keeps only its hash.
    pub token: Secret,
    /// Who signed in.
    pub person: Person,
}

/// The person of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// Bare JID.
    pub jid: String,
    /// Name shown to people; may be empty.
    pub display_name: String,
    /// What this session may do: never more than the role at its sign-in, so that who is made
    /// administrator signs in again.
    pub role: accounts::Role,
    /// The home's domain.
    pub domain: String,
}

/// Who is the person of the envelope's token? Also marks the session as used.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Who {}

/// End the session of the envelope's token.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct SignOut {}

/// The sessions of the person of the envelope's token, newest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Sessions {}

/// One session of the panel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Names it in [`Revoke`]; not the token.
    pub id: String,
    /// When it began.
    pub since: UnixTime,
    /// When it was last used (within five minutes).
    pub last_used: UnixTime,
    /// Address at sign-in.
    pub address: String,
    /// Browser at sign-in.
    pub agent: String,
    /// Is it the session of this call?
    pub current: bool,
}

/// End sessions of the person of the envelope's token.
#[derive(Debug, Serialize, Deserialize)]
pub enum Revoke {
    /// All but the current one.
    Others,
    /// The one with this [`Session::id`].
    One(String),
}

/// It is done, durably.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Done {}
