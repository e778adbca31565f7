//! The directory of fingerprints as panel and command line see it; kept by [`crate::directory`].
//!
//! Invariant: nothing that looks like a private key is stored or repeated.

use admin_api::fingerprints::{
    Add, Change, Entry, History, List, Marked, Remove, State, Update, parse,
};
use admin_api::{Problem, ProblemKind};
use otr::{Fingerprint, FingerprintError, private_key};
use xmpp::jid::BareJid;

use super::store_problem;
use crate::accounts;
use crate::accounts::change::ChangeError;
use crate::concierge;
use crate::daemon::{Daemon, Now};
use crate::directory::mark::marked;
use crate::directory::{self, Made, Place, Refused};
use crate::limits::FINGERPRINTS_PER_ACCOUNT_MAX;

/// Characters of a label or device.
const TEXT_CHARS_MAX: usize = 100;

/// Lines of the history that are shown.
const CHANGES_SHOWN_MAX: usize = 200;

/// Adds a fingerprint to a person.
pub(super) async fn add(daemon: &Daemon, by: &str, call: &Add) -> Result<Entry, Problem> {
    // Those of OMEMO come from the chat apps themselves.
    let otr = Fingerprint::parse(&call.fingerprint).map_err(bad_fingerprint)?.to_hex();
    let place = place(daemon, &call.name, &otr)?;
    let (label, device) = (text("label", &call.label)?, text("device", &call.device)?);
    may_be_told(call.state)?;
    let _turn = daemon.accounts.turn().await;
    account_exists(daemon, &place.jid)?;
    let now = Now::read().unix;
    let entry = Entry {
        jid: place.jid.to_string(),
        fingerprint: place.fingerprint.clone(),
        label,
        device,
        state: call.state,
        last_seen: None,
        added: now,
        changed: now,
        changed_by: by.to_owned(),
        ..Entry::default()
    };
    change(daemon, &place, by, |before| match before {
        Some(_) => Err(Problem::new(
            ProblemKind::Conflict,
            "This fingerprint is in the person's list already.",
        )),
        None => Ok(Made::Kept(entry)),
    })
    .await
}

/// Changes what the call gives.
pub(super) async fn update(daemon: &Daemon, by: &str, call: &Update) -> Result<Entry, Problem> {
    let place = place(daemon, &call.name, &call.fingerprint)?;
    let label = call.label.as_deref().map(|t| text("label", t)).transpose()?;
    let device = call.device.as_deref().map(|t| text("device", t)).transpose()?;
    let _turn = daemon.accounts.turn().await;
    change(daemon, &place, by, |before| {
        let before = before.ok_or_else(not_there)?;
        let mut entry = before.clone();
        entry.label = label.unwrap_or(entry.label);
        entry.device = device.unwrap_or(entry.device);
        entry.state = call.state.unwrap_or(entry.state);
        if entry == before {
            return Ok(Made::Nothing);
        }
        if entry.state != before.state {
            may_be_told(entry.state)?;
        }
        entry.changed = Now::read().unix;
        by.clone_into(&mut entry.changed_by);
        Ok(Made::Kept(entry))
    })
    .await
}

/// Writes down what `who` says about a fingerprint.
pub(super) async fn mark(daemon: &Daemon, who: &BareJid, call: &Marked) -> Result<Entry, Problem> {
    let place = place(daemon, &call.name, &call.fingerprint)?;
    let _turn = daemon.accounts.turn().await;
    change(daemon, &place, who.as_str(), |before| {
        let (before, now) = (before.ok_or_else(not_there)?, Now::read().unix);
        let mut entry = marked(before.clone(), who.as_str(), call.mark, now)
            .map_err(|e| Problem::new(ProblemKind::Forbidden, e.to_string()))?;
        if entry == before {
            return Ok(Made::Nothing);
        }
        entry.changed = now;
        who.as_str().clone_into(&mut entry.changed_by);
        Ok(Made::Kept(entry))
    })
    .await
}

/// Removes a fingerprint; the history keeps that it was there.
pub(super) async fn remove(daemon: &Daemon, by: &str, call: &Remove) -> Result<Entry, Problem> {
    let place = place(daemon, &call.name, &call.fingerprint)?;
    let _turn = daemon.accounts.turn().await;
    change(daemon, &place, by, |before| {
        let mut entry = before.ok_or_else(not_there)?;
        entry.changed = Now::read().unix;
        by.clone_into(&mut entry.changed_by);
        Ok(Made::Removed(entry))
    })
    .await
}

async fn change(
    daemon: &Daemon,
    place: &Place,
    by: &str,
    decide: impl FnOnce(Option<Entry>) -> Result<Made, Problem>,
) -> Result<Entry, Problem> {
    let (ticket, entry) =
        daemon.directory.change(daemon, place, by, decide).map_err(|refused| match refused {
            Refused::Store(e) => store_problem(e),
            Refused::Because(problem) => problem,
            Refused::TooMany => Problem::new(
                ProblemKind::Invalid,
                format!("A person can have at most {FINGERPRINTS_PER_ACCOUNT_MAX} fingerprints."),
            ),
        })?;
    daemon.durability.wait(ticket).await?;
    entry.ok_or_else(not_there)
}

/// All fingerprints, or one person's.
pub(super) fn list(daemon: &Daemon, call: &List) -> Result<Vec<Entry>, Problem> {
    let Some(domain) = daemon.domain() else { return Ok(Vec::new()) };
    let jid = call.name.as_deref().map(|name| existing(daemon, name)).transpose()?;
    let local = jid.as_ref().map(|jid| jid.local().unwrap_or_default());
    directory::list(&daemon.store, &domain, local).map_err(store_problem)
}

/// The changes of one person's fingerprints, newest first.
pub(super) fn history(daemon: &Daemon, call: &History) -> Result<Vec<Change>, Problem> {
    let jid = existing(daemon, &call.name)?;
    directory::history(&daemon.store, &jid, call.before, CHANGES_SHOWN_MAX).map_err(store_problem)
}

fn place(daemon: &Daemon, name: &str, typed: &str) -> Result<Place, Problem> {
    let jid = daemon.accounts.address(name)?;
    let fingerprint = parse(typed).map_err(bad_fingerprint)?;
    Ok(Place { jid, fingerprint })
}

fn account_exists(daemon: &Daemon, jid: &BareJid) -> Result<(), Problem> {
    let record = daemon.accounts.lookup(jid).map_err(store_problem)?;
    match record.map(|r| r.state) {
        Some(accounts::State::Active | accounts::State::Locked) => Ok(()),
        Some(accounts::State::Deleted { .. }) => Err(ChangeError::BeingDeleted(jid.clone()).into()),
        None => Err(ChangeError::NotFound(jid.clone()).into()),
    }
}

/// A person of this home, or its concierge.
fn existing(daemon: &Daemon, name: &str) -> Result<BareJid, Problem> {
    let jid = daemon.accounts.address(name)?;
    if concierge::is_addressed(daemon, &jid.clone().into()) {
        return Ok(jid);
    }
    match daemon.accounts.lookup(&jid).map_err(store_problem)? {
        Some(_) => Ok(jid),
        None => Err(ChangeError::NotFound(jid).into()),
    }
}

fn not_there() -> Problem {
    Problem::new(ProblemKind::NotFound, "This fingerprint is not in the person's list.")
}

/// Only the concierge attests, by its own eyes.
fn may_be_told(state: State) -> Result<(), Problem> {
    if state != State::Attested {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Invalid,
        "Only the concierge attests a fingerprint: write to it privately from the client.",
    ))
}

fn bad_fingerprint(e: FingerprintError) -> Problem {
    Problem::new(ProblemKind::Invalid, e.to_string())
}

/// Checks a label or device.
pub(crate) fn text(what: &str, typed: &str) -> Result<String, Problem> {
    if private_key::looks_like(typed) {
        return Err(bad_fingerprint(FingerprintError::PrivateKey));
    }
    let typed = typed.trim();
    if typed.chars().count() > TEXT_CHARS_MAX || typed.chars().any(char::is_control) {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format!("The {what} has at most {TEXT_CHARS_MAX} characters and no line breaks."),
        ));
    }
    Ok(typed.to_owned())
}
