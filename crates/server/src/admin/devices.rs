//! The chat apps of people: seeing them and signing them out.

use admin_api::devices::{Device, List, Revoke};
use admin_api::{Problem, ProblemKind};
use xmpp::error::{StreamCondition, StreamError};
use xmpp::jid::BareJid;

use super::store_problem;
use crate::daemon::{Daemon, Now};
use crate::devices::{self, Listed};
use crate::outbox::End;
use crate::registry::{self, Account};

/// The devices of one account, the one known for longest first.
pub(super) fn list(daemon: &Daemon, call: &List) -> Result<Vec<Device>, Problem> {
    let owner = owner(daemon, &call.name)?;
    let entry = daemon.registry.entry(&owner);
    let account = registry::lock(&entry);
    let all = devices::list(daemon, &account, Now::read().unix).map_err(store_problem)?;
    Ok(all.into_iter().map(|listed| shown(&account, listed)).collect())
}

/// Signs one device out.
pub(super) async fn revoke(daemon: &Daemon, call: &Revoke) -> Result<Device, Problem> {
    let owner = owner(daemon, &call.name)?;
    let now = Now::read().unix;
    let (device, ticket) = {
        let entry = daemon.registry.entry(&owner);
        let mut account = registry::lock(&entry);
        let all = devices::list(daemon, &account, now).map_err(store_problem)?;
        let listed = all.into_iter().find(|listed| listed.id == call.id);
        let listed = listed
            .ok_or_else(|| Problem::new(ProblemKind::NotFound, "There is no such device."))?;
        let device = shown(&account, listed);
        let gone = devices::forget(daemon, &mut account, &call.id, now).map_err(store_problem)?;
        let ticket = daemon.durability.commit(gone.batch);
        for session in gone.sessions.into_iter().filter_map(|id| account.session(id)) {
            let error = StreamError::new(StreamCondition::NotAuthorized)
                .with_text("This device was signed out.");
            session.outbox.end(End::Error(error));
        }
        (device, ticket)
    };
    daemon.durability.wait(ticket).await?;
    tracing::info!("a device was signed out");
    Ok(device)
}

fn owner(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let owner = daemon.accounts.address(name)?;
    match daemon.accounts.lookup(&owner).map_err(store_problem)? {
        Some(_) => Ok(owner),
        None => Err(Problem::new(ProblemKind::NotFound, format!("There is no account {owner}."))),
    }
}

fn shown(account: &Account, listed: Listed) -> Device {
    let session = listed.session.and_then(|id| account.session(id));
    Device {
        owner: account.jid.to_string(),
        id: listed.id,
        software: listed.software,
        device: listed.device,
        first_seen: listed.first_seen,
        last_seen: listed.last_seen,
        password: listed.password,
        token: listed.token,
        session: session.map(|session| session.jid.to_string()),
    }
}
