//! The OMEMO devices of whoever is signed in: seeing and repairing them; see [`crate::omemo`].

use std::collections::VecDeque;
use std::sync::Arc;

use admin_api::omemo::{Carry, Report, TakeBack};
use admin_api::{Problem, ProblemKind};
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::jid::BareJid;

use crate::daemon::{Daemon, Now};
use crate::effect::Handled;
use crate::features::Cx;
use crate::{deliver, omemo, registry};

/// The devices and what is wrong with them.
pub(super) fn show(daemon: &Daemon, jid: &BareJid) -> Result<Report, Problem> {
    let entry = daemon.registry.entry(jid);
    let mut account = registry::lock(&entry);
    let mut cx = Cx::new(daemon, Now::read(), &mut account, None);
    omemo::report(&mut cx).map_err(problem)
}

/// Carries out a repair.
pub(super) async fn carry(
    daemon: &Arc<Daemon>,
    jid: &BareJid,
    call: &Carry,
) -> Result<Report, Problem> {
    let report = change(daemon, jid, |cx| omemo::carry(cx, call.repair)).await?;
    tracing::info!("an OMEMO device was repaired");
    Ok(report)
}

/// Takes a removal back.
pub(super) async fn take_back(
    daemon: &Arc<Daemon>,
    jid: &BareJid,
    call: &TakeBack,
) -> Result<Report, Problem> {
    change(daemon, jid, |cx| omemo::take_back(cx, &call.id)).await
}

/// Changes what the account publishes as one of its clients would, and gives what is there then.
async fn change(
    daemon: &Arc<Daemon>,
    jid: &BareJid,
    run: impl FnOnce(&mut Cx<'_>) -> Handled,
) -> Result<Report, Problem> {
    let now = Now::read();
    let mut list = VecDeque::new();
    let (done, ticket) = {
        let entry = daemon.registry.entry(jid);
        let mut account = registry::lock(&entry);
        let mut cx = Cx::new(daemon, now, &mut account, None);
        let done = run(&mut cx);
        let learned = omemo::learn(&mut cx, &[]);
        let report = omemo::report(&mut cx);
        let effects = cx.effects;
        let ticket = deliver::carry_out(daemon, &mut account, effects, 0, &mut list);
        (done.and(report), ticket.max(learned.unwrap_or(0)))
    };
    let routed = deliver::route_all(daemon, now, list.into());
    daemon.durability.wait(ticket.max(routed)).await?;
    done.map_err(problem)
}

fn problem(e: StanzaError) -> Problem {
    let (kind, words) = match e.condition {
        StanzaCondition::ItemNotFound => {
            (ProblemKind::NotFound, "This is not there any more: look again.")
        }
        StanzaCondition::InternalServerError => {
            (ProblemKind::Store, "The server could not read what is published.")
        }
        _ => (ProblemKind::Invalid, "The server's limits do not allow it: remove something first."),
    };
    Problem::new(kind, words)
}
