//! `snug import`: accounts from another server's file.
//!
//! Invariants: the files are read and judged as a whole before anything is sent; every batch is
//! durable when it is counted; no batch is larger than a frame.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use admin_api::transfer::{self, Existing, Imported, PAGE_ACCOUNTS_MAX};
use admin_api::{Problem, ProblemKind, accounts, daemon, frame::FRAME_BYTES_MAX};
use clap::ValueEnum;
use serde::Serialize;

use crate::context::{Context, Daemon};
use crate::failure::Failure;
use crate::output::{counted, remark};
use crate::pie::{self, Found, Notes, Person};

/// Bytes of a batch: a frame less its envelope.
const BATCH_BYTES_MAX: usize = FRAME_BYTES_MAX - 4_096;

/// Names that an error lists.
const NAMES_SHOWN_MAX: usize = 5;

/// Add accounts from a file that another server exported (XEP-0227).
///
/// Reads accounts with their passwords or SCRAM keys, contact lists, waiting subscription
/// requests, waiting messages, kept conversations, vCards, block lists, and whatever else this
/// server keeps for people. What it does not keep is left out and listed. Conversations that are
/// older than this home keeps them are deleted within the hour. Prosody and ejabberd write such
/// files; several files, and files that include others, are read as one.
///
/// Nothing is sent before all files were read and found to be right.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  snug import old-server.xml --dry-run
  snug import old-server.xml
  snug import data/xep0227/*.xml --existing skip
  snug import old-server.xml --host old.example

The last one imports into a home of another name; the people of old.example
stay each other's contacts.")]
pub(crate) struct Import {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What to do with accounts that exist already
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    existing: ExistingName,

    /// Read and compare everything, change nothing
    #[arg(long)]
    dry_run: bool,

    /// The host of the file to import, if it is not this home's domain
    #[arg(long, value_name = "DOMAIN")]
    host: Option<String>,

    /// Leave waiting messages out
    #[arg(long)]
    without_messages: bool,
}

/// What to do with accounts that exist already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExistingName {
    /// Import nothing at all
    Refuse,
    /// Replace them by those of the file
    Replace,
    /// Leave them as they are
    Skip,
}

/// What was done, or would be.
#[derive(Debug, Serialize)]
struct Outcome {
    dry_run: bool,
    domain: String,
    #[serde(flatten)]
    imported: Imported,
    left_out: Notes,
}

pub(crate) fn run(command: &Import, context: &mut Context) -> Result<ExitCode, Failure> {
    let mut found = Found::default();
    for file in &command.files {
        let root = pie::load(file)?;
        pie::hosts(&root, &mut found)
            .map_err(|why| Failure::Unusable(format!("{}: {why}", file.display())))?;
    }
    let daemon = context.daemon()?;
    let domain = domain(&daemon)?;
    let mut people = chosen(&mut found, command.host.as_deref(), &domain)?;
    if command.without_messages {
        people.iter_mut().for_each(|p| p.record.offline.clear());
    }
    fit(&daemon, &mut people, &mut found.notes)?;
    let existing = existing(&daemon, &people)?;
    if command.existing == ExistingName::Refuse && !existing.is_empty() {
        return Err(conflict(&existing));
    }
    let total = people.len();
    let skipped = match command.existing {
        ExistingName::Skip => {
            // What is left alone is left alone as a whole.
            let left_alone = people.iter_mut().filter(|p| existing.contains(&p.record.name));
            left_alone.for_each(|p| p.data.clear());
            existing.len()
        }
        ExistingName::Refuse | ExistingName::Replace => 0,
    };
    let batches = batches(people)?;
    let imported = if command.dry_run {
        Imported { written: count(total - skipped), skipped: count(skipped) }
    } else {
        let mut sending = Sending::new(&daemon, command.existing, total, &mut found.notes);
        sending.all(batches)?
    };
    let outcome = Outcome { dry_run: command.dry_run, domain, imported, left_out: found.notes };
    context.out.show(&outcome, |out, o| {
        o.left_out.lines().for_each(|line| remark(&line));
        let accounts = counted(o.imported.written, "account");
        let (did, left) = if o.dry_run {
            ("would be imported", "would be left alone")
        } else {
            ("imported", "left alone")
        };
        let skipped = o.imported.skipped;
        out.line(&format!("{accounts} {did} into {}; {skipped} that existed {left}.", o.domain))
    })
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn domain(daemon: &Daemon) -> Result<String, Failure> {
    daemon.call(daemon::Status {})?.domain.ok_or_else(|| {
        let message = "the home is not set up yet; see `snug setup link`";
        Problem::new(ProblemKind::Setup, message).into()
    })
}

/// The people of the host to import, at the home's domain.
fn chosen(found: &mut Found, host: Option<&str>, domain: &str) -> Result<Vec<Person>, Failure> {
    let wanted = host.unwrap_or(domain);
    let at = found.hosts.iter().position(|h| h.domain.eq_ignore_ascii_case(wanted));
    let Some(at) = at else {
        let hosts: Vec<&str> = found.hosts.iter().map(|h| h.domain.as_str()).collect();
        let (hosts, example) = match hosts.first() {
            None => return Err(Failure::Unusable("the file has no host".to_owned())),
            Some(first) => (hosts.join(", "), *first),
        };
        return Err(Failure::Unusable(format!(
            "the file has no host {wanted}, but {hosts}; to import one of them into {domain}, \
             add --host {example}"
        )));
    };
    let host = found.hosts.swap_remove(at);
    let mut people = host.people;
    if host.domain != domain {
        people.iter_mut().for_each(|p| pie::relocate(p, &host.domain, domain));
    }
    for other in &found.hosts {
        found.notes.add(format!("the host {}", other.domain));
    }
    Ok(people)
}

/// Leaves out what the daemon does not keep, and cuts the rest into pieces that fit a frame.
fn fit(daemon: &Daemon, people: &mut [Person], notes: &mut Notes) -> Result<(), Failure> {
    if people.iter().all(|p| p.data.is_empty()) {
        return Ok(());
    }
    let kinds = daemon.call(transfer::Kinds {})?;
    for person in people {
        let mut pieces = Vec::new();
        for element in &person.data {
            let Some(kind) = pie::data::kind(&kinds, element) else {
                notes.element(element);
                continue;
            };
            for _ in 0..pie::data::cut(element, kind.cuts, BATCH_BYTES_MAX, &mut pieces) {
                notes.add(format!("parts of <{} xmlns='{}'/>, too large", kind.name, kind.ns));
            }
        }
        person.data = pieces;
    }
    Ok(())
}

/// Names of `people` that exist already, deleted ones within their grace period included.
fn existing(daemon: &Daemon, people: &[Person]) -> Result<Vec<String>, Failure> {
    let accounts = daemon.call(accounts::List {})?;
    let names: BTreeSet<&str> =
        accounts.iter().filter_map(|a| a.jid.split_once('@')).map(|(local, _)| local).collect();
    let here = people.iter().map(|p| &p.record.name).filter(|name| names.contains(name.as_str()));
    Ok(here.cloned().collect())
}

fn conflict(existing: &[String]) -> Failure {
    let shown = existing.iter().take(NAMES_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = existing.len().saturating_sub(NAMES_SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Failure::Daemon(Problem::new(
        ProblemKind::Conflict,
        format!(
            "these accounts exist already: {shown}{more}; nothing was imported. Choose with \
             --existing skip or --existing replace"
        ),
    ))
}

/// Batches whose records fit a frame each.
fn batches(people: Vec<Person>) -> Result<Vec<Vec<Person>>, Failure> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for person in people {
        let record = &person.record;
        let size = serde_json::to_vec(record)
            .map_err(|e| Failure::Io("cannot write JSON".to_owned(), e.into()))?
            .len()
            + 1;
        if size > BATCH_BYTES_MAX {
            return Err(Failure::Unusable(format!(
                "the account {} is too large to be imported in one piece ({size} bytes, of which \
                 {} in waiting messages; at most {BATCH_BYTES_MAX}); nothing was imported. Try \
                 --without-messages",
                record.name,
                record.offline.iter().map(String::len).sum::<usize>()
            )));
        }
        if batch.len() == PAGE_ACCOUNTS_MAX || bytes + size > BATCH_BYTES_MAX {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(person);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}

/// Batches on their way to the daemon.
struct Sending<'a> {
    daemon: &'a Daemon,
    existing: Existing,
    total: usize,
    notes: &'a mut Notes,
    sum: Imported,
}

impl<'a> Sending<'a> {
    fn new(daemon: &'a Daemon, existing: ExistingName, total: usize, notes: &'a mut Notes) -> Self {
        let existing = match existing {
            ExistingName::Refuse => Existing::Refuse,
            ExistingName::Replace => Existing::Replace,
            ExistingName::Skip => Existing::Skip,
        };
        Self { daemon, existing, total, notes, sum: Imported::default() }
    }

    fn all(&mut self, batches: Vec<Vec<Person>>) -> Result<Imported, Failure> {
        let several = batches.len() > 1;
        for people in batches {
            self.batch(people)?;
            if several {
                remark(&format!("{} of {}", self.done(), self.total));
            }
        }
        Ok(self.sum.clone())
    }

    fn done(&self) -> u32 {
        self.sum.written + self.sum.skipped
    }

    fn batch(&mut self, people: Vec<Person>) -> Result<(), Failure> {
        let (records, data): (Vec<_>, Vec<_>) =
            people.into_iter().map(|p| (p.record, p.data)).unzip();
        let names: Vec<String> = records.iter().map(|r| r.name.clone()).collect();
        let call = transfer::Import { records, existing: self.existing };
        let again = "run it again with --existing skip for the rest";
        let imported = self.daemon.call(call).map_err(|e| match self.done() {
            0 => e,
            done => said(e, &format!("{done} accounts were imported before; {again}")),
        })?;
        self.sum.written += imported.written;
        self.sum.skipped += imported.skipped;
        for (name, data) in names.into_iter().zip(data) {
            self.data(&name, &data).map_err(|e| {
                said(e, &format!("{name} is not complete; run it again with --existing replace"))
            })?;
        }
        Ok(())
    }

    fn data(&mut self, name: &str, data: &[xmpp::Element]) -> Result<(), Failure> {
        for elements in pie::data::batches(data, BATCH_BYTES_MAX) {
            let call = transfer::ImportData { name: name.to_owned(), elements };
            let done = self.daemon.call(call)?;
            done.left_out.into_iter().for_each(|what| self.notes.add(what));
        }
        Ok(())
    }
}

/// The daemon's refusal, with how far it came.
fn said(failure: Failure, how_far: &str) -> Failure {
    match failure {
        Failure::Daemon(p) => {
            let message = format!("{}. {how_far}", p.message.trim_end_matches('.'));
            Failure::Daemon(Problem::new(p.kind, message))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use admin_api::Secret;
    use admin_api::transfer::{Credentials, Record};

    fn person(name: &str, bytes: usize) -> Person {
        let record = Record {
            name: name.to_owned(),
            display_name: String::new(),
            card_name: None,
            credentials: Credentials::Plain(Secret::new("x")),
            roster: Vec::new(),
            offline: vec!["x".repeat(bytes)],
        };
        Person { record, data: Vec::new() }
    }

    #[test]
    fn batches_fit_frames() {
        let sizes = [0, 600_000, 600_000, 300_000, 0, 0];
        let people: Vec<Person> =
            sizes.iter().enumerate().map(|(i, n)| person(&format!("u{i}"), *n)).collect();
        let batches = batches(people).unwrap();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 4]);
        for people in batches {
            let records = people.into_iter().map(|p| p.record).collect();
            let import = transfer::Import { records, existing: Existing::Refuse };
            let envelope = admin_api::Envelope { token: None, request: import.into() };
            assert!(serde_json::to_vec(&envelope).unwrap().len() <= FRAME_BYTES_MAX);
        }
    }

    #[test]
    fn batches_have_a_number_limit() {
        let people = (0..250).map(|i| person(&format!("u{i}"), 0)).collect();
        let sizes: Vec<usize> = batches(people).unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50]);
        assert!(batches(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn an_account_that_fits_no_frame_is_named() {
        let error = batches(vec![person("ann", FRAME_BYTES_MAX)]).unwrap_err().to_string();
        assert!(error.contains("ann") && error.contains("--without-messages"), "{error}");
    }
}
