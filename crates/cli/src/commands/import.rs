//! `snug import`: accounts from another server's file.
//!
//! Invariants: the files are read and judged as a whole before anything is sent; every batch is
//! durable when it is counted; no batch is larger than a frame.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use admin_api::transfer::{self, Existing, Imported, PAGE_ACCOUNTS_MAX, Record};
use admin_api::{Problem, ProblemKind, accounts, daemon, frame::FRAME_BYTES_MAX};
use clap::ValueEnum;
use serde::Serialize;

use crate::context::{Context, Daemon};
use crate::failure::Failure;
use crate::output::{counted, remark};
use crate::pie::{self, Found, Notes};

/// Bytes of a batch: a frame less its envelope.
const BATCH_BYTES_MAX: usize = FRAME_BYTES_MAX - 4_096;

/// Names that an error lists.
const NAMES_SHOWN_MAX: usize = 5;

/// Add accounts from a file that another server exported (XEP-0227).
///
/// Reads accounts with their passwords or SCRAM keys, contact lists, waiting subscription
/// requests, waiting messages, and the name in the vCard. What else the file holds is left out
/// and listed. Prosody and ejabberd write such files; several files, and files that include
/// others, are read as one.
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
    let mut records = chosen(&mut found, command.host.as_deref(), &domain)?;
    if command.without_messages {
        records.iter_mut().for_each(|r| r.offline.clear());
    }
    let existing = existing(&daemon, &records)?;
    if command.existing == ExistingName::Refuse && !existing.is_empty() {
        return Err(conflict(&existing));
    }
    let skipped = match command.existing {
        ExistingName::Skip => existing.len(),
        ExistingName::Refuse | ExistingName::Replace => 0,
    };
    let total = records.len();
    let batches = batches(records)?;
    let imported = if command.dry_run {
        Imported { written: count(total - skipped), skipped: count(skipped) }
    } else {
        send(&daemon, batches, command.existing, total)?
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

/// The records of the host to import, at the home's domain.
fn chosen(found: &mut Found, host: Option<&str>, domain: &str) -> Result<Vec<Record>, Failure> {
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
    let mut records = host.records;
    if host.domain != domain {
        records.iter_mut().for_each(|r| pie::relocate(r, &host.domain, domain));
    }
    for other in &found.hosts {
        found.notes.add(format!("the host {}", other.domain));
    }
    Ok(records)
}

/// Names of `records` that exist already, deleted ones within their grace period included.
fn existing(daemon: &Daemon, records: &[Record]) -> Result<Vec<String>, Failure> {
    let accounts = daemon.call(accounts::List {})?;
    let names: BTreeSet<&str> =
        accounts.iter().filter_map(|a| a.jid.split_once('@')).map(|(local, _)| local).collect();
    Ok(records.iter().filter(|r| names.contains(&*r.name)).map(|r| r.name.clone()).collect())
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

/// Batches that fit a frame each.
fn batches(records: Vec<Record>) -> Result<Vec<Vec<Record>>, Failure> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = serde_json::to_vec(&record)
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
        batch.push(record);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    Ok(batches)
}

fn send(
    daemon: &Daemon,
    batches: Vec<Vec<Record>>,
    existing: ExistingName,
    total: usize,
) -> Result<Imported, Failure> {
    let existing = match existing {
        ExistingName::Refuse => Existing::Refuse,
        ExistingName::Replace => Existing::Replace,
        ExistingName::Skip => Existing::Skip,
    };
    let several = batches.len() > 1;
    let mut sum = Imported::default();
    for records in batches {
        let done = daemon.call(transfer::Import { records, existing }).map_err(|failure| {
            let done = sum.written + sum.skipped;
            match failure {
                Failure::Daemon(p) if done > 0 => Failure::Daemon(Problem::new(
                    p.kind,
                    format!(
                        "{}. {done} accounts were imported before; run it again with --existing \
                         skip for the rest",
                        p.message.trim_end_matches('.')
                    ),
                )),
                other => other,
            }
        })?;
        sum.written += done.written;
        sum.skipped += done.skipped;
        if several {
            remark(&format!("{} of {total}", sum.written + sum.skipped));
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use admin_api::Secret;
    use admin_api::transfer::Credentials;

    fn record(name: &str, bytes: usize) -> Record {
        Record {
            name: name.to_owned(),
            display_name: String::new(),
            credentials: Credentials::Plain(Secret::new("x")),
            roster: Vec::new(),
            offline: vec!["x".repeat(bytes)],
        }
    }

    #[test]
    fn batches_fit_frames() {
        let sizes = [0, 600_000, 600_000, 300_000, 0, 0];
        let records: Vec<Record> =
            sizes.iter().enumerate().map(|(i, n)| record(&format!("u{i}"), *n)).collect();
        let batches = batches(records).unwrap();
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 4]);
        for records in batches {
            let import = transfer::Import { records, existing: Existing::Refuse };
            let envelope = admin_api::Envelope { token: None, request: import.into() };
            assert!(serde_json::to_vec(&envelope).unwrap().len() <= FRAME_BYTES_MAX);
        }
    }

    #[test]
    fn batches_have_a_number_limit() {
        let records = (0..250).map(|i| record(&format!("u{i}"), 0)).collect();
        let sizes: Vec<usize> = batches(records).unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50]);
        assert!(batches(Vec::new()).unwrap().is_empty());
    }

    #[test]
    fn an_account_that_fits_no_frame_is_named() {
        let error = batches(vec![record("ann", FRAME_BYTES_MAX)]).unwrap_err().to_string();
        assert!(error.contains("ann") && error.contains("--without-messages"), "{error}");
    }
}
