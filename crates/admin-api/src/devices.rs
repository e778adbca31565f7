//! Devices: the chat apps that a person logs in with, and taking their tokens away.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// A chat app on a device, or a connected client that does not say which one it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Bare JID of the person.
    pub owner: String,
    /// Names it among the person's; opaque.
    pub id: String,
    /// The program, as it says.
    pub software: Option<String>,
    /// What it runs on, as it says.
    pub device: Option<String>,
    /// When it was first seen; of a device the day only.
    pub first_seen: UnixTime,
    /// When it was last seen; of a device the day only.
    pub last_seen: UnixTime,
    /// It logged in with the password that is still the account's.
    pub password: bool,
    /// It has a token to return with.
    pub token: bool,
    /// Full JID of its session, if it is connected or may come back for it.
    pub session: Option<String>,
}

/// The devices of one account.
#[derive(Debug, Serialize, Deserialize)]
pub struct List {
    /// Localpart or bare JID.
    pub name: String,
}

/// Take the token of a device away, end its session, and forget it. With the password it can come
/// back.
#[derive(Debug, Serialize, Deserialize)]
pub struct Revoke {
    /// Localpart or bare JID.
    pub name: String,
    /// [`Device::id`].
    pub id: String,
}
