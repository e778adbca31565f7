//! The rest of the made-up home: fingerprints, health, certificates.

use std::collections::BTreeMap;

use admin_api::fingerprints::{self, Action, Change, Compared, Entry, Mark, State};
use admin_api::protection::{self, Choice, Count};
use admin_api::{Problem, ProblemKind, Request, concierge, daemon, omemo, tls};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, Issuer, PublicKeyData};
use serde_json::Value;

use super::home::{DOMAIN, Home, json};

impl Home {
    pub(crate) fn add_print(
        &mut self,
        name: &str,
        hex: &str,
        words: (&str, &str),
        by: &str,
    ) -> Entry {
        let (label, device) = words;
        let entry = Entry {
            jid: format!("{name}@{DOMAIN}"),
            fingerprint: hex.to_owned(),
            label: label.to_owned(),
            device: device.to_owned(),
            state: State::Declared,
            last_seen: None,
            added: self.now - 86_400,
            changed: self.now - 86_400,
            changed_by: by.to_owned(),
            ..Entry::default()
        };
        self.prints.push(entry.clone());
        self.change(&entry, Action::Added, by);
        entry
    }

    pub(super) fn change(&mut self, entry: &Entry, action: Action, by: &str) {
        let (fingerprint, state) = (entry.fingerprint.clone(), entry.state);
        let by = by.to_owned();
        let before = self.history.iter().find(|(owner, _)| *owner == entry.jid).map(|(_, c)| c);
        let number = before.map_or(1, |c| c.number + 1);
        let previous = before.map(|c| c.seal.clone());
        let seal = String::new();
        let mut change =
            Change { number, previous, seal, at: self.now, by, fingerprint, action, state };
        change.seal = fingerprints::seal(&entry.jid, &change);
        self.history.insert(0, (entry.jid.clone(), change));
    }

    pub(super) fn prints_call(&mut self, request: Request, caller: &str) -> Result<Value, Problem> {
        match request {
            Request::ConciergePhrase(_) => json(concierge::PhraseReply {
                concierge: format!("concierge@{DOMAIN}"),
                fingerprint: None,
                phrase: admin_api::Secret::new("bamok-rivet"),
                until: self.now + 900,
            }),
            Request::FingerprintAdd(call) => {
                let hex = otr::Fingerprint::parse(&call.fingerprint).expect("checked").to_hex();
                if self.prints.iter().any(|p| p.fingerprint == hex) {
                    let words = "this fingerprint is in the directory already";
                    return Err(Problem::new(ProblemKind::Conflict, words));
                }
                let local = call.name.split('@').next().expect("a name").to_owned();
                let mut entry = self.add_print(&local, &hex, (&call.label, &call.device), caller);
                entry.state = call.state;
                self.prints.last_mut().expect("just added").state = call.state;
                json(entry)
            }
            Request::FingerprintHistory(call) => {
                let jid = self.jid(&call.name);
                let own = self.history.iter().filter(|(owner, _)| *owner == jid);
                json(own.map(|(_, change)| change).collect::<Vec<_>>())
            }
            Request::FingerprintList(call) => {
                let jid = call.name.map(|name| self.jid(&name));
                let wanted = |e: &&Entry| jid.as_ref().is_none_or(|jid| e.jid == *jid);
                json(self.prints.iter().filter(wanted).collect::<Vec<_>>())
            }
            Request::FingerprintMark(call) => json(self.mark(&call, caller)?),
            Request::FingerprintRemove(call) => {
                let at = self.print(&call.fingerprint)?;
                let entry = self.prints.remove(at);
                self.change(&entry, Action::Removed, caller);
                json(entry)
            }
            Request::FingerprintUpdate(call) => {
                let at = self.print(&call.fingerprint)?;
                let entry = &mut self.prints[at];
                entry.label = call.label.unwrap_or(entry.label.clone());
                entry.device = call.device.unwrap_or(entry.device.clone());
                entry.state = call.state.unwrap_or(entry.state);
                let entry = entry.clone();
                self.change(&entry, Action::StateChanged, caller);
                json(entry)
            }
            other => self.protection_call(other),
        }
    }

    fn protection_call(&mut self, request: Request) -> Result<Value, Problem> {
        match request {
            Request::OmemoShow(_) => json(&self.omemo),
            Request::OmemoCarry(call) => {
                self.omemo.findings.retain(|f| !f.repairs.contains(&call.repair));
                if let omemo::Repair::Remove { version, device } = call.repair {
                    let (id, until) = ("undo-1".to_owned(), self.now + 3_600);
                    self.omemo.undo.push(omemo::Undo { id, version, device, until });
                }
                json(&self.omemo)
            }
            Request::OmemoTakeBack(call) => {
                self.omemo.undo.retain(|undo| undo.id != call.id);
                json(&self.omemo)
            }
            Request::ProtectionCount(call) => {
                let count = Some(call.count);
                self.protect(protection::Set {
                    name: Some(call.name.clone()),
                    count,
                    ..Default::default()
                });
                json(self.own_rule(&call.name))
            }
            Request::ProtectionOne(call) => json(self.own_rule(&call.name)),
            Request::ProtectionShow(_) => json(&self.rules),
            Request::ProtectionSet(call) => {
                self.protect(call);
                json(&self.rules)
            }
            other => panic!("the panel must not ask this: {other:?}"),
        }
    }

    fn mark(&mut self, call: &fingerprints::Marked, caller: &str) -> Result<Entry, Problem> {
        let at = self.print(&call.fingerprint)?;
        let own = self.prints[at].jid == caller;
        if own != matches!(call.mark, Mark::Mine | Mark::Revoked) {
            let words = "only the owner of this key can say that";
            return Err(Problem::new(ProblemKind::Forbidden, words));
        }
        let now = self.now;
        let entry = &mut self.prints[at];
        match call.mark {
            Mark::Mine => entry.confirmed = Some(now),
            Mark::Revoked => entry.state = State::Revoked,
            Mark::Compared => {
                let (by, was) = (caller.to_owned(), entry.state);
                entry.compared = Some(Compared { by, at: now, was });
                entry.state = State::ComparedInPerson;
            }
            Mark::NotCompared => entry.state = entry.compared.take().expect("compared").was,
        }
        let entry = entry.clone();
        self.change(&entry, Action::StateChanged, caller);
        Ok(entry)
    }

    fn own_rule(&self, name: &str) -> protection::Own {
        let jid = self.jid(name);
        let person = self.rules.people.iter().find(|p| p.jid == jid).expect("a person").clone();
        protection::Own { days: self.rules.days, rooms: self.rules.rooms, person }
    }

    fn protect(&mut self, call: protection::Set) {
        let Some(name) = call.name else {
            if let Some(Choice::Own(mode)) = call.mode {
                self.rules.mode = mode;
            }
            self.rules.rooms = call.rooms.unwrap_or(self.rules.rooms);
            return;
        };
        let jid = self.jid(&name);
        let person = self.rules.people.iter_mut().find(|p| p.jid == jid).expect("a person");
        person.own = match call.mode {
            Some(Choice::Own(mode)) => Some(mode),
            Some(Choice::Household) => None,
            None => person.own,
        };
        person.count = call.count.unwrap_or(true).then(Count::default);
    }

    pub(super) fn print(&self, hex: &str) -> Result<usize, Problem> {
        let missing = Problem::new(ProblemKind::NotFound, "there is no such fingerprint");
        self.prints.iter().position(|p| p.fingerprint == hex).ok_or(missing)
    }

    pub(super) fn facts(&self) -> health::DaemonFacts {
        health::DaemonFacts {
            domain: self.domain.clone(),
            loopback_login: self.loopback_login.clone(),
            certificate: Some(health::CertificateFacts {
                not_before: self.now - 86_400,
                not_after: self.now + 80 * 86_400,
                names: vec![DOMAIN.to_owned()],
                last_error: None,
            }),
            store_write: Some(Ok(9)),
            store_bytes: 3_000_000,
            store_path: "/".to_owned(),
            ports: vec![health::PortFacts {
                purpose: "chat (STARTTLS)".to_owned(),
                address: "[::]:5222".to_owned(),
                listening: true,
            }],
            last_backup: None,
            keys_joined: 0,
            omemo_harmed: 0,
            panics: 0,
        }
    }

    pub(super) fn status(&self) -> daemon::StatusReply {
        daemon::StatusReply {
            version: "0.0.0-fake".to_owned(),
            domain: self.domain.clone(),
            started: self.now - 90_000,
            accounts: 4,
            sessions: 2,
            certificate_sha256: "0a1b".repeat(16),
            ports: daemon::Ports { starttls: 5222, direct_tls: 5223 },
            counters: BTreeMap::new(),
        }
    }

    pub(super) fn leaf(&self, call: &tls::PanelLeaf) -> Result<tls::PanelLeafReply, Problem> {
        if self.files {
            let words = "certificates come from files here";
            return Err(Problem::new(ProblemKind::NotFound, words));
        }
        let point = Point(STANDARD.decode(&call.public_key).expect("base64"));
        assert_eq!(point.0.len(), 65, "an uncompressed point");
        let (key, params) = &self.authority;
        let issuer = Issuer::from_params(params, key);
        let leaf = CertificateParams::new(call.names.clone()).expect("names");
        let leaf = leaf.signed_by(&point, &issuer).expect("signs");
        let chain_pem = leaf.pem() + &self.authority_pem();
        Ok(tls::PanelLeafReply { chain_pem, renew_at: self.now + 60 * 86_400 })
    }
}

/// A public key of which only the point is known.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
