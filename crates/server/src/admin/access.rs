//! Who may make which call.
//!
//! Two things decide: the role, which is bounded by the peer's user id (the kernel tells it), and,
//! for the panel, the person whose token comes with the call. See
//! docs/adr/0008-panel-needs-a-token-for-everything.md.
//!
//! Invariants: every call is listed here, so a new one without a decision does not compile; what
//! gives away keys of passwords is for the operator alone.

use admin_api::{Problem, ProblemKind, Request, Role};

use super::panel::{self, Person};
use crate::accounts;
use crate::daemon::{Daemon, Now};

/// Who makes a call.
#[derive(Debug)]
pub(super) struct Caller {
    /// The role that the peer was granted.
    pub(super) role: Role,
    /// The person of the token, if one came and is valid.
    pub(super) person: Option<Person>,
}

impl Caller {
    /// Who it was, for histories: a bare JID, or `operator`.
    pub(super) fn name(&self) -> &str {
        match &self.person {
            Some(person) => person.jid.as_str(),
            None => "operator",
        }
    }

    /// The person; only calls that need one come here.
    ///
    /// # Errors
    /// [`ProblemKind::SignIn`] without one.
    pub(super) fn person(&self) -> Result<&Person, Problem> {
        self.person.as_ref().ok_or_else(signed_out)
    }

    /// May this caller see more than a stranger in front of the sign-in page?
    pub(super) fn is_trusted(&self) -> bool {
        let admin = |p: &Person| p.role == accounts::Role::Admin;
        self.role == Role::Operator || self.person.as_ref().is_some_and(admin)
    }
}

/// What a call needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need<'a> {
    /// Nothing beyond the socket.
    Nobody,
    /// The command line, or the token of an administrator.
    Admin,
    /// The command line, or the token of anybody of the home: an answer that the whole family may
    /// have.
    Family,
    /// As [`Need::Admin`], or the token of the person of this name.
    Owner(&'a str),
    /// A valid token, whoever's.
    Person,
    /// The command line.
    Operator,
}

/// What `request` needs. Members may what is listed for them here, and nothing else.
pub(super) fn need(request: &Request) -> Need<'_> {
    match request {
        // Before set-up and sign-in, and for the health page.
        Request::DaemonFacts(_)
        | Request::DaemonStatus(_)
        | Request::PanelSignIn(_)
        | Request::PushServices(_)
        | Request::SetupFinish(_)
        | Request::SetupState(_)
        | Request::TlsAuthority(_)
        | Request::TlsPanelLeaf(_) => Need::Nobody,
        Request::AccountAdd(_)
        | Request::AccountDelete(_)
        | Request::AccountList(_)
        | Request::AccountLock(_)
        | Request::AccountPassword(_)
        | Request::AccountRestore(_)
        | Request::AccountRole(_)
        | Request::AccountShow(_)
        | Request::ArchiveDelete(_)
        | Request::ArchiveSet(_)
        | Request::ArchiveShow(_)
        | Request::FingerprintAdd(_)
        | Request::FingerprintRemove(_)
        | Request::FingerprintUpdate(_)
        | Request::FirewallChoose(_)
        | Request::FirewallShow(_)
        | Request::ProtectionSet(_)
        | Request::ProtectionShow(_)
        | Request::PushChoose(_)
        | Request::PushList(_)
        | Request::PushOff(_)
        | Request::SessionKick(_)
        | Request::SessionList(_)
        | Request::TlsReload(_) => Need::Admin,
        Request::AccountNames(_) | Request::FingerprintHistory(_) | Request::FingerprintList(_) => {
            Need::Family
        }
        Request::ConciergePhrase(call) => Need::Owner(&call.name),
        Request::DeviceList(call) => Need::Owner(&call.name),
        Request::DeviceRevoke(call) => Need::Owner(&call.name),
        Request::ProtectionCount(call) => Need::Owner(&call.name),
        Request::ProtectionOne(call) => Need::Owner(&call.name),
        Request::FingerprintMark(_)
        | Request::OmemoCarry(_)
        | Request::OmemoShow(_)
        | Request::OmemoTakeBack(_)
        | Request::PanelRevoke(_)
        | Request::PanelSessions(_)
        | Request::PanelSignOut(_)
        | Request::PanelWho(_) => Need::Person,
        Request::SetupCode(_)
        | Request::TransferExport(_)
        | Request::TransferExportData(_)
        | Request::TransferImport(_)
        | Request::TransferImportData(_)
        | Request::TransferKinds(_) => Need::Operator,
    }
}

/// Lets `request` of a peer with `role` pass, or says why not.
///
/// # Errors
/// [`ProblemKind::SignIn`] for a token that is missing or over, [`ProblemKind::Forbidden`].
pub(super) fn admit(
    daemon: &Daemon,
    role: Role,
    token: Option<&admin_api::Secret>,
    request: &Request,
) -> Result<Caller, Problem> {
    let need = need(request);
    // A stale token does not stop what needs none: the sign-in page comes with one.
    let person = match token {
        Some(token) => panel::person(daemon, token, Now::read())?,
        None => None,
    };
    let caller = Caller { role, person };
    let allowed = match need {
        Need::Nobody => true,
        Need::Person => caller.person().map(|_| true)?,
        Need::Admin if role == Role::Panel => {
            caller.person()?;
            caller.is_trusted()
        }
        Need::Family if role == Role::Panel => caller.person().map(|_| true)?,
        Need::Owner(name) if role == Role::Panel => {
            let own = daemon.accounts.address(name).ok();
            let is_own = own.as_ref() == Some(&caller.person()?.jid);
            is_own || caller.is_trusted()
        }
        Need::Admin | Need::Family | Need::Owner(_) | Need::Operator => role == Role::Operator,
    };
    if allowed { Ok(caller) } else { Err(forbidden(need)) }
}

fn signed_out() -> Problem {
    Problem::new(ProblemKind::SignIn, "The session has ended; sign in again.")
}

fn forbidden(need: Need<'_>) -> Problem {
    let why = match need {
        Need::Operator => "Only the command line on the server itself can do this.",
        Need::Owner(_) => "Only the person, or an administrator, can do this.",
        Need::Nobody | Need::Admin | Need::Family | Need::Person => {
            "Only an administrator can do this."
        }
    };
    Problem::new(ProblemKind::Forbidden, why)
}
