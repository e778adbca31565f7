//! OMEMO as a person's own chat apps publish it: devices, what is wrong with them, and repairs.
//!
//! Everything here is about the person of the envelope's token: nobody repairs for others.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// The two versions that chat apps speak, which know nothing of each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// `eu.siacs.conversations.axolotl`, which nearly all apps speak.
    Legacy,
    /// `urn:xmpp:omemo:2`.
    Two,
}

/// What the directory knows of an OMEMO key beside its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Number of the device that published it last.
    pub device: u32,
    /// What the app calls the device; most say nothing.
    pub label: String,
    /// In which versions it is, or was last, published.
    pub versions: Vec<Version>,
    /// Was the device on the account's list when it was looked at last?
    pub listed: bool,
    /// Since when it is not published any more; `None` = it is, or is about to be listed.
    pub gone: Option<UnixTime>,
}

/// The person's devices and what is wrong with them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Show {}

/// The answer to [`Show`], and to every change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By version and number.
    pub devices: Vec<Device>,
    /// What is wrong, the worst first.
    pub findings: Vec<Finding>,
    /// What can be taken back, the newest first.
    pub undo: Vec<Undo>,
}

/// A device in one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The version.
    pub version: Version,
    /// Its number.
    pub id: u32,
    /// What the app calls it; may be empty.
    pub label: String,
    /// Fingerprint of its key, 64 lower-case hexadecimal digits; `None` without a bundle that can
    /// be used.
    pub fingerprint: Option<String>,
    /// Is it on the account's list?
    pub listed: bool,
    /// When it last published something; `None` = never that the home saw.
    pub seen: Option<UnixTime>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// In which version.
    pub version: Version,
    /// What.
    pub trouble: Trouble,
    /// What helps, the best first.
    pub repairs: Vec<Repair>,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Trouble {
    /// Not everybody may read the list or a bundle: who is no contact cannot encrypt.
    Closed {
        /// How many of the nodes.
        nodes: u32,
    },
    /// The node of all bundles keeps fewer of them than there are devices.
    KeepsTooFew {
        /// How many it keeps.
        kept: u32,
    },
    /// On the list, without a bundle that can be used: nobody can encrypt for the device.
    NoBundle {
        /// The device.
        device: u32,
    },
    /// A bundle, not on the list: nobody knows of the device.
    Unlisted {
        /// The device.
        device: u32,
    },
    /// Nothing was heard of the device for long; everybody still encrypts for it.
    Stale {
        /// The device.
        device: u32,
        /// When it last published something.
        seen: UnixTime,
    },
}

/// A repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Repair {
    /// Let everybody read list and bundles, and keep as many bundles as there is room for.
    Open {
        /// In which version.
        version: Version,
    },
    /// Take the device off the list, and its bundle away. Can be taken back for a while; an app
    /// that is still there comes back by itself.
    Remove {
        /// In which version.
        version: Version,
        /// The device.
        device: u32,
    },
    /// Put the device on the list.
    Relist {
        /// In which version.
        version: Version,
        /// The device.
        device: u32,
    },
}

/// A removal that can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// Names it in [`TakeBack`].
    pub id: String,
    /// In which version.
    pub version: Version,
    /// The device that was removed.
    pub device: u32,
    /// Until when; a restart of the server ends it earlier.
    pub until: UnixTime,
}

/// Carry out a repair.
#[derive(Debug, Serialize, Deserialize)]
pub struct Carry {
    /// Which.
    pub repair: Repair,
}

/// Take a removal back.
#[derive(Debug, Serialize, Deserialize)]
pub struct TakeBack {
    /// [`Undo::id`].
    pub id: String,
}
