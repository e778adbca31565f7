//! Push notifications (XEP-0357): which devices asked to be woken, by which services.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// A device that asked to be woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Bare JID of the person.
    pub owner: String,
    /// JID of the push service.
    pub service: String,
    /// What the service calls the device; may be empty.
    pub node: String,
    /// What the device called itself when it asked.
    pub resource: String,
    /// When it last asked.
    pub since: UnixTime,
    /// Did the last pushes fail?
    pub failing: bool,
}

/// What pushes tell beside the number of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preview {
    /// Nothing.
    #[default]
    Nothing,
    /// Who wrote last.
    Sender,
    /// Who wrote last, and what, unless it is encrypted from end to end.
    Text,
}

/// The devices of one person or of everybody.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Localpart or bare JID; `None` = everybody.
    pub name: Option<String>,
}

/// Stop waking a person's devices through one service.
#[derive(Debug, Serialize, Deserialize)]
pub struct Off {
    /// Localpart or bare JID.
    pub name: String,
    /// JID of the push service.
    pub service: String,
    /// One device; `None` = all that use the service.
    pub node: Option<String>,
}

/// What [`Off`] did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ended {
    /// Devices that are not woken any more.
    pub devices: u32,
}

/// What a person's pushes tell; changes it if something is chosen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Choose {
    /// Localpart or bare JID.
    pub name: String,
    /// What they tell from now on; `None` = as before.
    pub preview: Option<Preview>,
}

/// The push services in use, without whose devices they wake: for the privacy page.
#[derive(Debug, Serialize, Deserialize)]
pub struct Services {}

/// A push service in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its JID.
    pub service: String,
    /// Devices that it wakes.
    pub devices: u32,
}
