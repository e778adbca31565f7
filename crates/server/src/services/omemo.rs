//! Looks at everybody's OMEMO keys anew: those that came by an import, and those that grew old.

use std::sync::Arc;
use std::time::Duration;

use xmpp::jid::BareJid;

use super::{Run, Service};
use crate::accounts::{Record, State};
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::features::Cx;
use crate::{omemo, registry};

/// Every half an hour: what a client publishes is looked at when it does.
pub(super) const SERVICE: Service =
    Service { name: "omemo", every: Duration::from_secs(1_800), run };

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(async move { look(&daemon) })
}

fn look(daemon: &Arc<Daemon>) -> Result<(), String> {
    let Some(domain) = daemon.domain() else { return Ok(()) };
    let mut people = Vec::new();
    let each = |local: &str, record: &Record| {
        if !matches!(record.state, State::Deleted { .. }) {
            people.extend(BareJid::from_parts(local, &domain));
        }
    };
    daemon.accounts.for_each(each).map_err(|e| e.to_string())?;
    let now = Now::read();
    for jid in people {
        let entry = daemon.registry.entry(&jid);
        let mut account = registry::lock(&entry);
        let mut cx = Cx::new(daemon, now, &mut account, None);
        let learned = omemo::learn(&mut cx, &[]);
        let effects = cx.effects;
        let mut list = std::collections::VecDeque::new();
        deliver::carry_out(daemon, &mut account, effects, 0, &mut list);
        drop(account);
        deliver::route_all(daemon, now, list.into());
        learned.map_err(|_| "what somebody publishes cannot be read".to_owned())?;
    }
    Ok(())
}
