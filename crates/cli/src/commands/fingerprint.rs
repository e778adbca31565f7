//! `snug fingerprint`: the directory of people's OTR fingerprints.
//!
//! Invariant: whatever looks like a private key is refused before anything is sent.

use std::io::Read;
use std::process::ExitCode;

use admin_api::fingerprints::{self, Action, Change, Entry, State};
use clap::{Args, Subcommand, ValueEnum};
use otr::{Fingerprint, private_key};

use crate::context::Context;
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
    /// Somebody saw it in a client
    Seen,
    /// Its owner says it is theirs
    Declared,
    /// Two people compared it face to face
    ComparedInPerson,
}

/// Longest text that is read from standard input, in bytes; enough for a label and 40 digits.
const STDIN_BYTES_MAX: u64 = 64 * 1024;

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(add) => self::add(add, context),
        Command::History(Name { name }) => {
            let changes = context.daemon()?.call(fingerprints::History { name })?;
            context.out.show(&changes, |out, changes| history(out, changes))
        }
        Command::List(List { name }) => {
            let entries = context.daemon()?.call(fingerprints::List { name })?;
            context.out.show(&entries, |out, entries| list(out, entries))
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
    /// The owner's name, and the fingerprint as 40 digits.
    fn read(self) -> Result<(String, String), Failure> {
        let text = if self.fingerprint == ["-"] {
            from(std::io::stdin().lock())?
        } else {
            self.fingerprint.join(" ")
        };
        refuse_private_key(&self.name)?;
        let fingerprint = Fingerprint::parse(&text)
            .map_err(|e| Failure::Usage(format!("not a fingerprint: {e}")))?;
        Ok((self.name, fingerprint.to_hex()))
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
        StateName::Seen => State::Seen,
        StateName::Declared => State::Declared,
        StateName::ComparedInPerson => State::ComparedInPerson,
    };
    let call = fingerprints::Add { name, fingerprint, label: add.label, device: add.device, state };
    let entry = context.daemon()?.call(call)?;
    context.out.show(&entry, |out, e| told(out, e, "is added to"))
}

fn told(out: &mut Output, entry: &Entry, words: &str) -> Result<(), Failure> {
    out.line(&format!("{} {words} {}.", shown(&entry.fingerprint), entry.jid))
}

/// Five groups of eight, as clients show it.
fn shown(hex: &str) -> String {
    Fingerprint::parse(hex).map_or_else(|_| hex.to_owned(), |f| f.to_string())
}

fn list(out: &mut Output, entries: &[Entry]) -> Result<(), Failure> {
    let rows: Vec<[String; 6]> = entries
        .iter()
        .map(|e| {
            [
                e.jid.clone(),
                shown(&e.fingerprint),
                state(e.state).to_owned(),
                e.device.clone(),
                e.label.clone(),
                when::day(e.changed),
            ]
        })
        .collect();
    let heads = ["ADDRESS", "FINGERPRINT", "STATE", "DEVICE", "LABEL", "CHANGED"];
    out.table(heads, &rows, "There are no fingerprints; `snug fingerprint add` adds one.")
}

fn history(out: &mut Output, changes: &[Change]) -> Result<(), Failure> {
    let rows: Vec<[String; 5]> = changes
        .iter()
        .map(|c| {
            [
                when::minute(c.at),
                c.by.clone(),
                action(c.action).to_owned(),
                state(c.state).to_owned(),
                shown(&c.fingerprint),
            ]
        })
        .collect();
    let heads = ["TIME", "BY", "CHANGE", "STATE AFTER IT", "FINGERPRINT"];
    out.table(heads, &rows, "Nothing has changed yet.")
}

fn state(state: State) -> &'static str {
    match state {
        State::Seen => "seen",
        State::Declared => "declared",
        State::ComparedInPerson => "compared in person",
    }
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Added => "added",
        Action::Described => "described",
        Action::Removed => "removed",
        Action::StateChanged => "state changed",
    }
}
