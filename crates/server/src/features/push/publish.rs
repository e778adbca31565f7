//! The schedule of all devices, and the pushes that are on their way.
//!
//! Spec: XEP-0357 §7, §7.1. One task ([`run`]) sleeps until the next device is due, looks under
//! its account's lock whether it still is to be woken, and sends. Answers come to the server's
//! domain and are known by their id and sender.
//!
//! State: [`Pushing`], lost at a restart; then devices of people for whom messages wait are woken
//! once more ([`begin_again`]), since nobody knows whether they were.
//! Invariants: at most [`PUSHES_IN_FLIGHT_MAX`] are on their way, [`PUSHES_IN_FLIGHT_PER_SERVICE_MAX`]
//! to one service, each for [`PUSH_ANSWER_TIME_MAX`] at most; the schedule's lock is held for no
//! other lock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use store::StoreError;
use tokio::sync::Notify;
use tokio::time::sleep_until;
use xmpp::element::Element;
use xmpp::error::ErrorType;
use xmpp::jid::{BareJid, Jid};
use xmpp::ns;
use xmpp::stanza::Stanza;

use super::device::{Device, Latest, Outcome, Summary, Verdict};
use super::registered::{self, Key, Preview, Registered, Registration};
use super::{drop_registrations, session_of, worth};
use crate::daemon::{Daemon, Now};
use crate::features::{Cx, blocking, offline};
use crate::limits::{
    PUSH_ANSWER_TIME_MAX, PUSH_READ_WAIT, PUSHES_IN_FLIGHT_MAX, PUSHES_IN_FLIGHT_PER_SERVICE_MAX,
    PUSHES_PER_TURN,
};
use crate::registry::{self, Account};
use crate::{deliver, random};

/// Characters of a push's id, 5 bits each: nobody guesses another's.
const ID_CHARACTERS: usize = 24;

/// Until there is room for one more on its way.
const ROOM_WAIT: Duration = Duration::from_secs(5);

/// Names a device: owner, then its registration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    owner: String,
    key: Key,
}

impl Name {
    fn new(owner: &str, key: &Key) -> Self {
        Self { owner: owner.to_owned(), key: key.clone() }
    }
}

/// A push on its way.
#[derive(Debug)]
struct Flight {
    device: Name,
    since: Instant,
}

#[derive(Debug, Default)]
struct State {
    devices: BTreeMap<Name, Device>,
    flights: HashMap<String, Flight>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Pushing {
    state: Mutex<State>,
    /// The schedule has changed.
    wake: Notify,
}

impl Pushing {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something came for the device that the person should know of; wake it after a while.
    pub(super) fn noticed(
        &self,
        now: Now,
        owner: &BareJid,
        key: &Key,
        (delay, latest): (Duration, Latest),
    ) {
        let name = Name::new(owner.as_str(), key);
        self.lock().devices.entry(name).or_default().noticed(now.monotonic, delay, latest);
        self.wake.notify_one();
    }

    /// As [`Pushing::noticed`], of what has waited since before the daemon began.
    fn waits(&self, now: Now, owner: &BareJid, key: &Key, what: (u32, Latest)) {
        let name = Name::new(owner.as_str(), key);
        let mut state = self.lock();
        state.devices.entry(name).or_default().waits(now.monotonic, PUSH_READ_WAIT, what);
    }

    /// The device has all that there was for it.
    pub(super) fn caught_up(&self, owner: &BareJid, key: &Key) {
        if let Some(device) = self.lock().devices.get_mut(&Name::new(owner.as_str(), key)) {
            device.caught_up();
        }
    }

    /// These registrations begin anew, or are no more.
    pub(super) fn forget(&self, owner: &BareJid, keys: &[Key]) {
        let mut state = self.lock();
        for key in keys {
            let name = Name::new(owner.as_str(), key);
            state.devices.remove(&name);
            state.flights.retain(|_, flight| flight.device != name);
        }
    }

    /// The account is no more.
    pub(super) fn forget_all_of(&self, owner: &BareJid) {
        let mut state = self.lock();
        state.devices.retain(|name, _| name.owner != owner.as_str());
        state.flights.retain(|_, flight| flight.device.owner != owner.as_str());
    }

    /// Did the last pushes fail?
    pub(super) fn is_failing(&self, owner: &str, key: &Key) -> bool {
        self.lock().devices.get(&Name::new(owner, key)).is_some_and(Device::is_failing)
    }

    /// The devices that are due, the first of them.
    fn due(&self, now: Instant) -> Vec<Name> {
        let state = self.lock();
        let due = state.devices.iter().filter(|(_, d)| d.next().is_some_and(|at| at <= now));
        due.map(|(name, _)| name.clone()).take(PUSHES_PER_TURN).collect()
    }

    /// Takes the pushes that were never answered.
    fn overdue(&self, now: Instant) -> Vec<Name> {
        let mut state = self.lock();
        let mut late = Vec::new();
        state.flights.retain(|_, flight| {
            let waits = now < flight.since + PUSH_ANSWER_TIME_MAX;
            if !waits {
                late.push(flight.device.clone());
            }
            waits
        });
        late
    }

    /// When there is something to do next. Forgets those with whom there is nothing to do.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        state.devices.retain(|_, device| !device.is_idle(now));
        let devices = state.devices.values().filter_map(Device::next);
        let flights = state.flights.values().map(|flight| flight.since + PUSH_ANSWER_TIME_MAX);
        devices.chain(flights).min()
    }

    fn with<T>(&self, name: &Name, act: impl FnOnce(&mut Device) -> T) -> Option<T> {
        self.lock().devices.get_mut(name).map(act)
    }

    /// A push of the device begins, if there is room for it: its id, and what it tells.
    fn begin(&self, now: Instant, name: &Name) -> Option<(String, Summary)> {
        let mut state = self.lock();
        let service = |flight: &&Flight| flight.device.key.0 == name.key.0;
        let full = state.flights.len() >= PUSHES_IN_FLIGHT_MAX
            || state.flights.values().filter(service).count() >= PUSHES_IN_FLIGHT_PER_SERVICE_MAX;
        let device = state.devices.get_mut(name)?;
        if full {
            device.postpone(now, ROOM_WAIT);
            return None;
        }
        let summary = device.go(now);
        let id = random::text(ID_CHARACTERS);
        state.flights.insert(id.clone(), Flight { device: name.clone(), since: now });
        Some((id, summary))
    }

    /// Takes the push with this id, if it went to `service`.
    fn landed(&self, id: &str, service: &Jid) -> Option<Name> {
        let mut state = self.lock();
        let flight = state.flights.get(id)?;
        if flight.device.key.0 != service.as_str() {
            return None;
        }
        state.flights.remove(id).map(|flight| flight.device)
    }
}

/// Wakes devices for as long as the daemon runs.
pub async fn run(daemon: Arc<Daemon>) {
    let mut stopping = daemon.stopping.subscribe();
    if let Err(e) = begin_again(&daemon, Now::read()) {
        tracing::error!(error = %e, "devices that wait for a push since before cannot be found");
    }
    loop {
        let now = Now::read();
        turn(&daemon, now);
        let next = daemon.pushing.next(now.monotonic);
        let until = next.unwrap_or(now.monotonic);
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => return,
            () = daemon.pushing.wake.notified() => {}
            () = sleep_until(until.into()), if next.is_some() => {}
        }
        // However much there is to do, others get their turn.
        tokio::task::yield_now().await;
    }
}

/// The daemon begins: devices of people for whom messages wait are to be woken, unless they come by
/// themselves.
pub(super) fn begin_again(daemon: &Daemon, now: Now) -> Result<(), StoreError> {
    // Ordered by owner: each mailbox is looked at once.
    for all in registered::everybody(daemon)?.chunk_by(|(one, _), (other, _)| one == other) {
        let owner = all.first().and_then(|(owner, _)| BareJid::parse(owner).ok());
        let Some(owner) = owner else { continue };
        let (count, last) = offline::waiting(daemon, &owner)?;
        let Some(last) = last.filter(worth::is_worth) else { continue };
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        for (_, registration) in all {
            let what = (count, worth::latest(&last));
            daemon.pushing.waits(now, &owner, &registration.key(), what);
        }
    }
    Ok(())
}

/// Does what is due.
pub(super) fn turn(daemon: &Arc<Daemon>, now: Now) {
    for late in daemon.pushing.overdue(now.monotonic) {
        daemon.counters.add("push", "unanswered");
        ended(daemon, now, &late, Outcome::Later);
    }
    for name in daemon.pushing.due(now.monotonic) {
        if let Some(push) = wake(daemon, now, &name) {
            daemon.counters.add("push", "sent");
            deliver::route_all(daemon, now, vec![push]);
        }
    }
}

/// Is the client of this device there and reading?
enum Client {
    /// It has all that it was sent.
    Reads,
    /// It is in use; whether it reads is not clear yet.
    Perhaps,
    /// It is not there, or in nobody's hands and silent.
    Away,
}

fn client(account: &Account, key: &Key) -> Client {
    match session_of(account, key).map(|session| &session.outbox) {
        None => Client::Away,
        Some(outbox) if !outbox.is_behind() => Client::Reads,
        Some(outbox) if outbox.is_asleep() || outbox.is_resting() => Client::Away,
        Some(_) => Client::Perhaps,
    }
}

/// The push to send to the device `name`, if it is to be woken now.
fn wake(daemon: &Arc<Daemon>, now: Now, name: &Name) -> Option<Stanza> {
    let owner = BareJid::parse(&name.owner).ok();
    let server = daemon.domain().and_then(|domain| BareJid::from_domain(&domain).ok());
    let (Some(owner), Some(server)) = (owner, server) else {
        daemon.pushing.lock().devices.remove(name);
        return None;
    };
    let entry = daemon.registry.entry(&owner);
    let mut account = registry::lock(&entry);
    let Some((registration, service)) = in_force(daemon, now, &mut account, &name.key) else {
        daemon.pushing.forget(&owner, std::slice::from_ref(&name.key));
        return None;
    };
    match client(&account, &name.key) {
        Client::Away => {}
        Client::Reads => {
            daemon.pushing.with(name, Device::caught_up);
            return None;
        }
        Client::Perhaps => {
            daemon.pushing.with(name, |device| device.postpone(now.monotonic, PUSH_READ_WAIT));
            return None;
        }
    }
    // Unreadable: then it tells nothing.
    let preview = registered::preview(daemon, &owner).unwrap_or_default();
    let (id, summary) = daemon.pushing.begin(now.monotonic, name)?;
    let mut push = Stanza::set(id, Some(service), publish(&registration, &summary, preview)?);
    push.set_from(Jid::from(&server));
    Some(push)
}

/// The registration `key` of the account and its service, if it still is to be asked: not for
/// somebody who cannot log in, nor where the person blocks the service.
fn in_force(
    daemon: &Daemon,
    now: Now,
    account: &mut Account,
    key: &Key,
) -> Option<(Registration, Jid)> {
    if !matches!(daemon.accounts.can_log_in(&account.jid), Ok(true)) {
        return None;
    }
    let registered = Registered::of(daemon, &account.jid, &mut account.slots).ok()?;
    let registration = registered.find(key)?.clone();
    let service = Jid::parse(&registration.service).ok()?;
    let mut cx = Cx::new(daemon, now, account, None);
    (!blocking::is_blocked(&mut cx, &service)).then_some((registration, service))
}

/// §7: the request to publish.
fn publish(registration: &Registration, summary: &Summary, preview: Preview) -> Option<Element> {
    let notification = Element::new("notification", ns::PUSH).with_child(told(summary, preview));
    let item = Element::new("item", ns::PUBSUB).with_child(notification);
    let mut publish = Element::new("publish", ns::PUBSUB).with_child(item);
    if !registration.node.is_empty() {
        publish.set_attr("node", registration.node.clone());
    }
    let mut pubsub = Element::new("pubsub", ns::PUBSUB).with_child(publish);
    if let Some(options) = &registration.options {
        // For the service that it is meant for.
        let form = Element::parse(options.expose()).ok()?;
        pubsub.push(Element::new("publish-options", ns::PUBSUB).with_child(form));
    }
    Some(pubsub)
}

/// §10.3: the summary.
fn told(summary: &Summary, preview: Preview) -> Element {
    let field = |var: &'static str, value: &str| {
        let value = Element::new("value", ns::DATA).with_text(value.to_owned());
        Element::new("field", ns::DATA).with_attr("var", var).with_child(value)
    };
    let mut form = Element::new("x", ns::DATA)
        .with_attr("type", "submit")
        .with_child(field("FORM_TYPE", ns::PUSH_SUMMARY).with_attr("type", "hidden"))
        .with_child(field("message-count", &summary.count.to_string()));
    if preview != Preview::Nothing {
        form.push(field("last-message-sender", &summary.latest.sender));
    }
    if let (Preview::Text, Some(body)) = (preview, &summary.latest.body) {
        form.push(field("last-message-body", body));
    }
    form
}

/// An answer has come to the server; it ends the push that it is for, if it is for one.
pub fn answered(daemon: &Daemon, now: Now, answer: &Stanza) {
    let (Some(id), Some(from)) = (answer.id(), answer.from()) else { return };
    let Some(name) = daemon.pushing.landed(id, from) else { return };
    let outcome = match answer.stanza_error().map(|error| error.ty) {
        None if answer.is_error() => Outcome::Never,
        None | Some(ErrorType::Continue) => Outcome::Taken,
        Some(ErrorType::Wait) => Outcome::Later,
        // §7.1
        Some(ErrorType::Auth | ErrorType::Cancel | ErrorType::Modify) => Outcome::Never,
    };
    ended(daemon, now, &name, outcome);
}

fn ended(daemon: &Daemon, now: Now, name: &Name, outcome: Outcome) {
    let verdict = daemon.pushing.with(name, |device| device.answered(now.monotonic, outcome));
    daemon.pushing.wake.notify_one();
    if verdict != Some(Verdict::Disable) {
        return;
    }
    let Ok(owner) = BareJid::parse(&name.owner) else { return };
    daemon.counters.add("push", "disabled");
    tracing::debug!(service = %name.key.0, "a push service refuses a device; it is not asked again");
    let entry = daemon.registry.entry(&owner);
    let mut account = registry::lock(&entry);
    let mut cx = Cx::new(daemon, now, &mut account, None);
    if let Err(e) = drop_registrations(&mut cx, &name.key.0, Some(&name.key.1)) {
        tracing::error!(error = %e, "a registration for push cannot be removed");
    }
    let effects = cx.effects;
    deliver::carry_out(daemon, &mut account, effects, 0, &mut VecDeque::new());
}
