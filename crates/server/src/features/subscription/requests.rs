//! Requests to see the owner's presence that wait for an answer.
//!
//! Spec: RFC 6121 §3.1.3. State: [`Requests`], a part of the roster in memory: who waits and
//! since when. The stanzas themselves stay in the store until they are shown.
//!
//! Invariants: one request per contact, the first; at most [`PENDING_IN_MAX`] per account, the
//! oldest goes beyond; a request is kept until it is answered or taken back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Span, Store, StoreError, Table};
use xmpp::element::Element;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza::{PresenceType, Stanza};

use crate::features::presence::plain;
use crate::features::roster::rows;
use crate::limits::{PENDING_IN_BYTES_MAX, PENDING_IN_MAX};

/// Owner and contact, both bare JIDs.
pub(super) const REQUESTS: Table<(String, String), Request> = Table::new("subscription.requests");

/// A request as it is stored.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// When it came, seconds since 1970.
    since: u64,
    /// The stanza with all that came with it, or nothing where it came without anything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    stanza: String,
}

impl JsonValue for Request {}

/// Who waits for an answer of `owner`'s.
#[derive(Debug)]
pub(in crate::features) struct Requests {
    owner: BareJid,
    since: BTreeMap<BareJid, u64>,
}

impl Requests {
    /// Reads who waits.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(in crate::features) fn load(store: &Store, owner: &BareJid) -> Result<Self, StoreError> {
        let rows = rows(store, &REQUESTS, owner.as_str())?;
        let since = rows
            .into_iter()
            .filter_map(|(contact, request)| Some((BareJid::parse(&contact).ok()?, request.since)))
            .collect();
        Ok(Self { owner: owner.clone(), since })
    }

    /// Does `contact` wait?
    pub(in crate::features) fn contains(&self, contact: &BareJid) -> bool {
        self.since.contains_key(contact)
    }

    /// Who waits, by address.
    pub(in crate::features) fn contacts(&self) -> impl Iterator<Item = &BareJid> {
        self.since.keys()
    }

    /// Keeps the request `stanza` of `contact`, which does not wait yet.
    pub(super) fn keep(
        &mut self,
        writes: &mut Batch,
        contact: &BareJid,
        stanza: &Stanza,
        now_unix: u64,
    ) {
        if self.since.len() >= PENDING_IN_MAX {
            let oldest = self.since.iter().min_by_key(|(_, since)| **since);
            if let Some(oldest) = oldest.map(|(jid, _)| jid.clone()) {
                self.forget(writes, &oldest);
            }
        }
        // §3.1.3 wants it complete, and warns of what that may cost: beyond the limit the bare
        // request is kept.
        let xml = stanza.element().to_xml("");
        let stanza = if xml.len() <= PENDING_IN_BYTES_MAX { xml } else { String::new() };
        let request = Request { since: now_unix, stanza };
        writes.put(&REQUESTS, &(self.owner.as_str(), contact.as_str()), &request);
        self.since.insert(contact.clone(), now_unix);
    }

    /// Forgets the request of `contact`, if there is one.
    pub(in crate::features) fn forget(&mut self, writes: &mut Batch, contact: &BareJid) {
        if self.since.remove(contact).is_some() {
            writes.delete(&REQUESTS, &(self.owner.as_str(), contact.as_str()));
        }
    }
}

/// The requests that wait for `owner`, oldest first.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn waiting(store: &Store, owner: &BareJid) -> Result<Vec<Stanza>, StoreError> {
    let mut rows = rows(store, &REQUESTS, owner.as_str())?;
    rows.sort_by_key(|(_, request)| request.since);
    Ok(rows.into_iter().filter_map(|(contact, r)| read(&contact, &r.stanza, owner)).collect())
}

fn read(contact: &str, xml: &str, owner: &BareJid) -> Option<Stanza> {
    let contact = BareJid::parse(contact).ok()?;
    let stored = Element::parse(xml).ok().and_then(|e| Stanza::from_element(e).ok());
    if stored.is_some() {
        return stored;
    }
    if !xml.is_empty() {
        tracing::error!("a kept subscription request is damaged; it is shown without its text");
    }
    Some(plain(PresenceType::Subscribe, &Jid::from(contact), &Jid::from(owner)))
}

/// Writes that `contact` waits for an answer of `owner`'s, as if since ever.
pub(in crate::features) fn import(batch: &mut Batch, owner: &BareJid, contact: &BareJid) {
    let request = Request { since: 0, stanza: String::new() };
    batch.put(&REQUESTS, &(owner.as_str(), contact.as_str()), &request);
}

/// Deletes all requests to `owner`.
pub(in crate::features) fn clear(batch: &mut Batch, owner: &BareJid) {
    batch.delete_span(&REQUESTS, &Span::<(String, String)>::under(owner.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::presence::home::Home;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn request(from: &str, status: &str) -> Stanza {
        let xml = format!(
            "<presence xmlns='jabber:client' type='subscribe' from='{from}' \
             to='ann@home.example'><status>{status}</status></presence>"
        );
        Stanza::from_element(Element::parse(&xml).unwrap()).unwrap()
    }

    fn commit(home: &Home, change: impl FnOnce(&mut Requests, &mut Batch)) -> Requests {
        let ann = jid("ann@home.example");
        let mut requests = Requests::load(&home.daemon.store, &ann).unwrap();
        let mut writes = Batch::new();
        change(&mut requests, &mut writes);
        home.daemon.store.commit_blocking(writes).unwrap();
        let again = Requests::load(&home.daemon.store, &ann).unwrap();
        assert_eq!(again.since, requests.since);
        requests
    }

    fn texts(home: &Home) -> Vec<String> {
        let all = waiting(&home.daemon.store, &jid("ann@home.example")).unwrap();
        let text = |s: &Stanza| {
            let status = s.payload().map(|p| p.text().into_owned());
            format!("{}: {}", s.from().unwrap(), status.unwrap_or_default())
        };
        all.iter().map(text).collect()
    }

    #[test]
    fn kept_whole_and_in_order_until_forgotten() {
        let home = Home::new();
        let (bob, cid) = (jid("bob@home.example"), jid("cid@home.example"));
        commit(&home, |r, w| {
            r.keep(w, &cid, &request("cid@home.example", "Hi, Cid here"), 5);
            r.keep(w, &bob, &request("bob@home.example", "It's Bob"), 7);
        });
        assert_eq!(texts(&home), ["cid@home.example: Hi, Cid here", "bob@home.example: It's Bob"]);
        let left = commit(&home, |r, w| r.forget(w, &cid));
        assert!(left.contains(&bob) && !left.contains(&cid));
        assert_eq!(texts(&home), ["bob@home.example: It's Bob"]);
    }

    #[test]
    fn the_oldest_goes_past_the_limit() {
        let home = Home::new();
        commit(&home, |r, w| {
            for n in 0..=PENDING_IN_MAX {
                let from = format!("c{n}@home.example");
                r.keep(w, &jid(&from), &request(&from, ""), 100 + n as u64);
            }
            assert_eq!(r.contacts().count(), PENDING_IN_MAX);
            assert!(!r.contains(&jid("c0@home.example")) && r.contains(&jid("c1@home.example")));
        });
    }

    #[test]
    fn a_huge_request_is_kept_without_its_content() {
        let home = Home::new();
        let bob = jid("bob@home.example");
        let huge = "x".repeat(PENDING_IN_BYTES_MAX);
        commit(&home, |r, w| r.keep(w, &bob, &request("bob@home.example", &huge), 1));
        assert_eq!(texts(&home), ["bob@home.example: "]);
    }
}
