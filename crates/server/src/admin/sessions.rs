//! The clients that are connected right now: seeing and closing them.
//!
//! The health log-in is a session like any other, and is left out here.

use admin_api::sessions::{Kick, Kicked, List, Session};
use admin_api::{Problem, ProblemKind};
use xmpp::error::{StreamCondition, StreamError};
use xmpp::jid::{BareJid, Jid};

use crate::accounts::NameError;
use crate::daemon::Daemon;
use crate::outbox::End;
use crate::registry::{self, Bound, Entry};

/// All sessions or those of one account, by full JID.
pub(super) fn list(daemon: &Daemon, call: &List) -> Result<Vec<Session>, Problem> {
    let entries = match &call.name {
        Some(name) => of(daemon, &daemon.accounts.address(name)?),
        None => everybody(daemon),
    };
    let mut all = Vec::new();
    for entry in entries {
        all.extend(registry::lock(&entry).sessions.iter().map(shown));
    }
    all.sort_by(|a, b| a.jid.cmp(&b.jid));
    Ok(all)
}

/// How many clients are connected.
pub(super) fn count(daemon: &Daemon) -> u32 {
    let connected: usize = everybody(daemon).iter().map(|e| registry::lock(e).sessions.len()).sum();
    u32::try_from(connected).unwrap_or(u32::MAX)
}

/// Closes one session, or all of an account.
pub(super) fn kick(daemon: &Daemon, call: &Kick) -> Result<Kicked, Problem> {
    let (owner, resource) = match Jid::parse(call.jid.trim()) {
        Ok(jid) if jid.is_full() => {
            let owner = daemon.accounts.address(jid.to_bare().as_str())?;
            (owner, jid.resource().map(str::to_owned))
        }
        Ok(_) => (daemon.accounts.address(&call.jid)?, None),
        Err(_) => return Err(NameError::Malformed.into()),
    };
    let mut closed = Vec::new();
    for entry in of(daemon, &owner) {
        for session in &registry::lock(&entry).sessions {
            if resource.is_none() || session.jid.resource() == resource.as_deref() {
                let error = StreamError::new(StreamCondition::PolicyViolation)
                    .with_text("Closed by an administrator.");
                session.outbox.end(End::Error(error));
                closed.push(session.jid.to_string());
            }
        }
    }
    if closed.is_empty() {
        return Err(Problem::new(ProblemKind::NotFound, "No such client is connected."));
    }
    tracing::info!(sessions = closed.len(), "clients were disconnected");
    Ok(Kicked { closed })
}

fn of(daemon: &Daemon, owner: &BareJid) -> Vec<Entry> {
    if daemon.accounts.is_probe(owner) {
        return Vec::new();
    }
    daemon.registry.find(owner).into_iter().collect()
}

fn everybody(daemon: &Daemon) -> Vec<Entry> {
    let mut all = daemon.registry.all();
    all.retain(|e| !daemon.accounts.is_probe(&registry::lock(e).jid));
    all
}

fn shown(session: &Bound) -> Session {
    Session {
        jid: session.jid.to_string(),
        address: session.about.address.to_string(),
        tls: session.about.tls.to_owned(),
        mechanism: session.about.mechanism.to_owned(),
        since: session.about.since,
        priority: session.priority,
        asleep: session.outbox.is_asleep(),
    }
}
