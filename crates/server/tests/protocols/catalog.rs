//! What there is to say about specifications beside what the features say of themselves.
//!
//! Invariants: a specification has one title, here; a feature stands here only if it has more to
//! say than its file and the script of its name.

use server::features::Spec;

/// The version that had a specification first, unless [`SINCE`] names a later one.
pub(crate) const FIRST_VERSION: &str = "0.1.0";

/// Specifications that a later version had first.
pub(crate) const SINCE: &[(u16, &str)] = &[];

/// Titles of extensions, by number.
pub(crate) const TITLES: &[(u16, &str)] = &[
    (4, "Data Forms"),
    (12, "Last Activity"),
    (30, "Service Discovery"),
    (45, "Multi-User Chat"),
    (48, "Bookmarks"),
    (49, "Private XML Storage"),
    (54, "vcard-temp"),
    (59, "Result Set Management"),
    (60, "Publish-Subscribe"),
    (65, "SOCKS5 Bytestreams"),
    (77, "In-Band Registration"),
    (80, "User Location"),
    (82, "XMPP Date and Time Profiles"),
    (84, "User Avatar"),
    (85, "Chat State Notifications"),
    (92, "Software Version"),
    (107, "User Mood"),
    (108, "User Activity"),
    (114, "Jabber Component Protocol"),
    (115, "Entity Capabilities"),
    (118, "User Tune"),
    (124, "Bidirectional-streams Over Synchronous HTTP (BOSH)"),
    (128, "Service Discovery Extensions"),
    (153, "vCard-Based Avatars"),
    (156, "Discovering Alternative XMPP Connection Methods"),
    (157, "Contact Addresses for XMPP Services"),
    (160, "Best Practices for Handling Offline Messages"),
    (163, "Personal Eventing Protocol"),
    (172, "User Nickname"),
    (184, "Message Delivery Receipts"),
    (191, "Blocking Command"),
    (198, "Stream Management"),
    (199, "XMPP Ping"),
    (202, "Entity Time"),
    (203, "Delayed Delivery"),
    (206, "XMPP Over BOSH"),
    (215, "External Service Discovery"),
    (220, "Server Dialback"),
    (222, "Persistent Storage of Public Data via PubSub"),
    (223, "Persistent Storage of Private Data via PubSub"),
    (227, "Portable Import/Export Format for XMPP-IM Servers"),
    (249, "Direct MUC Invitations"),
    (280, "Message Carbons"),
    (292, "vCard4 Over XMPP"),
    (297, "Stanza Forwarding"),
    (308, "Last Message Correction"),
    (313, "Message Archive Management"),
    (319, "Last User Interaction in Presence"),
    (333, "Displayed Markers"),
    (334, "Message Processing Hints"),
    (352, "Client State Indication"),
    (357, "Push Notifications"),
    (359, "Unique and Stable Stanza IDs"),
    (363, "HTTP File Upload"),
    (364, "Current Off-the-Record Messaging Usage"),
    (368, "SRV records for XMPP over TLS"),
    (380, "Explicit Message Encryption"),
    (384, "OMEMO Encryption"),
    (386, "Bind 2"),
    (388, "Extensible SASL Profile"),
    (393, "Message Styling"),
    (398, "User Avatar to vCard-Based Avatars Conversion"),
    (402, "PEP Native Bookmarks"),
    (410, "MUC Self-Ping (Schrödinger's Chat)"),
    (411, "Bookmarks Conversion"),
    (424, "Message Retraction"),
    (428, "Fallback Indication"),
    (431, "Full Text Search in MAM"),
    (440, "SASL Channel-Binding Type Capability"),
    (441, "Message Archive Management Preferences"),
    (444, "Message Reactions"),
    (453, "DOAP usage in XMPP"),
    (455, "Service Outage Status"),
    (461, "Message Replies"),
    (474, "SASL SCRAM Downgrade Protection"),
    (478, "Stream Limits Advertisement"),
    (479, "XMPP Compliance Suites 2023"),
    (480, "SASL Upgrade Tasks"),
    (484, "Fast Authentication Streamlining Tokens"),
    (490, "Message Displayed Synchronization"),
    (494, "Client Access Management"),
    (504, "Data Policy"),
];

/// Titles of RFCs, by number.
pub(crate) const RFCS: &[(u16, &str)] = &[
    (5802, "Salted Challenge Response Authentication Mechanism (SCRAM)"),
    (5929, "Channel Bindings for TLS"),
    (6120, "XMPP: Core"),
    (6121, "XMPP: Instant Messaging and Presence"),
    (7395, "An XMPP Subprotocol for WebSocket"),
    (7590, "Use of TLS in XMPP"),
    (7622, "XMPP: Address Format"),
    (7677, "SCRAM-SHA-256 and SCRAM-SHA-256-PLUS"),
    (9266, "Channel Bindings for TLS 1.3"),
];

/// More about a feature.
pub(crate) struct Remark {
    /// Its name.
    pub(crate) feature: &'static str,
    /// Is all of the specification there that a server has to do?
    pub(crate) complete: bool,
    /// What is not, or is otherwise.
    pub(crate) note: &'static str,
    /// What shows that it works, if there is no script of its name.
    pub(crate) test: Option<&'static str>,
}

/// Features that have more to say than that they are there.
pub(crate) const REMARKS: &[Remark] = &[
    remark("caps", "The server's own.", SERVICES),
    Remark {
        note: "The rules of §6.1 hold but for OTR, so the rules are not announced (§6.2).",
        ..plain("carbons")
    },
    Remark { note: "Of the account's own clients.", ..plain("client_caps") },
    Remark { test: Some(SERVICES), ..plain("contact") },
    Remark {
        complete: false,
        note: "Changing one's password and deleting one's account. New accounts are made in the \
               panel.",
        ..plain("registration")
    },
    Remark { note: "What a home wants of encryption.", ..plain("otr_policy") },
    Remark { test: Some(SERVICES), ..plain("stream_limits") },
    Remark {
        test: Some("crates/server/tests/stream_management/mod.rs"),
        ..plain("stream_management")
    },
];

const fn plain(feature: &'static str) -> Remark {
    Remark { feature, complete: true, note: "", test: None }
}

const fn remark(feature: &'static str, note: &'static str, test: &'static str) -> Remark {
    Remark { feature, complete: true, note, test: Some(test) }
}

/// A specification that no feature is named after.
pub(crate) struct More {
    /// Which.
    pub(crate) spec: Spec,
    /// Where it is.
    pub(crate) file: &'static str,
    /// What shows that it works: the name of a script, or a path.
    pub(crate) test: &'static str,
    /// Is all of it there that a server has to do?
    pub(crate) complete: bool,
    /// What is not, or is otherwise.
    pub(crate) note: &'static str,
}

const fn rfc(number: u16, file: &'static str, test: &'static str) -> More {
    More { spec: Spec::Rfc { number, sections: "" }, file, test, complete: true, note: "" }
}

const fn xep(number: u16, version: &'static str, file: &'static str, test: &'static str) -> More {
    More { spec: Spec::Xep { number, version }, file, test, complete: true, note: "" }
}

/// A story of its own shows what stands in stream features and forms.
const SERVICES: &str = "tests/e2e/test_protocol_services.py";

const PEP: &str = "crates/server/src/features/pep/mod.rs";

const A_NODE: &str = "A node like any other (XEP-0163).";

const PASSED_ON: &str = "Passed on untouched; a matter of clients.";

/// See [`More`].
pub(crate) const MORE: &[More] = &[
    rfc(5802, "crates/xmpp/src/scram/mod.rs", "crates/xmpp/src/scram/tests.rs"),
    rfc(5929, "crates/server/src/tls/mod.rs", "crates/server/src/tls/tests.rs"),
    More {
        complete: false,
        note: "Servers do not speak to each other yet.",
        ..rfc(6120, "crates/xmpp/src/negotiate/mod.rs", "session")
    },
    More {
        note: "Messages and IQs: §5, §8. The rest is in features.",
        ..rfc(6121, "crates/server/src/router.rs", "routing")
    },
    rfc(7590, "crates/server/src/tls/mod.rs", "tests/e2e/test_protocol_login.py"),
    More {
        note: "With the profiles of RFC 6122, by which deployed servers compare.",
        ..rfc(7622, "crates/xmpp/src/jid/prepare.rs", "crates/xmpp/src/jid/tests.rs")
    },
    rfc(7677, "crates/xmpp/src/scram/mod.rs", "crates/xmpp/src/scram/tests.rs"),
    rfc(9266, "crates/server/src/c2s/mod.rs", "tests/e2e/test_protocol_login.py"),
    More {
        note: "Chat states wait for a phone that is not looked at.",
        ..xep(85, "2.1", "crates/server/src/features/csi.rs", "csi")
    },
    xep(48, "1.2", "crates/server/src/features/bookmarks.rs", "bookmarks"),
    xep(59, "1.0", "crates/server/src/features/archive/query.rs", "archive"),
    More {
        complete: false,
        note: "What a personal service needs (XEP-0163).",
        ..xep(60, "1.30.0", "crates/server/src/features/pep/mod.rs", "pep")
    },
    More {
        note: "For archives; not by number.",
        ..xep(59, "1.0", "crates/xmpp/src/rsm.rs", "archive")
    },
    More { note: A_NODE, ..xep(80, "1.10.0", PEP, "nick") },
    xep(82, "1.1.1", "crates/xmpp/src/datetime.rs", "time"),
    xep(84, "1.1.4", "crates/server/src/features/avatar_conversion.rs", "avatar_conversion"),
    More { note: A_NODE, ..xep(107, "1.2.2", PEP, "nick") },
    More { note: A_NODE, ..xep(108, "1.3", PEP, "nick") },
    More { note: A_NODE, ..xep(118, "1.3.0", PEP, "nick") },
    xep(153, "1.1.1", "crates/server/src/features/avatar_conversion.rs", "avatar_conversion"),
    More { note: A_NODE, ..xep(172, "1.1", PEP, "nick") },
    More { note: A_NODE, ..xep(292, "0.12.0", PEP, "vcard4") },
    xep(411, "1.1.0", "crates/server/src/features/bookmarks.rs", "bookmarks"),
    xep(114, "1.6", "crates/xmpp/src/component.rs", "components"),
    xep(128, "1.0.1", "crates/server/src/features/disco.rs", SERVICES),
    More {
        note: PASSED_ON,
        ..xep(184, "1.4.0", "crates/server/src/router.rs", "passes_untouched")
    },
    xep(203, "2.0", "crates/server/src/features/offline.rs", "offline"),
    xep(222, "1.0", "crates/server/src/features/pep/config.rs", "pep_private"),
    xep(223, "1.1.1", "crates/server/src/features/pep/config.rs", "pep_private"),
    More {
        complete: false,
        note: "Accounts, contacts, waiting messages and requests, vCards, private XML, archives, nodes of \
               XEP-0163; block lists in the form of XEP-0191, since there is none for them but \
               privacy lists.",
        ..xep(227, "1.1", "crates/cli/src/pie/mod.rs", "crates/cli/tests/cli/transfer.rs")
    },
    xep(297, "1.0", "crates/server/src/features/carbons.rs", "carbons"),
    More {
        note: PASSED_ON,
        ..xep(308, "1.2.1", "crates/server/src/router.rs", "passes_untouched")
    },
    More {
        note: PASSED_ON,
        ..xep(319, "1.0.2", "crates/server/src/features/presence/mod.rs", "passes_untouched")
    },
    More {
        note: PASSED_ON,
        ..xep(333, "1.0.0", "crates/server/src/router.rs", "passes_untouched")
    },
    xep(368, "1.1.0", "crates/server/src/listen.rs", "tests/e2e/test_protocol_login.py"),
    More {
        note: "Keys are published and found, and listed for the family; the rest is up to clients.",
        ..xep(384, "0.9.1", "crates/server/src/features/omemo.rs", "omemo")
    },
    More {
        note: "Offline messages are handed over as ever, not deleted: see ADR 9.",
        ..xep(386, "1.1.0", "crates/server/src/session/inline.rs", "bind2")
    },
    xep(388, "1.0.4", "crates/xmpp/src/negotiate/entrance.rs", "sasl2"),
    More {
        note: PASSED_ON,
        ..xep(393, "1.1.1", "crates/server/src/router.rs", "passes_untouched")
    },
    More {
        note: PASSED_ON,
        ..xep(424, "0.4.2", "crates/server/src/router.rs", "passes_untouched")
    },
    More {
        note: PASSED_ON,
        ..xep(428, "0.2.1", "crates/server/src/router.rs", "passes_untouched")
    },
    xep(440, "1.0.0", "crates/xmpp/src/negotiate/mod.rs", "tests/e2e/test_protocol_login.py"),
    More {
        note: PASSED_ON,
        ..xep(444, "0.2.1", "crates/server/src/router.rs", "passes_untouched")
    },
    More {
        note: "Without the command for more.",
        ..xep(441, "0.2.0", "crates/server/src/features/archive/prefs.rs", "archive_preferences")
    },
    xep(453, "0.1.2", "docs/snug.doap", "crates/server/tests/protocols.rs"),
    More {
        note: PASSED_ON,
        ..xep(461, "0.2.1", "crates/server/src/router.rs", "passes_untouched")
    },
    xep(
        474,
        "0.5.0",
        "crates/xmpp/src/scram/downgrade.rs",
        "crates/xmpp/src/negotiate/tests/sasl2.rs",
    ),
    More {
        note: "For accounts that came without keys of SHA-256 or SHA-512.",
        ..xep(
            480,
            "0.2.0",
            "crates/xmpp/src/negotiate/upgrade.rs",
            "crates/server/tests/sasl2/upgrade.rs",
        )
    },
    More {
        note: "Without TLS early data.",
        ..xep(484, "0.2.0", "crates/server/src/devices/mod.rs", "fast")
    },
];
