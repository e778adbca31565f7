//! Devices: the installations of clients that people log in with, and the tokens they hold.
//!
//! A client names itself by an id (XEP-0388 §2.4), which is kept nowhere: [`DeviceName`] stands for
//! it. Spec: XEP-0484 §3, §5.1 (two tokens, the newer one pushes the older one out when it is used);
//! docs/adr/0009-tokens-are-derived-not-stored.md.
//!
//! Invariants: a device changes under its account's lock only; a token is told to its client once
//! it is durable; days are kept, not times; an account has at most [`DEVICES_PER_ACCOUNT_MAX`].

mod list;
mod name;
mod revoke;
mod token;

pub use list::{Listed, list};
pub use name::DeviceName;
pub(crate) use revoke::{Revoke, forget, remove_all_of, revoke_all, sweep};
pub use token::{Held, held};

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use store::{Batch, JsonValue, Span, StoreError, Table};
use xmpp::hashed_token::TokenMechanism;
use xmpp::jid::BareJid;
use xmpp::negotiate::{NewToken, Remember};

use crate::accounts::Record;
use crate::daemon::{Daemon, Now};
use crate::durability::Ticket;
use crate::limits::{DEVICES_PER_ACCOUNT_MAX, TOKEN_ROTATE_SECONDS};
use crate::registry;
use token::StoredToken;

/// Owner and name.
const DEVICES: Table<(String, String), Device> = Table::new("devices");

/// The tables of this module.
pub const TABLES: &[&str] = &[DEVICES.name()];

const DAY: u64 = 24 * 3600;

/// What is kept of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    /// The program, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    software: Option<String>,
    /// What it runs on, as it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// UTC midnight of the day of its first log-in.
    first_seen: u64,
    /// UTC midnight of the day of its last log-in.
    last_seen: u64,
    /// It logged in with the password that is still the account's.
    #[serde(default)]
    password: bool,
    /// The token it used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<StoredToken>,
    /// The token it was given last, and has not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<StoredToken>,
}

impl JsonValue for Device {}

/// All devices of `owner`.
fn all_of(owner: &BareJid) -> Span<(String, String)> {
    Span::<(String, String)>::under(owner.as_str())
}

/// How a client showed that it is who it says.
#[derive(Clone, Debug)]
pub enum Proof {
    /// By the password, as this record verifies it.
    Password(Arc<Record>),
    /// By one of these tokens.
    Token(Held),
}

/// A client that logged in is not remembered: what it logged in with is not good any more.
#[derive(Debug)]
pub struct Outdated;

/// What came of remembering a device.
#[derive(Debug, Default)]
pub struct Remembered {
    /// The new token, to be told once `ticket` is durable.
    pub token: Option<NewToken>,
    /// Of what was written; 0 = nothing that matters to the client.
    pub ticket: Ticket,
}

/// Remembers that the device `name` of `user` logged in by `proof`, and sees to its tokens.
///
/// # Errors
/// [`Outdated`] if the password was changed, the token revoked or the account locked meanwhile.
pub fn remember(
    daemon: &Daemon,
    user: &BareJid,
    name: &DeviceName,
    client: &Remember,
    proof: &Proof,
) -> Result<Remembered, Outdated> {
    let now = Now::read().unix;
    // Under the account's lock: whoever changes a password or takes tokens away holds it as well.
    let entry = daemon.registry.entry(user);
    let _account = registry::lock(&entry);
    let record = daemon.accounts.lookup(user).ok().flatten().filter(|r| r.is_active());
    let record = record.ok_or(Outdated)?;
    let key = (user.as_str(), name.as_str());
    let before = daemon.store.get(&DEVICES, &key).map_err(unreadable)?;
    let mut device = before.clone().unwrap_or_else(|| Device::new(now));
    device.seen(client, now);
    let due = match (proof, client.used) {
        (Proof::Password(seen), None) if seen.scram == record.scram => {
            device.password = true;
            None
        }
        (Proof::Token(held), Some(used)) => {
            let token = device.used(held, used.token).ok_or(Outdated)?;
            if used.invalidate {
                device.current = None;
                None
            } else {
                (now >= token.made + TOKEN_ROTATE_SECONDS).then(|| token.mechanism()).flatten()
            }
        }
        _ => return Err(Outdated),
    };
    let token = client
        .wanted
        .or(due)
        .map(|mechanism| device.give(daemon.auth.device_secret(), user, name, (mechanism, now)));
    if before.as_ref() == Some(&device) {
        return Ok(Remembered { token, ticket: 0 });
    }
    let mut batch = Batch::new();
    if before.is_none() {
        make_room(daemon, user, &mut batch).map_err(unreadable)?;
    }
    batch.put(&DEVICES, &key, &device);
    let ticket = daemon.durability.commit(batch);
    let matters = token.is_some() || client.used.is_some_and(|used| used.invalidate);
    Ok(Remembered { token, ticket: if matters { ticket } else { 0 } })
}

impl Device {
    fn new(now: u64) -> Self {
        let today = now / DAY * DAY;
        Self {
            software: None,
            device: None,
            first_seen: today,
            last_seen: today,
            password: false,
            current: None,
            new: None,
        }
    }

    fn seen(&mut self, client: &Remember, now: u64) {
        self.last_seen = now / DAY * DAY;
        self.software = client.agent.software.clone().or(self.software.take());
        self.device = client.agent.device.clone().or(self.device.take());
    }

    /// The token that was used, now the only one. XEP-0484 §3.5: the ones before it are over.
    fn used(&mut self, held: &Held, at: usize) -> Option<StoredToken> {
        let is = |token: &Option<StoredToken>| token.as_ref().is_some_and(|t| held.is(at, t));
        if is(&self.new) {
            self.current = self.new.take();
        } else if !is(&self.current) {
            return None;
        }
        self.current.clone()
    }

    /// Makes a token. XEP-0484 §3.5: one that was given before and not used is over.
    fn give(
        &mut self,
        secret: &[u8; 32],
        user: &BareJid,
        name: &DeviceName,
        (mechanism, now): (TokenMechanism, u64),
    ) -> NewToken {
        let token = StoredToken::new(mechanism, now);
        let secret = token.secret(secret, user, name);
        let expires = token.expires;
        self.new = Some(token);
        NewToken { secret, expires }
    }
}

/// Where an account has as many devices as it may, the one unseen for longest is forgotten.
fn make_room(daemon: &Daemon, user: &BareJid, batch: &mut Batch) -> Result<(), StoreError> {
    let all = daemon.store.scan(&DEVICES, &all_of(user), DEVICES_PER_ACCOUNT_MAX)?;
    if all.len() >= DEVICES_PER_ACCOUNT_MAX
        && let Some(((owner, name), _)) = all.iter().min_by_key(|(_, device)| device.last_seen)
    {
        batch.delete(&DEVICES, &(owner.as_str(), name.as_str()));
    }
    Ok(())
}

fn unreadable(e: StoreError) -> Outdated {
    tracing::error!(error = %e, "a device cannot be read");
    Outdated
}

#[cfg(test)]
mod tests;
