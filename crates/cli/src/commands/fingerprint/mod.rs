//! `snug fingerprint`: the directory of people's fingerprints, of OTR and OMEMO.
//!
//! Invariant: whatever looks like a private key is refused before anything is sent.

mod merge;

use std::io::Read;
use std::process::ExitCode;

use admin_api::fingerprints::{self, Action, Change, Entry, State, shown};
use admin_api::{accounts, concierge};
use clap::{Args, Subcommand, ValueEnum};
use otr::private_key;
use serde::Serialize;

use crate::context::{Context, Daemon};
use crate::failure::Failure;
use crate::output::Output;
use crate::when;

/// What to do with fingerprints.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add a fingerprint to a person
    ///
    /// The fingerprint may be written in any usual way: 40 digits in one piece, or five groups
    /// of eight with spaces, colons or dashes, in capitals or not. `-` reads it from standard
    /// input. Never give a private key; if you do by mistake, it is refused and goes nowhere.
    #[command(after_long_help = "\
Examples:
  snug fingerprint add ann ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB
  snug fingerprint add ann acefb4d64f3d0f4e258bd0b44d4d2587b09847eb \\
      --device 'Pidgin on the laptop'
  xclip -o | snug fingerprint add ann - --state seen")]
    Add(Add),
    /// Check that the history was not altered
    ///
    /// Each line of the history seals the one before. Write down the newest seal: as long as it
    /// is still in the history later, nothing before it was altered, left out or added, not even by
    /// whoever looks after the server.
    #[command(after_long_help = "\
Examples:
  snug fingerprint check
  snug fingerprint check ann
  snug fingerprint check ann --seal 3b0c44298fc1c149")]
    Check(Check),
    /// Show who changed a person's fingerprints, and when
    #[command(after_long_help = "\
Examples:
  snug fingerprint history ann")]
    History(Name),
    /// List fingerprints, of one person or of everybody
    #[command(after_long_help = "\
Examples:
  snug fingerprint list
  snug fingerprint list ann --json")]
    List(List),
    /// Take the directory into the file of a chat client
    ///
    /// Prints the file as it should be: what it held before, and everybody's keys, those that are
    /// attested or compared in person as verified, declared ones as known. What was revoked is not
    /// trusted any more. Close the client before you put the file in place: Pidgin reads it only
    /// when it starts.
    #[command(after_long_help = "\
Examples:
  snug fingerprint merge otr.fingerprints --for ann > merged
  snug fingerprint merge - --for ann --client profanity > fingerprints.txt
  snug fingerprint merge otr.fingerprints --for ann \\
      --account ann@home.example/Laptop > merged")]
    Merge(merge::Merge),
    /// Make a phrase by which a person and the concierge check each other
    ///
    /// The person writes `verify` to the concierge in a private conversation, and types the phrase
    /// where their chat app asks for it. It works once, for a quarter of an hour.
    #[command(after_long_help = "\
Examples:
  snug fingerprint phrase ann")]
    Phrase(Name),
    /// Remove a fingerprint
    ///
    /// The history keeps that it was there. To undo, add it again.
    #[command(after_long_help = "\
Examples:
  snug fingerprint remove ann acefb4d64f3d0f4e258bd0b44d4d2587b09847eb")]
    Remove(One),
    /// Record that two people compared a fingerprint face to face
    #[command(after_long_help = "\
Examples:
  snug fingerprint verify ann ACEFB4D6 4F3D0F4E 258BD0B4 4D4D2587 B09847EB")]
    Verify(One),
}

/// One person.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Name (ann) or address (ann@home.example)
    name: String,
}

/// Whose history, and a seal known from before.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Name (ann) or address (ann@home.example); everybody without one
    name: Option<String>,

    /// A seal of this person's history from before, or its first 16 digits or more
    #[arg(long, value_name = "SEAL", requires = "name")]
    seal: Option<String>,
}

/// One person or everybody.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Name (ann) or address (ann@home.example); everybody without one
    name: Option<String>,
}

/// One fingerprint of one person.
#[derive(Debug, Args)]
pub(crate) struct One {
    /// Name (ann) or address (ann@home.example) of its owner
    name: String,

    /// The fingerprint, 40 digits in one piece or in groups; - for standard input
    #[arg(required = true, num_args = 1..)]
    fingerprint: Vec<String>,
}

/// A new fingerprint.
#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    one: One,

    /// Words to remember it by, at most 100 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    label: String,

    /// The device or client it is used on, at most 100 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    device: String,

    /// How much is known about it
    #[arg(long, value_name = "STATE", default_value = "declared")]
    state: StateName,
}

/// How much is known about a fingerprint.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StateName {
    /// Not to be trusted any more
    Revoked,
    /// Somebody saw it in a client
    Seen,
    /// Its owner says it is theirs
    Declared,
    /// Two people compared it face to face
    ComparedInPerson,
}

/// Longest text that is read from standard input, in bytes; enough for a label and 40 digits.
const STDIN_BYTES_MAX: u64 = 64 * 1024;

/// Digits of a seal that are shown and at least needed: 64 bits, more than anybody can search.
const SEAL_SHOWN: usize = 16;

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(add) => self::add(add, context),
        Command::Check(check) => self::check(&check, context),
        Command::History(Name { name }) => {
            let call = fingerprints::History { name, before: None };
            let changes = context.daemon()?.call(call)?;
            context.out.show(&changes, |out, changes| history(out, changes))
        }
        Command::List(List { name }) => {
            let entries = context.daemon()?.call(fingerprints::List { name })?;
            context.out.show(&entries, |out, entries| list(out, entries))
        }
        Command::Merge(merge) => merge::run(&merge, context),
        Command::Phrase(Name { name }) => {
            let made = context.daemon()?.call(concierge::Phrase { name })?;
            context.out.show(&made, |out, made| {
                out.line(&format!("Phrase: {}", made.phrase.expose()))?;
                let key = made
                    .fingerprint
                    .as_deref()
                    .map_or_else(|| "its key is being made".to_owned(), shown);
                out.line(&format!("{}: {key}", made.concierge))
            })
        }
        Command::Remove(one) => {
            let (name, fingerprint) = one.read()?;
            let entry = context.daemon()?.call(fingerprints::Remove { name, fingerprint })?;
            context.out.show(&entry, |out, e| told(out, e, "is removed from"))
        }
        Command::Verify(one) => {
            let (name, fingerprint) = one.read()?;
            let state = Some(State::ComparedInPerson);
            let update =
                fingerprints::Update { name, fingerprint, label: None, device: None, state };
            let entry = context.daemon()?.call(update)?;
            context.out.show(&entry, |out, e| told(out, e, "is compared in person for"))
        }
    }
}

impl One {
    /// The owner's name, and the fingerprint as 40 or 64 digits.
    fn read(self) -> Result<(String, String), Failure> {
        let text = if self.fingerprint == ["-"] {
            from(std::io::stdin().lock())?
        } else {
            self.fingerprint.join(" ")
        };
        refuse_private_key(&self.name)?;
        let fingerprint = fingerprints::parse(&text)
            .map_err(|e| Failure::Usage(format!("not a fingerprint: {e}")))?;
        Ok((self.name, fingerprint))
    }
}

fn from(input: impl Read) -> Result<String, Failure> {
    let mut text = String::new();
    input
        .take(STDIN_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(Failure::io("cannot read the fingerprint from standard input"))?;
    Ok(text)
}

/// Of a field that holds words.
fn refuse_private_key(text: &str) -> Result<(), Failure> {
    if private_key::looks_like(text) {
        return Err(Failure::Usage(otr::FingerprintError::PrivateKey.to_string()));
    }
    Ok(())
}

fn add(add: Add, context: &mut Context) -> Result<ExitCode, Failure> {
    refuse_private_key(&add.label)?;
    refuse_private_key(&add.device)?;
    let (name, fingerprint) = add.one.read()?;
    let state = match add.state {
        StateName::Revoked => State::Revoked,
        StateName::Seen => State::Seen,
        StateName::Declared => State::Declared,
        StateName::ComparedInPerson => State::ComparedInPerson,
    };
    let call = fingerprints::Add { name, fingerprint, label: add.label, device: add.device, state };
    let entry = context.daemon()?.call(call)?;
    context.out.show(&entry, |out, e| told(out, e, "is added to"))
}

/// What is known of one person's history.
#[derive(Debug, Serialize)]
struct Checked {
    jid: String,
    /// Lines that are kept.
    lines: usize,
    /// The newest seal.
    seal: Option<String>,
    /// What is wrong with it.
    wrong: Option<String>,
}

fn check(check: &Check, context: &mut Context) -> Result<ExitCode, Failure> {
    let daemon = context.daemon()?;
    let mut names: Vec<String> = match &check.name {
        Some(name) => {
            let account = daemon.call(accounts::Show { name: name.clone() })?;
            vec![account.jid]
        }
        None => daemon.call(accounts::List {})?.into_iter().map(|a| a.jid).collect(),
    };
    names.sort();
    let mut all = Vec::new();
    for jid in names {
        let history = whole_history(&daemon, &jid)?;
        let broken = fingerprints::check(&jid, &history).err().map(|e| e.to_string());
        let missing = check.seal.as_ref().and_then(|seal| {
            let seal = seal.to_ascii_lowercase();
            let known =
                seal.len() >= SEAL_SHOWN && history.iter().any(|c| c.seal.starts_with(&seal));
            (!known).then(|| "this seal is not in it".to_owned())
        });
        let seal = history.first().map(|c| c.seal.clone());
        all.push(Checked { jid, lines: history.len(), seal, wrong: broken.or(missing) });
    }
    let wrong = all.iter().any(|c| c.wrong.is_some());
    context.out.show(&all, |out, all| {
        let rows: Vec<[String; 4]> = all.iter().map(row).collect();
        out.table(["ADDRESS", "LINES", "HISTORY", "NEWEST SEAL"], &rows, "There is nobody yet.")
    })?;
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn row(checked: &Checked) -> [String; 4] {
    [
        checked.jid.clone(),
        checked.lines.to_string(),
        checked.wrong.clone().unwrap_or_else(|| "holds".to_owned()),
        checked.seal.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// All lines that the server has, newest first.
fn whole_history(daemon: &Daemon, jid: &str) -> Result<Vec<Change>, Failure> {
    let mut all: Vec<Change> = Vec::new();
    loop {
        let before = all.last().map(|c| c.number);
        let page = daemon.call(fingerprints::History { name: jid.to_owned(), before })?;
        // Numbers fall, so that a server that repeats itself cannot keep us here.
        let older = |c: &&Change| before.is_none_or(|before| c.number < before);
        let page: Vec<Change> = page.iter().filter(older).cloned().collect();
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn told(out: &mut Output, entry: &Entry, words: &str) -> Result<(), Failure> {
    out.line(&format!("{} {words} {}.", shown(&entry.fingerprint), entry.jid))
}

fn list(out: &mut Output, entries: &[Entry]) -> Result<(), Failure> {
    let rows: Vec<[String; 7]> = entries
        .iter()
        .map(|e| {
            [
                e.jid.clone(),
                if e.omemo.is_some() { "OMEMO" } else { "OTR" }.to_owned(),
                shown(&e.fingerprint),
                state(e.state).to_owned(),
                device(e),
                e.label.clone(),
                when::day(e.changed),
            ]
        })
        .collect();
    let heads = ["ADDRESS", "KIND", "FINGERPRINT", "STATE", "DEVICE", "LABEL", "CHANGED"];
    out.table(heads, &rows, "There are no fingerprints; `snug fingerprint add` adds one.")
}

/// What the person calls the device, or what its app does, with its number.
fn device(entry: &Entry) -> String {
    let Some(key) = &entry.omemo else { return entry.device.clone() };
    let name = if entry.device.is_empty() { &key.label } else { &entry.device };
    let gone = if key.gone.is_some() { ", gone" } else { "" };
    format!("{name} ({}{gone})", key.device).trim_start().to_owned()
}

fn history(out: &mut Output, changes: &[Change]) -> Result<(), Failure> {
    let rows: Vec<[String; 6]> = changes
        .iter()
        .map(|c| {
            [
                when::minute(c.at),
                c.by.clone(),
                action(c.action).to_owned(),
                state(c.state).to_owned(),
                shown(&c.fingerprint),
                c.seal.chars().take(SEAL_SHOWN).collect(),
            ]
        })
        .collect();
    let heads = ["TIME", "BY", "CHANGE", "STATE AFTER IT", "FINGERPRINT", "SEAL"];
    out.table(heads, &rows, "Nothing has changed yet.")
}

fn state(state: State) -> &'static str {
    match state {
        State::Revoked => "revoked",
        State::Seen => "seen",
        State::Declared => "declared",
        State::Attested => "attested",
        State::ComparedInPerson => "compared in person",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Added => "added",
        Action::Confirmed => "confirmed by its owner",
        Action::Described => "described",
        Action::Gone => "not published any more",
        Action::Removed => "removed",
        Action::Returned => "published again",
        Action::StateChanged => "state changed",
    }
}
