//! The envelope: who speaks (`Hello`), what is asked (`Request`), what went wrong (`Problem`).
//!
//! Invariant: the role a peer gets is never more than its user id allows; what it asks for in
//! [`Hello`] can only lower it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Secret, accounts, archive, concierge, daemon, devices, fingerprints, firewall, omemo, panel,
    protection, push, sessions, setup, tls, transfer,
};

/// Version of the protocol on the socket. Both ends must agree exactly: they are
/// installed together.
pub const PROTOCOL: u32 = 1;

/// What a peer of the socket may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The command line of root or of the daemon's own user: everything.
    Operator,
    /// The panel: what needs no sign-in (set-up, sign-in, health), and, with the token of
    /// a signed-in person, what that person may do.
    Panel,
}

/// First frame of a client.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The client's [`PROTOCOL`].
    pub protocol: u32,
    /// The role asked for. The daemon grants it only to a user id that may have it.
    pub role: Role,
}

/// First frame of the daemon.
#[derive(Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The daemon's [`PROTOCOL`].
    pub protocol: u32,
    /// The daemon's version, such as `0.1.0`.
    pub version: String,
}

/// One call as it travels: what is asked, and on whose behalf.
#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// The token of the signed-in person, for calls of the panel that need one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
    /// What is asked.
    pub request: Request,
}

/// A call: a question with a typed answer.
pub trait Call: Into<Request> {
    /// What the daemon answers.
    type Reply: Serialize + DeserializeOwned;
}

/// The daemon's answer as it travels.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// The [`Call::Reply`] of the call.
    Ok(serde_json::Value),
    /// The call was refused or failed; nothing was changed.
    Problem(Problem),
}

/// Why a call failed, in words for the person at the other end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The class, for programs.
    pub kind: ProblemKind,
    /// One sentence for a person, with the remedy where there is one.
    pub message: String,
}

/// Classes of [`Problem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// The thing is there already.
    Conflict,
    /// The daemon cannot be reached, or its answer made no sense.
    Daemon,
    /// The peer's role, or the signed-in person's, does not allow this.
    Forbidden,
    /// A value is not usable; the message says which and why.
    Invalid,
    /// The thing named does not exist.
    NotFound,
    /// Set-up is not finished (or, for set-up calls, is finished already).
    Setup,
    /// Wrong password or link, or a session that has ended.
    SignIn,
    /// The store could not write or read.
    Store,
    /// Too many tries; the message says when to come back.
    Throttled,
}

impl ProblemKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Conflict,
        Self::Daemon,
        Self::Forbidden,
        Self::Invalid,
        Self::NotFound,
        Self::Setup,
        Self::SignIn,
        Self::Store,
        Self::Throttled,
    ];

    /// As it stands in the JSON of the socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Daemon => "daemon",
            Self::Forbidden => "forbidden",
            Self::Invalid => "invalid",
            Self::NotFound => "not-found",
            Self::Setup => "setup",
            Self::SignIn => "sign-in",
            Self::Store => "store",
            Self::Throttled => "throttled",
        }
    }
}

impl Problem {
    /// A problem of `kind` with `message`.
    #[must_use]
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

/// Declares [`Request`] and ties each call to its variant and reply.
macro_rules! requests {
    ($($(#[$doc:meta])* $variant:ident($call:ty) -> $reply:ty,)*) => {
        /// Every call there is.
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Request {
            $($(#[$doc])* $variant($call),)*
        }
        $(
            impl From<$call> for Request {
                fn from(call: $call) -> Self { Self::$variant(call) }
            }
            impl Call for $call { type Reply = $reply; }
        )*
    };
}

requests! {
    /// Add an account.
    AccountAdd(accounts::Add) -> accounts::Added,
    /// Delete an account, with a grace period or at once.
    AccountDelete(accounts::Delete) -> accounts::Account,
    /// List all accounts.
    AccountList(accounts::List) -> Vec<accounts::Account>,
    /// Lock or unlock an account.
    AccountLock(accounts::Lock) -> accounts::Account,
    /// Set or generate a password.
    AccountPassword(accounts::SetPassword) -> accounts::Added,
    /// Everybody's address and name.
    AccountNames(accounts::Names) -> Vec<accounts::Named>,
    /// Bring back an account within its grace period.
    AccountRestore(accounts::Restore) -> accounts::Account,
    /// Give or take the administrator's role.
    AccountRole(accounts::SetRole) -> accounts::Account,
    /// Show one account.
    AccountShow(accounts::Show) -> accounts::Account,
    /// Delete archived messages.
    ArchiveDelete(archive::Delete) -> archive::Deleted,
    /// Set how long messages are kept.
    ArchiveSet(archive::Set) -> archive::Kept,
    /// How long are messages kept?
    ArchiveShow(archive::Show) -> archive::Kept,
    /// A phrase by which a person and the concierge can check each other.
    ConciergePhrase(concierge::Phrase) -> concierge::PhraseReply,
    /// What the daemon knows of its own health.
    DaemonFacts(daemon::Facts) -> health::DaemonFacts,
    /// Version, domain, counters.
    DaemonStatus(daemon::Status) -> daemon::StatusReply,
    /// The devices of one account.
    DeviceList(devices::List) -> Vec<devices::Device>,
    /// Sign a device out.
    DeviceRevoke(devices::Revoke) -> devices::Device,
    /// Add a fingerprint to a person.
    FingerprintAdd(fingerprints::Add) -> fingerprints::Entry,
    /// The changes of one person's fingerprints, newest first.
    FingerprintHistory(fingerprints::History) -> Vec<fingerprints::Change>,
    /// List fingerprints.
    FingerprintList(fingerprints::List) -> Vec<fingerprints::Entry>,
    /// What the signed-in person says about a fingerprint.
    FingerprintMark(fingerprints::Marked) -> fingerprints::Entry,
    /// Remove a fingerprint.
    FingerprintRemove(fingerprints::Remove) -> fingerprints::Entry,
    /// Change label, device or state of a fingerprint.
    FingerprintUpdate(fingerprints::Update) -> fingerprints::Entry,
    /// Choose from where chat clients may connect.
    FirewallChoose(firewall::Choose) -> firewall::Table,
    /// What may pass the firewall?
    FirewallShow(firewall::Show) -> firewall::Table,
    /// Carry out a repair of the person's own OMEMO devices.
    OmemoCarry(omemo::Carry) -> omemo::Report,
    /// The person's own OMEMO devices and what is wrong with them.
    OmemoShow(omemo::Show) -> omemo::Report,
    /// Take a removal of an OMEMO device back.
    OmemoTakeBack(omemo::TakeBack) -> omemo::Report,
    /// End the panel session of the token.
    PanelSignOut(panel::SignOut) -> panel::Done,
    /// Sign in to the panel.
    PanelSignIn(panel::SignIn) -> panel::SignedIn,
    /// Who is the person of the token?
    PanelWho(panel::Who) -> panel::Person,
    /// The panel sessions of the person of the token.
    PanelSessions(panel::Sessions) -> Vec<panel::Session>,
    /// End one panel session, or all others.
    PanelRevoke(panel::Revoke) -> panel::Done,
    /// Count a person's messages, or do not.
    ProtectionCount(protection::SetCount) -> protection::Own,
    /// The rule about encryption for one person.
    ProtectionOne(protection::One) -> protection::Own,
    /// Set the rule about encryption.
    ProtectionSet(protection::Set) -> protection::Rules,
    /// The rules about encryption, and the counts.
    ProtectionShow(protection::Show) -> protection::Rules,
    /// Show or choose what a person's pushes tell.
    PushChoose(push::Choose) -> push::Preview,
    /// The devices that asked to be woken.
    PushList(push::List) -> Vec<push::Device>,
    /// Stop waking devices.
    PushOff(push::Off) -> push::Ended,
    /// The push services in use.
    PushServices(push::Services) -> Vec<push::Service>,
    /// Close a client's connection.
    SessionKick(sessions::Kick) -> sessions::Kicked,
    /// The clients that are connected.
    SessionList(sessions::List) -> Vec<sessions::Session>,
    /// A fresh one-time set-up code (operator only).
    SetupCode(setup::NewCode) -> setup::Code,
    /// Finish set-up: domain name and first administrator.
    SetupFinish(setup::Finish) -> panel::SignedIn,
    /// Is set-up done? Is this code right?
    SetupState(setup::State) -> setup::StateReply,
    /// The certificate of the home's own authority, for clients to trust.
    TlsAuthority(tls::Authority) -> tls::AuthorityReply,
    /// A certificate for the panel's own key.
    TlsPanelLeaf(tls::PanelLeaf) -> tls::PanelLeafReply,
    /// Read the certificate files again.
    TlsReload(tls::Reload) -> panel::Done,
    /// One page of accounts for export.
    TransferExport(transfer::Export) -> transfer::ExportPage,
    /// One page of what features keep of an account.
    TransferExportData(transfer::ExportData) -> transfer::DataPage,
    /// One batch of accounts to import.
    TransferImport(transfer::Import) -> transfer::Imported,
    /// Some of what features keep of an account, to import.
    TransferImportData(transfer::ImportData) -> transfer::ImportedData,
    /// What of that there is.
    TransferKinds(transfer::Kinds) -> Vec<transfer::Kind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_on_the_wire() {
        for kind in ProblemKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
