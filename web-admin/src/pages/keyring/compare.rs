//! A client's file beside the directory.
//!
//! Invariants: nothing of the file is repeated but keys of people of this home; only what
//! a person verified with their own client can be taken over, not what the directory told it.

use std::collections::BTreeMap;

use admin_api::client_file::WORDS;
use admin_api::fingerprints::{Entry, State};
use otr::files::clients::is_of;
use otr::files::fingerprints::Known;

/// One key of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Whose.
    pub jid: String,
    /// 40 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// What the directory says to it.
    pub standing: Standing,
    /// How the client comes to trust it.
    pub trust: Trust,
    /// Can it be taken over as compared in person?
    pub takeable: bool,
}

/// What the directory says to a key of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is there.
    Same(State),
    /// There is no key of this person yet.
    NewHere,
    /// Other keys of this person are there, and this one is not: another device, or somebody in
    /// between.
    Different,
}

/// How the client comes to trust a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// It does not.
    None,
    /// The directory told it.
    Told,
    /// The person compared the fingerprint, or checked it by a question or a shared secret.
    Own,
}

/// What there is to say about a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Keys of people of this home.
    pub found: Vec<Found>,
    /// How many keys there are in `found`.
    pub count: usize,
    /// Keys that the directory vouches for, and the file does not have: how many.
    pub missing: usize,
    /// Lines of people elsewhere.
    pub elsewhere: usize,
    /// Lines of other accounts.
    pub others: usize,
}

/// Compares `known`, the file of a client of `own`, with `entries`. `people` are all bare JIDs of
/// the home.
pub(super) fn compare(known: &[Known], own: &str, people: &[&str], entries: &[Entry]) -> Compared {
    let mut compared = Compared::default();
    let mut keys: BTreeMap<(&str, String), Trust> = BTreeMap::new();
    for line in known {
        if !is_of(&line.account, own) {
            compared.others += 1;
            continue;
        }
        match people.iter().find(|jid| is_of(&line.peer, jid)) {
            None => compared.elsewhere += 1,
            Some(jid) if *jid == own => {}
            Some(jid) => {
                // Pidgin has a line for each of its accounts.
                let trust = keys.entry((jid, line.fingerprint.to_hex())).or_insert(Trust::None);
                *trust = (*trust).max(trust_of(&line.trust));
            }
        }
    }
    let vouched =
        |e: &&Entry| matches!(e.state, State::Attested | State::ComparedInPerson) && e.jid != own;
    let missing = |e: &&Entry| !keys.contains_key(&(e.jid.as_str(), e.fingerprint.clone()));
    compared.missing = entries.iter().filter(vouched).filter(missing).count();
    compared.count = keys.len();
    compared.found =
        keys.into_iter().map(|((jid, hex), trust)| found(jid, hex, trust, entries)).collect();
    // What may be wrong comes first.
    compared.found.sort_by_key(|f| !f.is_alarming());
    compared
}

fn trust_of(word: &str) -> Trust {
    match word {
        "" => Trust::None,
        word if WORDS.contains(&word) => Trust::Told,
        _ => Trust::Own,
    }
}

fn found(jid: &str, fingerprint: String, trust: Trust, entries: &[Entry]) -> Found {
    let mut own = entries.iter().filter(|e| e.jid == jid);
    let standing = match own.clone().find(|e| e.fingerprint == fingerprint) {
        Some(entry) => Standing::Same(entry.state),
        None if own.any(|e| e.state != State::Revoked) => Standing::Different,
        None => Standing::NewHere,
    };
    let news = !matches!(standing, Standing::Same(State::ComparedInPerson | State::Revoked));
    let takeable = trust == Trust::Own && news;
    Found { jid: jid.to_owned(), fingerprint, standing, trust, takeable }
}

impl Compared {
    /// For somebody who may not add keys to the directory: only what is there can be taken over.
    pub(super) fn only_known(&mut self) {
        for found in &mut self.found {
            found.takeable &= !found.is_new();
        }
    }
}

impl Found {
    /// Is it not in the directory?
    pub(super) fn is_new(&self) -> bool {
        !matches!(self.standing, Standing::Same(_))
    }

    /// Does it need somebody's attention?
    pub(super) fn is_alarming(&self) -> bool {
        match self.standing {
            Standing::Different => true,
            Standing::Same(State::Revoked) => self.trust != Trust::None,
            Standing::Same(_) | Standing::NewHere => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use admin_api::client_file::COMPARED;
    use otr::Fingerprint;

    const OWN: &str = "ann@home.example";
    const PEOPLE: [&str; 3] = [OWN, "bob@home.example", "cy@home.example"];

    fn line(peer: &str, digit: char, trust: &str) -> Known {
        Known {
            peer: peer.to_owned(),
            account: format!("{OWN}/Home"),
            protocol: "prpl-jabber".to_owned(),
            fingerprint: Fingerprint::parse(&digit.to_string().repeat(40)).unwrap(),
            trust: trust.to_owned(),
        }
    }

    fn entry(jid: &str, digit: char, state: State) -> Entry {
        Entry {
            jid: jid.to_owned(),
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

    fn standing(digit: char, trust: &str, entries: &[Entry]) -> (Standing, bool, bool) {
        let file = [line("bob@home.example", digit, trust)];
        let compared = compare(&file, OWN, &PEOPLE, entries);
        let found = &compared.found[0];
        (found.standing, found.takeable, found.is_alarming())
    }

    #[test]
    fn each_key_is_judged() {
        use State::{Attested, ComparedInPerson, Declared, Revoked, Seen};
        let bob = |state| [entry("bob@home.example", '1', state)];
        for (digit, word, entries, expected) in [
            ('1', "verified", bob(Attested), (Standing::Same(Attested), true, false)),
            ('1', "smp", bob(Declared), (Standing::Same(Declared), true, false)),
            ('1', "trusted", bob(Seen), (Standing::Same(Seen), true, false)),
            ('1', "", bob(Attested), (Standing::Same(Attested), false, false)),
            ('1', "attested", bob(Declared), (Standing::Same(Declared), false, false)),
            ('1', COMPARED, bob(Declared), (Standing::Same(Declared), false, false)),
            ('1', "smp", bob(ComparedInPerson), (Standing::Same(ComparedInPerson), false, false)),
            ('1', "smp", bob(Revoked), (Standing::Same(Revoked), false, true)),
            ('1', "", bob(Revoked), (Standing::Same(Revoked), false, false)),
            ('2', "verified", bob(Declared), (Standing::Different, true, true)),
            ('2', "", bob(Declared), (Standing::Different, false, true)),
            ('2', "verified", bob(Revoked), (Standing::NewHere, true, false)),
        ] {
            assert_eq!(standing(digit, word, &entries), expected, "{digit} {word} {entries:?}");
        }
        assert_eq!(standing('1', "verified", &[]), (Standing::NewHere, true, false));
    }

    #[test]
    fn only_this_person_and_this_home_count() {
        let bob = "bob@home.example";
        let file = [
            line(bob, '1', ""),
            Known { account: OWN.to_owned(), ..line("Bob@home.example/phone", '1', "smp") },
            Known { account: "cy@home.example".to_owned(), ..line(bob, '2', "smp") },
            line("eve@elsewhere.example", '3', "smp"),
            line(OWN, '4', "smp"),
            line("cy@home.example", '6', "smp"),
        ];
        let entries = [
            entry(bob, '1', State::Declared),
            entry(OWN, '7', State::Attested),
            entry("cy@home.example", '5', State::Attested),
            entry("cy@home.example", '8', State::Declared),
        ];
        let compared = compare(&file, OWN, &PEOPLE, &entries);
        let jids: Vec<&str> = compared.found.iter().map(|f| f.jid.as_str()).collect();
        assert_eq!(jids, ["cy@home.example", bob], "what may be wrong comes first");
        assert_eq!(compared.found[1].trust, Trust::Own);
        assert_eq!((compared.count, compared.missing), (2, 1));
        assert_eq!((compared.elsewhere, compared.others), (1, 1));
        let takeable = |c: &Compared| c.found.iter().map(|f| f.takeable).collect::<Vec<_>>();
        let mut compared = compared;
        assert_eq!(takeable(&compared), [true, true]);
        compared.only_known();
        assert_eq!(takeable(&compared), [false, true]);
    }
}
