//! The server's rows of XEP-0479, XMPP Compliance Suites 2023: Core, IM and Mobile.
//!
//! Invariant: each row of the suites that asks something of servers is here once.

/// A row.
pub(crate) struct Row {
    /// Category.
    pub(crate) suite: &'static str,
    /// Feature.
    pub(crate) feature: &'static str,
    /// From which level on servers need it.
    pub(crate) level: &'static str,
    /// Its providers.
    pub(crate) providers: &'static [Provider],
}

/// A specification of a row.
#[derive(Clone, Copy)]
pub(crate) enum Provider {
    Rfc(u16),
    Xep(u16),
    /// An extension in another place than its own: there is nothing of it before that place.
    Within(u16, &'static str),
}

/// Extensions that are not there, and when they come.
pub(crate) const LATER: &[(u16, &str)] = &[
    (45, "comes with rooms"),
    (249, "comes with rooms"),
    (410, "comes with rooms"),
    (363, "comes with file upload"),
];

use Provider::{Rfc, Within, Xep};

const fn row(
    suite: &'static str,
    feature: &'static str,
    level: &'static str,
    providers: &'static [Provider],
) -> Row {
    Row { suite, feature, level, providers }
}

const CORE: &str = "Core";
const IM: &str = "IM";
const MOBILE: &str = "Mobile";
const SERVER: &str = "server";
const ADVANCED: &str = "advanced server";

/// See the module.
pub(crate) const ROWS: &[Row] = &[
    row(CORE, "Core features", SERVER, &[Rfc(6120)]),
    row(CORE, "TLS", SERVER, &[Rfc(7590)]),
    row(CORE, "Direct TLS", ADVANCED, &[Xep(368)]),
    row(CORE, "Feature discovery", SERVER, &[Xep(30)]),
    row(CORE, "Feature broadcasts", ADVANCED, &[Xep(115)]),
    row(CORE, "Server Extensibility", SERVER, &[Xep(114)]),
    row(CORE, "Event publishing", ADVANCED, &[Xep(163)]),
    row(IM, "Core features", SERVER, &[Rfc(6121)]),
    row(IM, "User Avatar Compatibility", ADVANCED, &[Xep(398), Xep(153)]),
    row(IM, "vcard-temp", SERVER, &[Xep(54)]),
    row(IM, "Outbound Message Synchronization", SERVER, &[Xep(280)]),
    row(IM, "User Blocking", ADVANCED, &[Xep(191)]),
    row(IM, "Group Chat", SERVER, &[Xep(45), Xep(249)]),
    row(
        IM,
        "Advanced Group Chat",
        ADVANCED,
        &[Xep(48), Within(313, "of rooms, comes with rooms"), Xep(402), Xep(410)],
    ),
    row(IM, "Persistent Storage of Private Data via PubSub", ADVANCED, &[Xep(223)]),
    row(IM, "Private XML Storage", ADVANCED, &[Xep(49)]),
    row(IM, "Stream Management", ADVANCED, &[Xep(198)]),
    row(IM, "History Storage / Retrieval", ADVANCED, &[Xep(313)]),
    row(IM, "File Upload", SERVER, &[Xep(363)]),
    row(MOBILE, "Stream Management", SERVER, &[Xep(198)]),
    row(MOBILE, "Client State Indication", SERVER, &[Xep(352)]),
    row(MOBILE, "Third-Party Push Notifications", ADVANCED, &[Xep(357)]),
];
