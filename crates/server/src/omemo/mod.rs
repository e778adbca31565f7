//! OMEMO as the accounts of this home publish it: their keys in the directory, and a doctor.
//!
//! Spec: XEP-0384 §5.3 (both its nodes and those of `eu.siacs.conversations.axolotl`, which nearly
//! all apps use), on XEP-0163.
//!
//! By chapter: [`nodes`] reads what is published, [`key`] makes fingerprints of it, [`ledger`]
//! decides what the directory says, [`doctor`] what is wrong, [`repair`] mends it as a client of the
//! owner's would.
//!
//! State: [`Memory`], which may be lost at any time: what can be taken back, and how many troubles
//! each account has. Invariants: everything runs under the lock of one account; only what is
//! published is read, never a private key; the directory says what was last read.

mod doctor;
mod key;
mod ledger;
mod nodes;
mod repair;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use admin_api::fingerprints::Entry;
use admin_api::omemo::{Device, Report, Trouble, Undo, Version};
use store::StoreError;
use xmpp::error::StanzaError;
use xmpp::jid::BareJid;

pub(crate) use self::nodes::device_of;
pub(crate) use self::repair::{carry, take_back};

use self::ledger::{Line, News};
use self::repair::Removed;
use crate::concierge::{self, KeyNews};
use crate::daemon::Now;
use crate::directory::{self, Made, Place, Refused};
use crate::durability::Ticket;
use crate::features::Cx;
use crate::limits::{OMEMO_NEWS_MAX, OMEMO_UNDO_ACCOUNTS_MAX, OMEMO_UNDO_MAX, OMEMO_UNDO_SECONDS};

/// See the module.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// By account, the newest last.
    removed: HashMap<BareJid, Vec<Removed>>,
    /// Accounts for which others cannot encrypt as they should.
    harmed: HashMap<BareJid, ()>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many accounts have devices for which others cannot encrypt, as far as is known.
    pub(crate) fn harmed(&self) -> u32 {
        u32::try_from(self.lock().harmed.len()).unwrap_or(u32::MAX)
    }

    /// Forgets what is known of `jid`, which is removed.
    pub(crate) fn forget(&self, jid: &BareJid) {
        let mut inner = self.lock();
        inner.removed.remove(jid);
        inner.harmed.remove(jid);
    }

    fn judge(&self, jid: &BareJid, report: &Report) {
        let harms = |trouble: &Trouble| match trouble {
            Trouble::Closed { .. } | Trouble::KeepsTooFew { .. } | Trouble::NoBundle { .. } => true,
            Trouble::Unlisted { .. } | Trouble::Stale { .. } => false,
        };
        let mut inner = self.lock();
        if report.findings.iter().any(|finding| harms(&finding.trouble)) {
            inner.harmed.insert(jid.clone(), ());
        } else {
            inner.harmed.remove(jid);
        }
    }

    fn keep(&self, jid: &BareJid, removed: Removed, now: Now) {
        let mut inner = self.lock();
        let fresh = |one: &Removed| one.until > now.unix;
        inner.removed.retain(|_, all| {
            all.retain(fresh);
            !all.is_empty()
        });
        if inner.removed.len() >= OMEMO_UNDO_ACCOUNTS_MAX && !inner.removed.contains_key(jid) {
            return;
        }
        let own = inner.removed.entry(jid.clone()).or_default();
        own.push(removed);
        let over = own.len().saturating_sub(OMEMO_UNDO_MAX);
        own.drain(..over);
    }

    fn take(&self, jid: &BareJid, id: &str, now: Now) -> Option<Removed> {
        let mut inner = self.lock();
        let own = inner.removed.get_mut(jid)?;
        let at = own.iter().position(|one| one.id == id && one.until > now.unix)?;
        Some(own.remove(at))
    }

    fn undo(&self, jid: &BareJid, now: Now) -> Vec<Undo> {
        let inner = self.lock();
        let own = inner.removed.get(jid).map_or(&[][..], Vec::as_slice);
        let fresh = own.iter().rev().filter(|one| one.until > now.unix);
        fresh.map(Removed::shown).collect()
    }
}

/// Seconds since 1970 until when something that is removed now can be taken back.
fn until(now: Now) -> u64 {
    now.unix + OMEMO_UNDO_SECONDS
}

/// Brings the directory up to date with what the account publishes, and tells of new keys. `touched`:
/// the devices that were just heard of. Returns the ticket of what was written.
///
/// # Errors
/// If the store cannot be read.
pub(crate) fn learn(cx: &mut Cx<'_>, touched: &[(Version, u32)]) -> Result<Ticket, StanzaError> {
    let published = nodes::published(cx)?;
    let jid = cx.account.jid.clone();
    let known = known(cx).map_err(|e| nodes::unreadable(&e))?;
    let lines = ledger::lines((jid.as_str(), &known), &published.devices, touched, cx.now.unix);
    let (mut last, mut told) = (0, Vec::new());
    for Line { entry, news } in lines {
        let Some(ticket) = write(cx, &jid, entry.clone()) else { continue };
        last = last.max(ticket);
        if let Some(news) = news.filter(|_| told.len() < OMEMO_NEWS_MAX) {
            told.push((news, entry));
        }
    }
    for (news, entry) in &told {
        tell(cx, &jid, *news, entry, last);
    }
    let report = report_of(cx, &published)?;
    cx.daemon.omemo.judge(&jid, &report);
    Ok(last)
}

fn known(cx: &Cx<'_>) -> Result<Vec<Entry>, StoreError> {
    let jid = &cx.account.jid;
    directory::list(&cx.daemon.store, jid.domain(), Some(jid.local().unwrap_or_default()))
}

/// Writes `entry`, in which only what is published is another than before; `None` if it cannot be.
fn write(cx: &Cx<'_>, jid: &BareJid, entry: Entry) -> Option<Ticket> {
    let place = Place { jid: jid.clone(), fingerprint: entry.fingerprint.clone() };
    let (key, last_seen) = (entry.omemo.clone(), entry.last_seen);
    // Somebody may have judged it since it was read.
    let decide = |before: Option<Entry>| {
        Ok::<Made, std::convert::Infallible>(Made::Kept(match before {
            Some(before) => Entry { omemo: key, last_seen, ..before },
            None => entry,
        }))
    };
    match cx.daemon.directory.change(cx.daemon, &place, jid.as_str(), decide) {
        Ok((ticket, _)) => Some(ticket),
        Err(Refused::Store(e)) => {
            tracing::error!(error = %e, "the directory of fingerprints cannot be read");
            None
        }
        Err(Refused::TooMany) => {
            cx.daemon.counters.add("directory", "full");
            None
        }
        Err(Refused::Because(never)) => match never {},
    }
}

fn tell(cx: &Cx<'_>, jid: &BareJid, news: News, entry: &Entry, written: Ticket) {
    let what = match news {
        News::Joined => KeyNews::DeviceJoined,
        News::Changed => KeyNews::DeviceChanged,
        News::Revoked => KeyNews::RevokedBack,
    };
    let device = entry.omemo.as_ref().map_or(0, |key| key.device).to_string();
    concierge::tell_of_key(cx.daemon, jid, what, (&entry.fingerprint, &device), written);
}

/// The account's devices and what is wrong with them.
///
/// # Errors
/// If the store cannot be read.
pub(crate) fn report(cx: &mut Cx<'_>) -> Result<Report, StanzaError> {
    let published = nodes::published(cx)?;
    report_of(cx, &published)
}

fn report_of(cx: &Cx<'_>, published: &nodes::Published) -> Result<Report, StanzaError> {
    let known = known(cx).map_err(|e| nodes::unreadable(&e))?;
    let devices: Vec<Device> = published
        .devices
        .iter()
        .map(|one| {
            let entry = known.iter().find(|e| Some(&e.fingerprint) == one.fingerprint.as_ref());
            Device {
                version: one.version,
                id: one.id,
                label: one.label.clone(),
                fingerprint: one.fingerprint.clone(),
                listed: one.listed,
                seen: one.at.max(entry.and_then(|e| e.last_seen)),
            }
        })
        .collect();
    let findings = doctor::findings(&devices, &published.settings, cx.now.unix);
    let undo = cx.daemon.omemo.undo(&cx.account.jid, cx.now);
    Ok(Report { devices, findings, undo })
}
