//! XEP-0198: Stream Management.
//!
//! Enables it, answers requests for acknowledgements, takes acknowledgements, and knows which
//! sessions can be resumed. Spec: XEP-0198 §3 (enabling), §4 (acks), §5 (resumption), §9 (both
//! within log-in). The counting
//! is `xmpp::resume`'s, the queue `outbox`'s, taking over `session::resume`'s.
//!
//! State: `Managed`, one per session; `Ended`, of all accounts. Invariants: an `<a/>` goes out
//! once all that it counts is durable; a session's name cannot be guessed, and is of use to its
//! own account only.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StreamCondition, StreamError};
use xmpp::jid::BareJid;
use xmpp::{ns, resume};

use super::{Cx, Feature, Inline, Spec, offline};
use crate::daemon::Daemon;
use crate::durability::{Durability, Ticket};
use crate::limits::ENDED_REMEMBERED_MAX;
use crate::random;
use crate::registry::{Bound, SessionId};
use crate::session::resume::Claim;
use crate::wire::Wire;

/// Characters of a session's name, 5 bits each: beyond guessing.
const NAME_CHARACTERS: usize = 26;

/// See the module.
pub const FEATURE: Feature = Feature {
    stream_feature: Some(feature),
    inline: Some(Inline { ns: ns::SM, begin }),
    nonza: Some(nonza),
    closed: Some(closed),
    ..Feature::new("stream_management", Spec::Xep { number: 198, version: "1.6.3" })
};

/// The client of this session wants stream management.
#[derive(Debug)]
struct Managed {
    resumable: Option<Resumable>,
}

/// Its session can be resumed.
#[derive(Debug)]
struct Resumable {
    /// The session's name.
    previd: String,
    /// How long it waits for its client.
    patience: Duration,
}

fn resumable(session: &Bound) -> Option<&Resumable> {
    session.slots.get::<Managed>()?.resumable.as_ref()
}

/// Is `previd` the name of this session?
#[must_use]
pub fn is_named(session: &Bound, previd: &str) -> bool {
    resumable(session).is_some_and(|resumable| resumable.previd == previd)
}

/// How long this session waits for a client that lost its connection; `None` = not at all.
#[must_use]
pub fn patience(session: &Bound) -> Option<Duration> {
    resumable(session).map(|resumable| resumable.patience)
}

fn feature(_: &Daemon) -> Element {
    Element::new("sm", ns::SM)
}

fn nonza(cx: &mut Cx<'_>, id: SessionId, element: &Element) -> bool {
    let Some(bound) = cx.account.session(id).filter(|_| element.ns() == ns::SM) else {
        return false;
    };
    let managed = bound.slots.get::<Managed>().is_some();
    match element.name() {
        "enable" if !managed => enable(cx, id, element),
        "r" if managed => {
            // XEP-0198 §4: at once, but what is counted must be safe first.
            let line = &bound.outbox.line;
            let answer = Wire::nonza(&resume::answer(line.handled()));
            bound.outbox.push_settled(line.unsettled(), answer);
        }
        "a" if managed => {
            if let Err(error) = acknowledged(cx, id, element) {
                cx.effects.ended.push((id, error));
            }
        }
        // XEP-0198 §3: not twice; §5: not instead of a session that is there.
        _ => {
            let failed = resume::failed(StanzaCondition::UnexpectedRequest, None);
            bound.outbox.push(Wire::nonza(&failed));
        }
    }
    true
}

fn enable(cx: &mut Cx<'_>, id: SessionId, request: &Element) {
    let enabled = manage(cx, id, request);
    if let (Some(bound), Some(enabled)) = (cx.account.session(id), enabled) {
        bound.outbox.push(Wire::enabled(&enabled));
    }
}

/// XEP-0386 §3.2: counted is what comes after the answer to the log-in, in which this is.
fn begin(cx: &mut Cx<'_>, id: SessionId, request: &Element) -> Option<Element> {
    let managed = cx.account.session(id)?.slots.get::<Managed>().is_some();
    if request.name() != "enable" || managed {
        return Some(resume::failed(StanzaCondition::UnexpectedRequest, None));
    }
    let enabled = manage(cx, id, request)?;
    cx.account.session(id)?.outbox.manage();
    Some(enabled)
}

/// The session is managed from now on; what its client is told.
fn manage(cx: &mut Cx<'_>, id: SessionId, request: &Element) -> Option<Element> {
    let bound = cx.account.session_mut(id)?;
    let mut enabled = Element::new("enabled", ns::SM);
    // XEP-0198 §3: the client names the longest time of use to it, in seconds.
    let wish = request.attr("max").and_then(resume::parse_count);
    let most = cx.daemon.config.limits.resume_seconds;
    let patience = Duration::from_secs(wish.map_or(most, |max| max.min(most)).into());
    let resumable = matches!(request.attr("resume"), Some("true" | "1")) && !patience.is_zero();
    let resumable = resumable.then(|| {
        let previd = random::text(NAME_CHARACTERS);
        enabled.set_attr("id", previd.clone());
        enabled.set_attr("resume", "true");
        enabled.set_attr("max", patience.as_secs().to_string());
        Resumable { previd, patience }
    });
    bound.slots.put(Managed { resumable });
    bound.outbox.line.start();
    Some(enabled)
}

fn acknowledged(cx: &mut Cx<'_>, id: SessionId, element: &Element) -> Result<(), StreamError> {
    let Some(bound) = cx.account.session(id) else { return Ok(()) };
    let Some(handled) = element.attr("h").and_then(resume::parse_count) else {
        return Err(StreamError::new(StreamCondition::InvalidXml)
            .with_text("an acknowledgement needs a count"));
    };
    match bound.outbox.acknowledge(handled) {
        Some(Ok(kept)) => {
            if !kept.is_empty() {
                offline::delivered(cx, id, &kept);
            }
            Ok(())
        }
        Some(Err(e)) => Err(e.to_error()),
        // <enabled/> has not gone out yet: nothing was counted.
        None if handled == 0 => Ok(()),
        None => Err(resume::TooHigh { handled, sent: 0 }.to_error()),
    }
}

fn closed(cx: &mut Cx<'_>, session: SessionId) {
    let owner = cx.account.jid.clone();
    let Some(bound) = cx.account.session_mut(session) else { return };
    if let Some(Managed { resumable: Some(Resumable { previd, .. }) }) = bound.slots.take() {
        let line = &bound.outbox.line;
        let (handled, ticket) = (line.handled(), line.unsettled());
        cx.daemon.registry.ended.remember(EndedSession { owner, previd, handled, ticket });
    }
}

/// How much was handled in resumable sessions that ended, so that a client that comes too late
/// does not send it again. Invariant: at most [`ENDED_REMEMBERED_MAX`], the newest.
#[derive(Debug, Default)]
pub struct Ended(Mutex<VecDeque<EndedSession>>);

#[derive(Debug)]
struct EndedSession {
    owner: BareJid,
    previd: String,
    handled: u32,
    /// Until this is settled the count is nobody's business.
    ticket: Ticket,
}

impl Ended {
    fn remember(&self, session: EndedSession) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ENDED_REMEMBERED_MAX {
            all.pop_front();
        }
        all.push_back(session);
    }

    /// What was handled in the session of `user` that `claim` names, if it is remembered.
    #[must_use]
    pub fn handled(
        &self,
        durability: &Durability,
        user: &BareJid,
        claim: &Claim<'_>,
    ) -> Option<u32> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().rev().find(|s| s.owner == *user && s.previd == claim.previd);
        found.filter(|s| durability.is_settled(s.ticket)).map(|s| s.handled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_the_owner_hears_of_an_ended_session_and_the_oldest_are_forgotten() {
        let (ann, bob) = (BareJid::parse("ann@a").unwrap(), BareJid::parse("bob@a").unwrap());
        let (_dir, store) = testing::store(&[]);
        let (durability, ended) = (Durability::new(store), Ended::default());
        let handled = |user: &BareJid, previd: &str| {
            ended.handled(&durability, user, &Claim { previd, handled: 0 })
        };
        let remember = |owner: &BareJid, previd: &str, ticket| {
            let (owner, previd) = (owner.clone(), previd.to_owned());
            ended.remember(EndedSession { owner, previd, handled: 7, ticket });
        };
        remember(&ann, "unsettled", 1);
        assert_eq!(handled(&ann, "unsettled"), None);
        remember(&ann, "x", 0);
        assert_eq!(handled(&ann, "x"), Some(7));
        assert_eq!(handled(&bob, "x"), None);
        assert_eq!(handled(&ann, "y"), None);
        for n in 0..ENDED_REMEMBERED_MAX {
            remember(&bob, &n.to_string(), 0);
        }
        assert_eq!(handled(&ann, "x"), None);
        assert_eq!(handled(&bob, "0"), Some(7));
    }
}
