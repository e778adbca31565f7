//! Push notifications: seeing and ending what devices registered, and choosing what pushes tell.

use std::collections::BTreeMap;

use admin_api::push::{Choose, Device, Ended, List, Off, Preview, Service};
use admin_api::{Problem, ProblemKind};
use xmpp::jid::{BareJid, Jid};

use super::store_problem;
use crate::accounts::change::ChangeError;
use crate::daemon::{Daemon, Now};
use crate::features::push::{self, Shown};

impl From<push::Preview> for Preview {
    fn from(preview: push::Preview) -> Self {
        match preview {
            push::Preview::Nothing => Self::Nothing,
            push::Preview::Sender => Self::Sender,
            push::Preview::Text => Self::Text,
        }
    }
}

impl From<Preview> for push::Preview {
    fn from(preview: Preview) -> Self {
        match preview {
            Preview::Nothing => Self::Nothing,
            Preview::Sender => Self::Sender,
            Preview::Text => Self::Text,
        }
    }
}

/// The address of somebody who lives here.
fn person(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name)?;
    match daemon.accounts.lookup(&jid).map_err(store_problem)? {
        Some(_) => Ok(jid),
        None => Err(ChangeError::NotFound(jid).into()),
    }
}

fn shown(one: Shown) -> Device {
    let Shown { owner, registration, failing } = one;
    Device {
        owner,
        service: registration.service,
        node: registration.node,
        resource: registration.resource,
        since: registration.since,
        failing,
    }
}

/// The devices of one person or of everybody.
pub(super) fn list(daemon: &Daemon, call: &List) -> Result<Vec<Device>, Problem> {
    let owner = call.name.as_deref().map(|name| person(daemon, name)).transpose()?;
    let all = push::list(daemon, owner.as_ref()).map_err(store_problem)?;
    Ok(all.into_iter().map(shown).collect())
}

/// The services in use.
pub(super) fn services(daemon: &Daemon) -> Result<Vec<Service>, Problem> {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for one in push::list(daemon, None).map_err(store_problem)? {
        *counts.entry(one.registration.service).or_default() += 1;
    }
    Ok(counts.into_iter().map(|(service, devices)| Service { service, devices }).collect())
}

/// Stops waking devices.
pub(super) async fn off(daemon: &Daemon, call: &Off) -> Result<Ended, Problem> {
    let owner = person(daemon, &call.name)?;
    let service = Jid::parse(call.service.trim()).map_err(|_| {
        Problem::new(ProblemKind::Invalid, "A push service has an address such as push.example.")
    })?;
    let which = (service.as_str(), call.node.as_deref());
    let (ended, ticket) =
        push::switch_off(daemon, Now::read(), &owner, which).map_err(store_problem)?;
    daemon.durability.wait(ticket).await?;
    if ended == 0 {
        return Err(Problem::new(ProblemKind::NotFound, "No such device is woken."));
    }
    tracing::info!(devices = ended, "push was switched off");
    Ok(Ended { devices: u32::try_from(ended).unwrap_or(u32::MAX) })
}

/// What a person's pushes tell; changes it if something is chosen.
pub(super) async fn choose(daemon: &Daemon, call: &Choose) -> Result<Preview, Problem> {
    let owner = person(daemon, &call.name)?;
    if let Some(preview) = call.preview {
        let ticket = push::set_preview(daemon, &owner, preview.into());
        daemon.durability.wait(ticket).await?;
        tracing::info!("what pushes tell was changed");
        return Ok(preview);
    }
    Ok(push::preview(daemon, &owner).map_err(store_problem)?.into())
}
