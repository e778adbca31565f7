//! `snug fingerprint merge`: the directory, taken into the file of a chat client.
//!
//! Invariants: nothing that the file knows is lost, but trust in what was revoked; a file that holds
//! a private key is not read any further; nothing is written but to standard output.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use admin_api::accounts;
use admin_api::fingerprints::{self, Entry, State};
use clap::{Args, ValueEnum};
use otr::Fingerprint;
use otr::files::fingerprints::{Known, read, write};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

/// The word that clients write for a key that was verified by hand.
const VERIFIED: &str = "verified";

/// Whose client, and its file.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The client's file of known fingerprints; - for none yet
    file: PathBuf,

    /// Name (ann) or address (ann@home.example) of the person whose client it is
    #[arg(long = "for", value_name = "NAME")]
    name: String,

    /// The client
    #[arg(long, value_name = "CLIENT", default_value = "pidgin")]
    client: Client,

    /// The account exactly as the client calls it, if it is unusual
    ///
    /// Pidgin calls it ann@home.example/Resource, or ann@home.example/ without a resource; both
    /// are found in the file if they are there. The others call it ann@home.example.
    #[arg(long, value_name = "TEXT")]
    account: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Pidgin: otr.fingerprints, read when Pidgin starts
    Pidgin,
    /// Profanity: fingerprints.txt
    Profanity,
    /// Mcabber: JID.fpr
    Mcabber,
}

impl Client {
    const fn protocol(self) -> &'static str {
        match self {
            Self::Pidgin => "prpl-jabber",
            Self::Profanity => "xmpp",
            Self::Mcabber => "jabber",
        }
    }
}

#[derive(Serialize)]
struct Merged {
    /// The new content of the file.
    file: String,
}

pub(super) fn run(merge: &Merge, context: &mut Context) -> Result<ExitCode, Failure> {
    let before = content(&merge.file)?;
    super::refuse_private_key(&before)?;
    let cannot = |e: otr::files::FileError| Failure::Unusable(e.to_string());
    let before = read(&before).map_err(cannot)?;
    let daemon = context.daemon()?;
    let own = daemon.call(accounts::Show { name: merge.name.clone() })?.jid;
    let entries = daemon.call(fingerprints::List { name: None })?;
    let columns = match &merge.account {
        Some(account) => vec![account.clone()],
        None => accounts_of(&before, &own, merge.client),
    };
    let merged = merged(before, &entries, &own, (&columns, merge.client.protocol()));
    let merged = Merged { file: write(&merged) };
    context.out.show(&merged, |out, merged| out.raw(merged.file.as_bytes()))
}

fn content(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        return Ok(String::new());
    }
    std::fs::read_to_string(path).map_err(Failure::io(format!("cannot read {}", path.display())))
}

/// What the client calls the account `own`: as its file says, and as it does without a resource.
fn accounts_of(before: &[Known], own: &str, client: Client) -> Vec<String> {
    if client != Client::Pidgin {
        return vec![own.to_owned()];
    }
    let mut all = vec![format!("{own}/")];
    for known in before.iter().filter(|k| k.protocol == client.protocol()) {
        let bare = known.account.split('/').next().unwrap_or_default();
        if bare.eq_ignore_ascii_case(own) && !all.contains(&known.account) {
            all.push(known.account.clone());
        }
    }
    all
}

/// `known` with everybody's keys but one's own: attested and compared ones verified, revoked ones
/// not trusted any more.
fn merged(
    mut known: Vec<Known>,
    entries: &[Entry],
    own: &str,
    (accounts, protocol): (&[String], &str),
) -> Vec<Known> {
    for entry in entries.iter().filter(|e| e.jid != own) {
        let Ok(fingerprint) = Fingerprint::parse(&entry.fingerprint) else { continue };
        let trusted = matches!(entry.state, State::Attested | State::ComparedInPerson);
        for account in accounts {
            let same = |k: &&mut Known| {
                k.peer == entry.jid
                    && k.account == *account
                    && k.protocol == protocol
                    && k.fingerprint == fingerprint
            };
            match known.iter_mut().find(same) {
                Some(known) if entry.state == State::Revoked => known.trust.clear(),
                Some(known) if trusted && known.trust.is_empty() => {
                    VERIFIED.clone_into(&mut known.trust);
                }
                Some(_) => {}
                None if entry.state == State::Revoked => {}
                None => known.push(Known {
                    peer: entry.jid.clone(),
                    account: account.clone(),
                    protocol: protocol.to_owned(),
                    fingerprint,
                    trust: if trusted { VERIFIED.to_owned() } else { String::new() },
                }),
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
    }

    #[test]
    fn trust_is_added_and_only_taken_from_what_was_revoked() {
        let line = |peer: &str, digit: &str, trust: &str| {
            format!(
                "{peer}@home.example\tann@home.example/Home\tprpl-jabber\t{}\t{trust}\n",
                digit.repeat(40)
            )
        };
        let file = line("bob", "1", "")
            + &line("bob", "2", "smp")
            + &line("cy", "3", "verified")
            + "eve@elsewhere.example\tother\tprpl-icq\tffffffffffffffffffffffffffffffffffffffff\t\n";
        let entries = [
            entry("ann", '9', State::Attested),
            entry("bob", '1', State::Attested),
            entry("bob", '2', State::Declared),
            entry("cy", '3', State::Revoked),
            entry("cy", '4', State::Seen),
            entry("cy", '5', State::ComparedInPerson),
            entry("cy", '6', State::Revoked),
        ];
        let accounts = ["ann@home.example/Home".to_owned()];
        let known = read(&file).unwrap();
        let places = (&accounts[..], "prpl-jabber");
        let once = merged(known, &entries, "ann@home.example", places);
        let expected = line("bob", "1", "verified")
            + &line("bob", "2", "smp")
            + &line("cy", "3", "")
            + "eve@elsewhere.example\tother\tprpl-icq\tffffffffffffffffffffffffffffffffffffffff\t\n"
            + &line("cy", "4", "")
            + &line("cy", "5", "verified");
        assert_eq!(write(&once), expected);
        let twice = merged(once, &entries, "ann@home.example", places);
        assert_eq!(write(&twice), expected, "again changes nothing");
    }

    #[test]
    fn pidgin_is_asked_what_it_calls_the_account() {
        let file = "bob@x\tAnn@home.example/Home\tprpl-jabber\t1111111111111111111111111111111111111111\t\n\
                    bob@x\tcy@home.example/Home\tprpl-jabber\t1111111111111111111111111111111111111111\t\n";
        let known = read(file).unwrap();
        let own = "ann@home.example";
        let expected = ["ann@home.example/", "Ann@home.example/Home"];
        assert_eq!(accounts_of(&known, own, Client::Pidgin), expected);
        assert_eq!(accounts_of(&known, own, Client::Profanity), [own]);
    }
}
