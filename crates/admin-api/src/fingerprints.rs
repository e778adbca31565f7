//! The family's directory of fingerprints: of OTR keys, and of OMEMO keys as accounts publish them.
//!
//! Invariants: a fingerprint belongs to one account; every change is kept in a history that
//! says who did what and when, each line sealing the one before ([`seal`]); a private key is refused before it gets here and here again.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{UnixTime, omemo};

/// One fingerprint of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Bare JID of the owner.
    pub jid: String,
    /// Lower-case hexadecimal digits: 40 of OTR, 64 of OMEMO.
    pub fingerprint: String,
    /// Words of the person who added it; may be empty.
    pub label: String,
    /// The device or client, such as "Pidgin on the laptop"; may be empty.
    pub device: String,
    /// How much is known about it.
    pub state: State,
    /// When it was last used towards the home's concierge, or, of OMEMO, when its device last
    /// published something (within a day); `None` = never.
    #[serde(default)]
    pub last_seen: Option<UnixTime>,
    /// When it was added.
    pub added: UnixTime,
    /// When it last changed.
    pub changed: UnixTime,
    /// Who changed it last: a bare JID, or `operator` for the command line; the concierge's own
    /// address if it saw the key itself.
    pub changed_by: String,
    /// When its owner said in the panel that it is theirs; `None` = never, or it was revoked.
    #[serde(default)]
    pub confirmed: Option<UnixTime>,
    /// Who compared it, in the state [`State::ComparedInPerson`]; `None` in entries of before.
    #[serde(default)]
    pub compared: Option<Compared>,
    /// Of an OMEMO key, what is published of it; `None` = it is an OTR key.
    #[serde(default)]
    pub omemo: Option<omemo::Key>,
}

/// Who compared a key face to face with its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// A bare JID, or `operator` for the command line.
    pub by: String,
    /// When it was written down.
    pub at: UnixTime,
    /// The state before, for when it was a mistake.
    pub was: State,
}

/// How much is known about a fingerprint, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not to be trusted any more: lost, stolen, replaced.
    Revoked,
    /// Somebody saw it in a client.
    Seen,
    /// Its owner, or an administrator for the owner, says it is theirs.
    #[default]
    Declared,
    /// The home's concierge spoke with the account and saw that it uses this key. Less than
    /// compared in person: it takes the server's word.
    Attested,
    /// Two people compared it face to face.
    ComparedInPerson,
}

/// Add a fingerprint.
#[derive(Debug, Serialize, Deserialize)]
pub struct Add {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// Any usual form; see `otr::Fingerprint::parse`.
    pub fingerprint: String,
    /// At most 100 characters.
    #[serde(default)]
    pub label: String,
    /// At most 100 characters.
    #[serde(default)]
    pub device: String,
    /// State to start with.
    #[serde(default)]
    pub state: State,
}

/// All fingerprints, or one person's; ordered by JID and time added.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct List {
    /// Localpart or bare JID; `None` = everybody.
    pub name: Option<String>,
}

/// Change what is given; the rest stays.
#[derive(Debug, Serialize, Deserialize)]
pub struct Update {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// The fingerprint, in any usual form.
    pub fingerprint: String,
    /// New label.
    pub label: Option<String>,
    /// New device.
    pub device: Option<String>,
    /// New state.
    pub state: Option<State>,
}

/// What the signed-in person says about a fingerprint, their own or somebody else's.
#[derive(Debug, Serialize, Deserialize)]
pub struct Marked {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// The fingerprint, in any usual form.
    pub fingerprint: String,
    /// What they say.
    pub mark: Mark,
}

/// What a person can say about a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// The owner: it is mine, I looked at my device.
    Mine,
    /// The owner: lost, stolen or replaced.
    Revoked,
    /// Somebody else: we compared it face to face.
    Compared,
    /// Who said [`Mark::Compared`]: that was a mistake.
    NotCompared,
}

/// Remove a fingerprint. The history keeps that it was there; add it again to undo.
#[derive(Debug, Serialize, Deserialize)]
pub struct Remove {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// The fingerprint, in any usual form.
    pub fingerprint: String,
}

/// The changes of one person's fingerprints, newest first, at most 200.
#[derive(Debug, Serialize, Deserialize)]
pub struct History {
    /// Localpart or bare JID of the owner.
    pub name: String,
    /// Only lines with a lower number than this.
    #[serde(default)]
    pub before: Option<u64>,
}

/// One line of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Counts from 1.
    pub number: u64,
    /// Seal of the line before; `None` for the first.
    pub previous: Option<String>,
    /// Seal of this line: see [`seal`].
    pub seal: String,
    /// When.
    pub at: UnixTime,
    /// A bare JID, or `operator`.
    pub by: String,
    /// 40 lower-case hexadecimal digits.
    pub fingerprint: String,
    /// What was done.
    pub action: Action,
    /// The state after it.
    pub state: State,
}

/// What was done to a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Added to the directory.
    Added,
    /// Its owner said in the panel that it is theirs.
    Confirmed,
    /// Label or device changed.
    Described,
    /// Of OMEMO: not published any more.
    Gone,
    /// Removed from the directory.
    Removed,
    /// Of OMEMO: published again after it was gone.
    Returned,
    /// State changed.
    StateChanged,
}

impl State {
    /// As it stands in the JSON of the socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Seen => "seen",
            Self::Declared => "declared",
            Self::Attested => "attested",
            Self::ComparedInPerson => "compared-in-person",
        }
    }
}

impl Action {
    /// As it stands in the JSON of the socket.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Confirmed => "confirmed",
            Self::Described => "described",
            Self::Gone => "gone",
            Self::Removed => "removed",
            Self::Returned => "returned",
            Self::StateChanged => "state-changed",
        }
    }
}

/// A fingerprint as chat apps show it: of OTR five groups of eight capital digits, of OMEMO eight
/// groups of small ones (XEP-0384 §8).
#[must_use]
pub fn shown(fingerprint: &str) -> String {
    const GROUP: usize = 8;
    const OTR_DIGITS: usize = 40;
    let mut shown = String::with_capacity(fingerprint.len() + fingerprint.len() / GROUP);
    for (at, digit) in fingerprint.chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            shown.push(' ');
        }
        let capital = fingerprint.len() == OTR_DIGITS;
        shown.push(if capital { digit.to_ascii_uppercase() } else { digit });
    }
    shown
}

/// A fingerprint of OTR or OMEMO in any usual form, as 40 or 64 lower-case digits.
///
/// # Errors
/// [`otr::FingerprintError`], in the words for OTR.
pub fn parse(typed: &str) -> Result<String, otr::FingerprintError> {
    const OMEMO_DIGITS: usize = 64;
    let separator = |c: char| c.is_whitespace() || matches!(c, ':' | '-');
    let digits: String = typed.chars().filter(|c| !separator(*c)).collect();
    if digits.len() == OMEMO_DIGITS && digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(digits.to_ascii_lowercase());
    }
    otr::Fingerprint::parse(typed).map(|fingerprint| fingerprint.to_hex())
}

/// The seal of a line in the history of `jid`: SHA-256, in lower-case hexadecimal, over what
/// the line says and the seal of the line before, one per line of text. Whoever knows the newest
/// seal notices when any line before it is altered, left out or added.
#[must_use]
pub fn seal(jid: &str, change: &Change) -> String {
    let text = format!(
        "snug fingerprint history 1\n{}\n{jid}\n{}\n{}\n{}\n{}\n{}\n{}\n",
        change.previous.as_deref().unwrap_or_default(),
        change.number,
        change.at,
        change.by,
        change.fingerprint,
        change.action.as_str(),
        change.state.as_str(),
    );
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where a history is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The number of the line.
    pub number: u64,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {} is not as it was written", self.number)
    }
}

impl std::error::Error for Broken {}

/// Checks that `changes`, newest first, seal each other. The oldest of them may refer to lines that
/// are not among them: the server keeps the newest only.
///
/// # Errors
/// [`Broken`] names the newest line that does not hold.
pub fn check(jid: &str, changes: &[Change]) -> Result<(), Broken> {
    for (at, change) in changes.iter().enumerate() {
        let broken = Err(Broken { number: change.number });
        if seal(jid, change) != change.seal {
            return broken;
        }
        match changes.get(at + 1) {
            Some(before)
                if change.previous.as_ref() != Some(&before.seal)
                    || change.number != before.number + 1 =>
            {
                return broken;
            }
            None if (change.number == 1) != change.previous.is_none() => return broken,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Vec<Change> {
        let mut all: Vec<Change> = Vec::new();
        for number in 1..=4 {
            let mut change = Change {
                number,
                previous: all.first().map(|c| c.seal.clone()),
                seal: String::new(),
                at: 1_795_449_842 + number,
                by: "operator".to_owned(),
                fingerprint: format!("{number:040x}"),
                action: Action::Added,
                state: State::Declared,
            };
            change.seal = seal("ann@home.example", &change);
            all.insert(0, change);
        }
        all
    }

    #[test]
    fn a_history_holds_whole_or_from_its_newest_lines() {
        let all = history();
        for count in 0..=all.len() {
            assert_eq!(check("ann@home.example", &all[..count]), Ok(()));
        }
        // Stays the same for ever, so that old seals can be compared.
        assert_eq!(all[3].seal, "d3e3b06d9ddec72e6f79679c6ff5fd5c13d4d88f565a9e6e3ebb91b1cd45ede7");
    }

    #[test]
    fn both_kinds_are_read_and_shown() {
        let otr = "ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB";
        let omemo = "d85e07ec 22b0ad88 1537c2f4 4d662d1a 143cf830 c57aca43 05d85c7a 90f6b62e";
        for typed in [otr, omemo] {
            let parsed = parse(typed).unwrap();
            assert_eq!(shown(&parsed), typed);
            assert_eq!(parse(&parsed).unwrap(), parsed);
            assert_eq!(parse(&typed.to_uppercase().replace(' ', ":")).unwrap(), parsed);
        }
        for wrong in ["", &omemo[1..], &format!("{omemo}0"), &omemo.replace('d', "g")] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_alteration_shows() {
        let all = history();
        let altered = |change: &dyn Fn(&mut Vec<Change>)| {
            let mut all = all.clone();
            change(&mut all);
            check("ann@home.example", &all).unwrap_err().number
        };
        for line in 0..4 {
            let number = all[line].number;
            assert_eq!(altered(&|a| a[line].at += 1), number);
            assert_eq!(altered(&|a| a[line].by.push('x')), number);
            assert_eq!(altered(&|a| a[line].fingerprint = "0".repeat(40)), number);
            assert_eq!(altered(&|a| a[line].action = Action::Removed), number);
            assert_eq!(altered(&|a| a[line].state = State::Attested), number);
            assert_eq!(
                altered(&|a| a[line].seal = "0".repeat(64)),
                if line == 0 { 4 } else { number + 1 }
            );
        }
        assert_eq!(altered(&|a| drop(a.remove(1))), 4, "left out");
        assert_eq!(altered(&|a| a.swap(1, 2)), 4, "in another order");
        // Rewritten with a seal that fits: the line behind it tells.
        let rewritten = altered(&|a| {
            a[2].state = State::ComparedInPerson;
            a[2].seal = seal("ann@home.example", &a[2]);
        });
        assert_eq!(rewritten, 3);
        assert!(check("bob@home.example", &all).is_err());
    }
}
