//! The directory of fingerprints in the words of a chat client's file.
//!
//! Clients take every word in the column of trust as "verified" and keep it. The directory's own
//! words ([`WORDS`]) say how it knows, so that nobody later takes for a comparison of their own
//! what the directory told their client.
//!
//! Invariants: nobody's own keys are among what their client is told; a revoked key is never added
//! and never trusted; what was only seen in somebody's client is not told at all, so that
//! the client itself asks when it meets it.

use otr::Fingerprint;
use otr::files::clients::Client;
use otr::files::fingerprints::Known;
use otr::files::merge::{Peer, Place, Trust, merge};

use crate::fingerprints::{Entry, State};

/// The concierge saw that the account uses the key.
pub const ATTESTED: &str = "attested";

/// Somebody compared it face to face and wrote it down in the directory.
pub const COMPARED: &str = "compared";

/// All that the directory ever writes there. Not `verified`, `smp`, `trusted` or `trust`: those are
/// what clients write when a person has verified a key.
pub const WORDS: [&str; 2] = [ATTESTED, COMPARED];

/// What it takes for a key to count as verified in the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enough {
    /// The concierge's word, or more.
    #[default]
    Attested,
    /// Only what was compared in person.
    ComparedInPerson,
}

/// Whose client, and how it calls the account.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Bare JID.
    pub jid: &'a str,
    /// The client.
    pub client: Client,
    /// See [`Client::accounts`].
    pub accounts: &'a [String],
}

/// `known` with everybody's keys in it but the owner's own.
#[must_use]
pub fn merged(
    known: Vec<Known>,
    entries: &[Entry],
    owner: &Owner<'_>,
    enough: Enough,
) -> Vec<Known> {
    let place =
        Place { accounts: owner.accounts, protocol: owner.client.protocol(), words: &WORDS };
    merge(known, &peers(entries, owner.jid, enough), &place)
}

/// What a client of `own` is told of everybody else's keys.
#[must_use]
pub fn peers(entries: &[Entry], own: &str, enough: Enough) -> Vec<Peer> {
    let told = |entry: &Entry| {
        let trust = match entry.state {
            State::Revoked => Trust::Revoked,
            State::Seen => return None,
            State::Declared => Trust::Known,
            State::Attested if enough == Enough::ComparedInPerson => Trust::Known,
            State::Attested => Trust::Verified(ATTESTED),
            State::ComparedInPerson => Trust::Verified(COMPARED),
        };
        let fingerprint = Fingerprint::parse(&entry.fingerprint).ok()?;
        Some(Peer { jid: entry.jid.clone(), fingerprint, trust })
    };
    entries.iter().filter(|e| e.jid != own).filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use otr::files::fingerprints::write;

    fn entry(name: &str, digit: char, state: State) -> Entry {
        Entry {
            jid: format!("{name}@home.example"),
            fingerprint: digit.to_string().repeat(40),
            label: String::new(),
            device: String::new(),
            state,
            last_seen: None,
            added: 0,
            changed: 0,
            changed_by: String::new(),
            ..Entry::default()
        }
    }

    #[test]
    fn each_state_is_told_as_it_is() {
        let entries = [
            entry("ann", '9', State::Attested),
            entry("bob", '1', State::Attested),
            entry("bob", '2', State::Declared),
            entry("cy", '3', State::Revoked),
            entry("cy", '4', State::Seen),
            entry("cy", '5', State::ComparedInPerson),
        ];
        let accounts = ["ann@home.example".to_owned()];
        let owner = Owner { jid: "ann@home.example", client: Client::Mcabber, accounts: &accounts };
        let line = |name: &str, digit: &str, trust: &str| {
            let print = digit.repeat(40);
            format!("{name}@home.example\tann@home.example\tjabber\t{print}\t{trust}\n")
        };
        let told = merged(Vec::new(), &entries, &owner, Enough::Attested);
        let expected =
            line("bob", "1", "attested") + &line("bob", "2", "") + &line("cy", "5", "compared");
        assert_eq!(write(&told), expected);
        let careful = merged(told, &entries, &owner, Enough::ComparedInPerson);
        let expected = line("bob", "1", "") + &line("bob", "2", "") + &line("cy", "5", "compared");
        assert_eq!(write(&careful), expected);
    }

    #[test]
    fn what_a_client_verified_itself_stays() {
        let accounts = ["ann@home.example".to_owned()];
        let owner =
            Owner { jid: "ann@home.example", client: Client::Profanity, accounts: &accounts };
        let own = |trust: &str| Known {
            peer: "bob@home.example".to_owned(),
            account: accounts[0].clone(),
            protocol: "xmpp".to_owned(),
            fingerprint: Fingerprint::parse(&"1".repeat(40)).expect("digits"),
            trust: trust.to_owned(),
        };
        let after = |trust: &str, state: State| {
            let entries = [entry("bob", '1', state)];
            let merged = merged(vec![own(trust)], &entries, &owner, Enough::Attested);
            merged.into_iter().map(|k| k.trust).collect::<Vec<_>>()
        };
        assert_eq!(after("trusted", State::Declared), ["trusted"]);
        assert_eq!(after("trusted", State::Attested), ["trusted"]);
        assert_eq!(after("attested", State::Declared), [""]);
        assert_eq!(after("attested", State::ComparedInPerson), ["compared"]);
        for word in ["trusted", "attested", "compared", ""] {
            assert_eq!(after(word, State::Revoked), [""]);
        }
    }
}
