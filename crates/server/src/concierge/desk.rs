//! What the concierge can look up and write down while it talks with one person.
//!
//! State: what is to be waited for and who is to be told, of one message. Invariants: a person
//! changes only what is theirs; what is claimed to be written down is said once it is durable
//! ([`Desk::ticket`]).

use admin_api::fingerprints::{Entry, State, shown};
use otr::{Fingerprint, Secret};
use xmpp::jid::BareJid;

use super::alarm;
use super::words::{Sentences, Words, fill};
use crate::admin;
use crate::daemon::{Daemon, Now};
use crate::directory::{self, Made, Place, Refused};
use crate::durability::Ticket;

/// Keys in one answer: an OTR message of some 3 kB.
const LISTED_MAX: usize = 30;

/// Digits that name a key of one's own.
const PREFIX_MIN: usize = 8;

/// See the module.
pub(super) struct Desk<'a> {
    pub(super) daemon: &'a Daemon,
    pub(super) now: Now,
    /// With whom the concierge talks: authenticated by the server.
    pub(super) person: BareJid,
    /// Their device.
    pub(super) resource: String,
    /// The concierge's own address.
    pub(super) own: BareJid,
    /// The concierge's own key.
    pub(super) mine: Fingerprint,
    /// What was written; 0 = nothing.
    pub(super) ticket: Ticket,
    /// What others are to be told, in the clear.
    pub(super) told: Vec<(BareJid, String)>,
}

impl Desk<'_> {
    /// The phrase that the panel showed this person: one try.
    pub(super) fn phrase(&self) -> Option<Secret> {
        self.daemon.concierge.lock().phrases.take(&self.person, self.now)
    }

    fn place(&self, hex: &str) -> Place {
        Place { jid: self.person.clone(), fingerprint: hex.to_owned() }
    }

    fn keys(&self) -> Vec<Entry> {
        let local = self.person.local().unwrap_or_default();
        directory::list(&self.daemon.store, self.person.domain(), Some(local)).unwrap_or_else(|e| {
            tracing::error!(error = %e, "the directory of fingerprints cannot be read");
            Vec::new()
        })
    }

    /// Writes `made` down, if it can be.
    fn change(
        &mut self,
        hex: &str,
        by: &str,
        made: impl FnOnce(Option<Entry>) -> Made,
    ) -> Option<Entry> {
        let decide = |before| Ok::<Made, std::convert::Infallible>(made(before));
        match self.daemon.directory.change(self.daemon, &self.place(hex), by, decide) {
            Ok((ticket, entry)) => {
                self.ticket = self.ticket.max(ticket);
                entry
            }
            Err(Refused::Store(e)) => {
                tracing::error!(error = %e, "the directory of fingerprints cannot be read");
                None
            }
            Err(Refused::TooMany) => None,
            Err(Refused::Because(never)) => match never {},
        }
    }

    /// The person's client proved that it has this key. Returns what to say.
    pub(super) fn attest(&mut self, words: &Words, key: Fingerprint, device: &str) -> String {
        let (says, hex, shown) = (words.says, key.to_hex(), key.to_string());
        let known = self.keys();
        let before = known.iter().find(|e| e.fingerprint == hex).map(|e| e.state);
        let (now, by) = (self.now.unix, self.own.to_string());
        let person = self.person.to_string();
        let entry = self.change(&hex, &by, |entry| {
            Made::Kept(match entry {
                None => Entry {
                    jid: person,
                    fingerprint: hex.clone(),
                    label: String::new(),
                    device: device.to_owned(),
                    state: State::Attested,
                    last_seen: Some(now),
                    added: now,
                    changed: now,
                    changed_by: by.clone(),
                    ..Entry::default()
                },
                Some(mut entry) => {
                    entry.last_seen = Some(now);
                    if matches!(entry.state, State::Seen | State::Declared) {
                        entry.state = State::Attested;
                        entry.changed = now;
                        entry.changed_by.clone_from(&by);
                    }
                    entry
                }
            })
        });
        let Some(entry) = entry else { return fill(says.not_recorded, &[("key", &shown)]) };
        let revoked = entry.state == State::Revoked;
        let mut otr = known.iter().filter(|e| e.omemo.is_none());
        if revoked || (before.is_none() && otr.any(directory::is_known)) {
            self.alarm(says, &shown, device);
        }
        let sentence = match before {
            _ if revoked => says.revoked_key,
            Some(State::Attested | State::ComparedInPerson) => says.seen_again,
            _ => says.attested,
        };
        fill(sentence, &[("key", &shown), ("state", state(says, entry.state))])
    }

    /// A key that was not known, or is not to be used, spoke for the person.
    fn alarm(&mut self, says: &Sentences, key: &str, device: &str) {
        let name = self.person.local().unwrap_or_default();
        let places = [("key", key), ("device", device), ("name", name)];
        let sentences = (says.alarm, says.alarm_admin);
        self.told.extend(alarm::told(self.daemon, &self.person, sentences, &places));
    }

    pub(super) fn your_key(&self, says: &Sentences, hex: &str) -> String {
        let known = self.keys().into_iter().find(|e| e.fingerprint == hex);
        let state = known.map_or(says.state_seen, |e| state(says, e.state));
        fill(says.your_key, &[("key", &shown(hex)), ("state", state)])
    }

    pub(super) fn name(&mut self, says: &Sentences, hex: &str, typed: &str) -> String {
        let Some(name) = admin::fingerprints::text("name", typed).ok().filter(|n| !n.is_empty())
        else {
            return says.name_how.to_owned();
        };
        let (now, by) = (self.now.unix, self.person.to_string());
        let named = self.change(hex, &by.clone(), |entry| match entry {
            Some(entry) => {
                Made::Kept(Entry { device: name.clone(), changed: now, changed_by: by, ..entry })
            }
            None => Made::Nothing,
        });
        match named {
            Some(_) => fill(says.named, &[("name", &name)]),
            None => says.failed.to_owned(),
        }
    }

    pub(super) fn list(&self, says: &Sentences, rest: &str) -> String {
        let wanted = rest.split_whitespace().next().unwrap_or_default().to_lowercase();
        let wanted = wanted.split('@').next().unwrap_or_default();
        let all = match directory::list(&self.daemon.store, self.person.domain(), None) {
            Ok(all) => all,
            Err(e) => {
                tracing::error!(error = %e, "the directory of fingerprints cannot be read");
                return says.failed.to_owned();
            }
        };
        let name = |e: &Entry| e.jid.split('@').next().unwrap_or_default().to_owned();
        let lines = all.iter().filter(|e| wanted.is_empty() || name(e) == wanted);
        let lines: Vec<String> = lines
            .take(LISTED_MAX)
            .map(|e| {
                let (key, state) = (shown(&e.fingerprint), state(says, e.state));
                let places =
                    [("name", &*name(e)), ("key", &key), ("state", state), ("device", &e.device)];
                fill(says.list_line, &places).trim_end().to_owned()
            })
            .collect();
        if lines.is_empty() { says.list_empty.to_owned() } else { lines.join("\n") }
    }

    pub(super) fn history(&self, says: &Sentences) -> String {
        match directory::history(&self.daemon.store, &self.person, None, 1) {
            Ok(lines) => match lines.first() {
                Some(line) => {
                    let number = line.number.to_string();
                    fill(says.history, &[("seal", &line.seal), ("number", &number)])
                }
                None => says.history_empty.to_owned(),
            },
            Err(e) => {
                tracing::error!(error = %e, "the history of fingerprints cannot be read");
                says.failed.to_owned()
            }
        }
    }

    pub(super) fn revoke(&mut self, says: &Sentences, typed: &str) -> String {
        let digits = |c: &char| c.is_ascii_hexdigit();
        let prefix: String = typed.to_lowercase().chars().filter(digits).collect();
        if prefix.len() < PREFIX_MIN {
            return says.revoke_how.to_owned();
        }
        let own = self.keys();
        let mut found = own.iter().filter(|e| e.fingerprint.starts_with(&prefix));
        let (Some(one), None) = (found.next(), found.next()) else {
            return says.no_such_key.to_owned();
        };
        let (now, by) = (self.now.unix, self.person.to_string());
        let revoked = self.change(&one.fingerprint, &by.clone(), |entry| match entry {
            Some(entry) => {
                Made::Kept(Entry { state: State::Revoked, changed: now, changed_by: by, ..entry })
            }
            None => Made::Nothing,
        });
        match revoked {
            Some(_) => fill(says.revoked, &[("key", &shown(&one.fingerprint))]),
            None => says.failed.to_owned(),
        }
    }

    pub(super) fn count(&mut self, says: &Sentences, typed: &str) -> String {
        let off = matches!(typed.to_lowercase().as_str(), "off" | "aus" | "no" | "nein");
        let local = self.person.local().unwrap_or_default();
        let mut personal = self.daemon.protection.personal(local);
        personal.uncounted = off;
        self.ticket = self.ticket.max(self.daemon.protection.choose(self.daemon, local, personal));
        if off { says.count_off.to_owned() } else { says.count_on.to_owned() }
    }
}

fn state(says: &Sentences, state: State) -> &'static str {
    match state {
        State::Revoked => says.state_revoked,
        State::Seen => says.state_seen,
        State::Declared => says.state_declared,
        State::Attested => says.state_attested,
        State::ComparedInPerson => says.state_compared,
    }
}
