//! The file as it is written: plain structs, all optional, with the place of each value.
//!
//! Invariant: no unknown key gets through (`deny_unknown_fields`).

use serde::Deserialize;
use toml::Spanned;

/// A value that may be left out, with its place in the text.
pub(crate) type Maybe<T> = Option<Spanned<T>>;

/// A list of strings, each with its place.
pub(crate) type List = Maybe<Vec<Spanned<String>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    pub(crate) server: Server,
    pub(crate) c2s: C2s,
    pub(crate) components: Components,
    pub(crate) tls: Tls,
    pub(crate) admin: Admin,
    pub(crate) panel: Panel,
    pub(crate) firewall: Firewall,
    pub(crate) contact: Contact,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Server {
    pub(crate) data_dir: Maybe<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct C2s {
    pub(crate) starttls: List,
    pub(crate) direct_tls: List,
    pub(crate) plain: Maybe<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Components {
    pub(crate) listen: List,
    pub(crate) secrets: Maybe<String>,
    pub(crate) beyond_loopback: Maybe<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Tls {
    pub(crate) mode: Maybe<String>,
    pub(crate) certificate: Maybe<String>,
    pub(crate) key: Maybe<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    pub(crate) socket: Maybe<String>,
    pub(crate) panel_user: Maybe<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Panel {
    pub(crate) listen: List,
    pub(crate) data_dir: Maybe<String>,
    pub(crate) lan_only: Maybe<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Firewall {
    pub(crate) chat_from: List,
    pub(crate) home: List,
    pub(crate) ssh: Maybe<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Contact {
    pub(crate) admin: List,
    pub(crate) abuse: List,
    pub(crate) support: List,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    pub(crate) sessions_per_account: Maybe<i64>,
    pub(crate) resume_seconds: Maybe<i64>,
    pub(crate) offline_messages: Maybe<i64>,
    pub(crate) connections_per_address: Maybe<i64>,
    pub(crate) stanza_bytes: Maybe<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Log {
    pub(crate) level: Maybe<String>,
}
