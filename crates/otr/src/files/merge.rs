//! Somebody's knowledge of other people's keys, taken into the file of a client.
//!
//! A client takes any word in the trust column as "verified" and keeps the word. So words of the
//! giver's own tell later which trust came from the giver, and which from the person.
//!
//! Invariants: nothing that the file knows is lost; trust that the person gave goes only with what
//! is [`Trust::Revoked`]; trust that came from the giver follows the giver; doing it again changes
//! nothing.

use super::fingerprints::Known;
use crate::Fingerprint;

/// One key of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Whose: a bare JID.
    pub jid: String,
    /// The key.
    pub fingerprint: Fingerprint,
    /// What to make of it.
    pub trust: Trust,
}

/// What a client shall make of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Not to be trusted any more: it is not added, and is trusted no longer where it is known.
    Revoked,
    /// Known, and no more.
    Known,
    /// Verified, with one of the giver's words.
    Verified(&'static str),
}

/// Where in a file.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// What the client calls the account; see [`super::clients::Client::accounts`].
    pub accounts: &'a [String],
    /// What it calls the protocol.
    pub protocol: &'a str,
    /// All words that the giver has ever used for [`Trust::Verified`].
    pub words: &'a [&'a str],
}

/// `known` with `peers` in it, at `place`.
#[must_use]
pub fn merge(mut known: Vec<Known>, peers: &[Peer], place: &Place<'_>) -> Vec<Known> {
    for own in &mut known {
        let here = own.protocol == place.protocol && place.accounts.contains(&own.account);
        if here && place.words.contains(&own.trust.as_str()) {
            own.trust.clear();
        }
    }
    for peer in peers {
        for account in place.accounts {
            let same = |k: &&mut Known| {
                k.fingerprint == peer.fingerprint
                    && k.protocol == place.protocol
                    && k.account == *account
                    && k.peer.eq_ignore_ascii_case(&peer.jid)
            };
            match (known.iter_mut().find(same), peer.trust) {
                (Some(known), Trust::Revoked) => known.trust.clear(),
                (Some(known), Trust::Verified(word)) if known.trust.is_empty() => {
                    word.clone_into(&mut known.trust);
                }
                (Some(_), _) | (None, Trust::Revoked) => {}
                (None, trust) => known.push(Known {
                    peer: peer.jid.clone(),
                    account: account.clone(),
                    protocol: place.protocol.to_owned(),
                    fingerprint: peer.fingerprint,
                    trust: if let Trust::Verified(word) = trust { word } else { "" }.to_owned(),
                }),
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::fingerprints::{read, write};

    fn line(peer: &str, digit: &str, trust: &str) -> String {
        format!(
            "{peer}@home.example\tann@home.example/Home\tprpl-jabber\t{}\t{trust}\n",
            digit.repeat(40)
        )
    }

    fn peer(name: &str, digit: &str, trust: Trust) -> Peer {
        let fingerprint = Fingerprint::parse(&digit.repeat(40)).unwrap();
        Peer { jid: format!("{name}@home.example"), fingerprint, trust }
    }

    const ELSE: &str =
        "eve@elsewhere.example\tother\tprpl-icq\tffffffffffffffffffffffffffffffffffffffff\tseen\n";

    #[test]
    fn only_the_givers_own_trust_is_taken_back() {
        let file = line("bob", "1", "")
            + &line("bob", "2", "smp")
            + &line("Cy", "3", "verified")
            + &line("cy", "7", "seen")
            + &line("cy", "8", "seen")
            + ELSE;
        let peers = [
            peer("bob", "1", Trust::Verified("told")),
            peer("bob", "2", Trust::Known),
            peer("cy", "3", Trust::Revoked),
            peer("cy", "4", Trust::Known),
            peer("cy", "5", Trust::Verified("seen")),
            peer("cy", "6", Trust::Revoked),
            peer("cy", "8", Trust::Verified("told")),
        ];
        let accounts = ["ann@home.example/Home".to_owned()];
        let words = ["told", "seen"];
        let place = Place { accounts: &accounts, protocol: "prpl-jabber", words: &words };
        let once = merge(read(&file).unwrap(), &peers, &place);
        let expected = line("bob", "1", "told")
            + &line("bob", "2", "smp")
            + &line("Cy", "3", "")
            + &line("cy", "7", "")
            + &line("cy", "8", "told")
            + ELSE
            + &line("cy", "4", "")
            + &line("cy", "5", "seen");
        assert_eq!(write(&once), expected);
        assert_eq!(write(&merge(once, &peers, &place)), expected, "again changes nothing");
    }

    #[test]
    fn every_account_gets_its_lines() {
        let accounts = ["ann@home.example/".to_owned(), "ann@home.example/Home".to_owned()];
        let place = Place { accounts: &accounts, protocol: "prpl-jabber", words: &[] };
        let merged = merge(Vec::new(), &[peer("bob", "1", Trust::Verified("told"))], &place);
        assert_eq!(merged.len(), 2);
        assert_eq!(merged[1].account, "ann@home.example/Home");
    }
}
