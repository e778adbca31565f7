//! XMPP sessions: the clients that are connected right now. Nothing of this is stored.

use serde::{Deserialize, Serialize};

use crate::UnixTime;

/// One connected client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Full JID.
    pub jid: String,
    /// Address and port of the client.
    pub address: String,
    /// `TLSv1.3`, …
    pub tls: String,
    /// SASL mechanism it authenticated with.
    pub mechanism: String,
    /// When it bound its resource; coming back for the session (XEP-0198) does not change it.
    pub since: UnixTime,
    /// Presence priority; `None` = connected without available presence.
    pub priority: Option<i8>,
    /// Has it lost its connection, and may come back for its session (XEP-0198)?
    pub asleep: bool,
}

/// All sessions, or those of one account.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Localpart or bare JID; `None` = everybody.
    pub name: Option<String>,
}

/// Close sessions with the stream error `policy-violation` (text: closed by administrator).
#[derive(Debug, Serialize, Deserialize)]
pub struct Kick {
    /// Full JID for one session; localpart or bare JID for all of the account.
    pub jid: String,
}

/// What [`Kick`] did.
#[derive(Debug, Serialize, Deserialize)]
pub struct Kicked {
    /// Full JIDs of the sessions closed.
    pub closed: Vec<String>,
}
