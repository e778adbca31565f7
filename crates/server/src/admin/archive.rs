//! The message archive: how long it keeps conversations, and deleting them.

use std::sync::Arc;

use admin_api::archive::{Delete, Deleted, Keep, Kept, Set};
use admin_api::{Problem, ProblemKind};
use store::Batch;
use xmpp::jid::BareJid;

use super::store_problem;
use crate::daemon::{Daemon, Now};
use crate::features::archive;
use crate::limits::ARCHIVE_DELETE_WAIT_MAX;
use crate::services::archive as service;
use crate::settings;

/// How long, and how much there is.
pub(super) fn show(daemon: &Daemon) -> Result<Kept, Problem> {
    let oldest = archive::oldest(&daemon.store).map_err(store_problem)?;
    let store_bytes = daemon.store.size_bytes().map_err(store_problem)?;
    let oldest = oldest.map(|micros| micros / 1_000_000);
    Ok(Kept { keep: daemon.keeping.get(), oldest, store_bytes })
}

/// Sets it; what is too old by then goes soon.
pub(super) async fn set(daemon: &Arc<Daemon>, call: &Set) -> Result<Kept, Problem> {
    if !call.keep.is_usable() {
        let most = Keep::DAYS_MAX;
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("Messages can be kept for 1 to {most} days, for ever, or not at all."),
        ));
    }
    let mut batch = Batch::new();
    settings::put_keep(&mut batch, call.keep);
    daemon.durability.wait(daemon.durability.commit(batch)).await?;
    daemon.keeping.set(call.keep);
    tracing::info!(keep = %call.keep, "the time for which messages are kept was set");
    service::wake(daemon);
    show(daemon)
}

/// Deletes for good. What takes long goes on after the answer, also after a restart.
pub(super) async fn delete(daemon: &Arc<Daemon>, call: &Delete) -> Result<Deleted, Problem> {
    let owner = match &call.name {
        Some(name) => Some(existing(daemon, name)?),
        None => None,
    };
    let mark = service::mark(owner.as_ref().map(BareJid::as_str), Now::read().micros);
    daemon.durability.wait(daemon.durability.commit(mark)).await?;
    let work = tokio::spawn(service::erase_marked(Arc::clone(daemon)));
    match tokio::time::timeout(ARCHIVE_DELETE_WAIT_MAX, work).await {
        Ok(Ok(Ok(messages))) => Ok(Deleted { messages, finished: true }),
        Ok(Ok(Err(why))) => Err(store_problem(why)),
        Ok(Err(_)) => Err(Problem::new(ProblemKind::Daemon, "Deleting ended; see the log.")),
        Err(_) => Ok(Deleted { messages: 0, finished: false }),
    }
}

fn existing(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name)?;
    match daemon.accounts.lookup(&jid).map_err(store_problem)? {
        Some(_) => Ok(jid),
        None => Err(Problem::new(ProblemKind::NotFound, format!("There is no {jid}."))),
    }
}
