//! XEP-0077: In-Band Registration.
//!
//! Lets people change their password and delete their account from a chat client. New accounts are
//! not made in-band: people are added in the panel. Spec: §3.2 deleting, §3.3 changing, §3.1 what is
//! told to somebody who is registered; strangers are refused in `xmpp::negotiate`.
//!
//! Passwords are hashed and accounts changed one at a time ([`run`]), since that takes longer than
//! a handler may; answers come when the change is durable. Deleting begins the same two weeks in
//! which it can be undone as in the panel. The device on which a new password is chosen stays
//! signed in, with its token (XEP-0484); all others have to know the new password when they next
//! log in. Sessions go on: who wants a device out revokes it (XEP-0494).
//!
//! State: [`Waiting`]. Invariants: a person changes nobody's account but their own; the last
//! administrator stays; at most [`REGISTRATIONS_WAITING_MAX`] requests wait, and an account makes
//! [`REGISTRATIONS_PER_HOUR`]; a password is in no answer and no log.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use admin_api::Secret;
use tokio::sync::Notify;
use xmpp::element::Element;
use xmpp::error::{ErrorType, StanzaCondition, StanzaError};
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::{IqType, Stanza};

use super::{Cx, Feature, IqRoute, Spec, Target};
use crate::accounts::change::{ChangeError, GRACE_DAYS};
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::devices::DeviceName;
use crate::effect::Handled;
use crate::limits::{REGISTRATIONS_PER_HOUR, REGISTRATIONS_WAITING_MAX};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY_SECONDS: u64 = 24 * 3_600;

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::REGISTER],
    iq: &[
        route(IqType::Get, Target::Server, get),
        route(IqType::Set, Target::Server, set),
        // Some clients leave out the addressee.
        route(IqType::Get, Target::Account, get),
        route(IqType::Set, Target::Account, set),
    ],
    ..Feature::new("registration", Spec::Xep { number: 77, version: "2.4" })
};

const fn route(ty: IqType, target: Target, run: fn(&mut Cx<'_>, &Stanza) -> Handled) -> IqRoute {
    IqRoute { ty, target, ns: ns::REGISTER, name: "query", run }
}

/// What somebody wants done with their account.
#[derive(Debug)]
enum Wish {
    /// A new password, chosen on this device if its client says which one it is.
    Password(Secret, Option<DeviceName>),
    Remove,
}

#[derive(Debug)]
struct Request {
    owner: BareJid,
    /// The request without its content.
    iq: Stanza,
    wish: Wish,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Request>,
    /// When the hour of an account began, and its requests in it.
    recent: BTreeMap<BareJid, (Instant, u32)>,
}

/// Requests that wait for their turn.
#[derive(Debug, Default)]
pub struct Waiting {
    queue: Mutex<Queue>,
    wake: Notify,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, now: Instant, request: Request) -> Handled {
        let mut queue = self.lock();
        if queue.waiting.len() >= REGISTRATIONS_WAITING_MAX {
            return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                .with_text("Too many people are doing this; try again in a moment."));
        }
        queue.recent.retain(|_, (since, _)| now < *since + HOUR);
        let (_, count) = queue.recent.entry(request.owner.clone()).or_insert((now, 0));
        if *count >= REGISTRATIONS_PER_HOUR {
            return Err(StanzaError::new(StanzaCondition::ResourceConstraint)
                .with_text("That was changed several times already; try again in an hour."));
        }
        *count += 1;
        queue.waiting.push_back(request);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }
}

/// §3.1: a session's account is registered.
#[allow(clippy::unnecessary_wraps, reason = "the shape of an IQ handler")]
fn get(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let child = |name| Element::new(name, ns::REGISTER);
    let name = cx.account.jid.local().unwrap_or_default().to_owned();
    let query = child("query")
        .with_child(child("registered"))
        .with_child(child("instructions").with_text(
            "You have an account here. You can change its password, or delete the account.",
        ))
        .with_child(child("username").with_text(name))
        .with_child(child("password"));
    cx.reply(iq, Some(query));
    Ok(())
}

fn set(cx: &mut Cx<'_>, iq: &Stanza) -> Handled {
    let Some(query) = iq.payload() else { return Ok(()) };
    let mut wish = wish(&cx.account.jid, query)?;
    if let Wish::Password(_, by) = &mut wish {
        let session = cx.session.and_then(|id| cx.account.session(id));
        *by = session.and_then(|session| session.slots.get::<DeviceName>()).cloned();
    }
    let mut request = iq.clone();
    request.retain(|_| false);
    let owner = cx.account.jid.clone();
    // The answer comes when it is done.
    cx.daemon.registrations.push(cx.now.monotonic, Request { owner, iq: request, wish })
}

fn wish(owner: &BareJid, query: &Element) -> Result<Wish, StanzaError> {
    let bad = |why| Err(StanzaError::new(StanzaCondition::BadRequest).with_text(why));
    if query.child("remove", ns::REGISTER).is_some() {
        // §3.2: and nothing else.
        if query.children().count() > 1 {
            return bad("There must be nothing beside the wish to remove the account.");
        }
        return Ok(Wish::Remove);
    }
    let text = |name| query.child(name, ns::REGISTER).map(|child| child.text().into_owned());
    let (Some(name), Some(password)) = (text("username"), text("password")) else {
        return bad("A name and a new password are needed.");
    };
    let name = BareJid::from_parts(&name, owner.domain()).or_else(|_| BareJid::parse(&name));
    if name.is_ok_and(|name| name != *owner) {
        return Err(StanzaError::new(StanzaCondition::NotAllowed)
            .with_text("This is not your account. People are added in the panel."));
    }
    // §3.3: nothing is not a password.
    if password.is_empty() {
        return bad("The new password is empty; the old one stays.");
    }
    Ok(Wish::Password(Secret::new(password), None))
}

/// Carries out requests, one at a time, for as long as the daemon runs.
pub async fn run(daemon: Arc<Daemon>) {
    let mut stopping = daemon.stopping.subscribe();
    loop {
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            () = daemon.registrations.wake.notified() => {}
        }
        loop {
            let next = daemon.registrations.lock().waiting.pop_front();
            let Some(request) = next else { break };
            Box::pin(carry_out(&daemon, request)).await;
        }
    }
}

async fn carry_out(daemon: &Arc<Daemon>, request: Request) {
    let Request { owner, iq, wish } = request;
    let done = match wish {
        Wish::Password(password, by) => {
            let set = daemon.accounts.set_password(daemon, &owner, Some(&password), by).await;
            set.map(|_| answer(daemon, &owner, iq.result(None)))
        }
        Wish::Remove => {
            let until = Now::read().unix + u64::from(GRACE_DAYS) * DAY_SECONDS;
            let last_words = || answer(daemon, &owner, iq.result(None));
            daemon.accounts.delete_own(daemon, &owner, until, last_words).await
        }
    };
    match done {
        Ok(()) => {
            daemon.counters.add("registration", "done");
            tracing::info!("a person changed or deleted their own account");
        }
        Err(e) => {
            daemon.counters.add("registration", "refused");
            if let Some(refusal) = iq.error(&refusal(&e)) {
                answer(daemon, &owner, refusal);
            }
        }
    }
}

fn answer(daemon: &Arc<Daemon>, owner: &BareJid, mut answer: Stanza) {
    if answer.from().is_none() {
        answer.set_from(Jid::from(owner));
    }
    deliver::route_all(daemon, Now::read(), vec![answer]);
}

fn refusal(e: &ChangeError) -> StanzaError {
    let condition = match e {
        ChangeError::Password(_) => StanzaCondition::NotAcceptable,
        ChangeError::LastAdmin => StanzaCondition::NotAllowed,
        ChangeError::Unchecked(_) => {
            return StanzaError::new(StanzaCondition::ResourceConstraint)
                .with_type(ErrorType::Wait)
                .with_text(e.to_string());
        }
        ChangeError::Store(_) => StanzaCondition::InternalServerError,
        // The account was deleted meanwhile.
        _ => StanzaCondition::ItemNotFound,
    };
    StanzaError::new(condition).with_text(e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::stanza;

    fn wishes(content: &str) -> Result<Wish, StanzaCondition> {
        let owner = BareJid::parse("ann@home.example").unwrap();
        let query = Element::parse(&format!("<query xmlns='jabber:iq:register'>{content}</query>"));
        wish(&owner, &query.unwrap()).map_err(|e| e.condition)
    }

    #[test]
    fn what_is_asked_for() {
        use StanzaCondition as C;
        let is_password = |content: &str| matches!(wishes(content), Ok(Wish::Password(..)));
        assert!(is_password("<username>ann</username><password>x</password>"));
        assert!(is_password("<username>Ann</username><password>x</password>"));
        assert!(is_password("<username>ann@home.example</username><password>x</password>"));
        assert!(matches!(wishes("<remove/>"), Ok(Wish::Remove)));
        for (content, condition) in [
            ("", C::BadRequest),
            ("<username>ann</username>", C::BadRequest),
            ("<password>x</password>", C::BadRequest),
            ("<username>ann</username><password/>", C::BadRequest),
            ("<remove/><username>ann</username>", C::BadRequest),
            ("<username>bob</username><password>x</password>", C::NotAllowed),
            ("<username>ann@x</username><password>x</password>", C::NotAllowed),
        ] {
            assert_eq!(wishes(content).unwrap_err(), condition, "{content}");
        }
    }

    #[test]
    fn a_password_is_in_no_log() {
        let wish = wishes("<username>ann</username><password>correct horse</password>").unwrap();
        assert!(!format!("{wish:?}").contains("horse"));
    }

    #[test]
    fn requests_are_bounded() {
        let now = Instant::now();
        let request = |n: usize| Request {
            owner: BareJid::parse(&format!("p{n}@home.example")).unwrap(),
            iq: stanza("<iq type='set' id='1'><x xmlns='y'/></iq>"),
            wish: Wish::Remove,
        };
        let waiting = Waiting::default();
        for _ in 0..REGISTRATIONS_PER_HOUR {
            waiting.push(now, request(0)).unwrap();
        }
        assert!(waiting.push(now, request(0)).is_err());
        waiting.push(now + HOUR, request(0)).unwrap();
        waiting.lock().waiting.clear();
        for n in 0..REGISTRATIONS_WAITING_MAX {
            waiting.push(now, request(n + 1)).unwrap();
        }
        assert!(waiting.push(now, request(0)).is_err());
    }
}
