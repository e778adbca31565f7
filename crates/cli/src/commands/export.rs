//! `snug export`: all accounts into one file.
//!
//! Invariants: the file is readable by its owner only from its first byte on; it appears under
//! its name when it is complete and on the disk, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use admin_api::transfer::{self, ExportPage};
use serde::Serialize;
use xmpp::Element;

use crate::context::{Context, Daemon};
use crate::failure::Failure;
use crate::output::{counted, remark};
use crate::pie::{self, Writer};

/// Write all accounts to a file that other servers can import (XEP-0227).
///
/// The file holds names, SCRAM keys, contact lists, waiting subscription requests, waiting
/// messages, kept conversations, vCards, block lists and whatever else people keep here. With
/// SCRAM keys somebody can try passwords, and log in to servers that use the same keys; so the
/// file is made readable for you only. Keep it safe, or encrypt it.
///
/// The file appears under its name only when it is complete.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  snug export home.xml
  snug export /media/stick/home.xml --force
  snug export - | age -r age1… > home.xml.age")]
pub(crate) struct Export {
    /// The file to write; - for standard output
    file: PathBuf,

    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Outcome {
    domain: String,
    accounts: u64,
    /// Whose waiting messages, or what else of whom, was left out.
    left_out: Vec<String>,
}

pub(crate) fn run(command: &Export, context: &mut Context) -> Result<ExitCode, Failure> {
    let daemon = context.daemon()?;
    if command.file == Path::new("-") {
        let outcome = pages(&daemon, Piped(context))?.1;
        remark(&format!("{} exported.", counted(outcome.accounts, "account")));
        return Ok(ExitCode::SUCCESS);
    }
    let file = command.file.as_path();
    // Asked first, for an answer before the work.
    if !command.force && file.exists() {
        return Err(there_already(file));
    }
    let draft = Draft::new(file)?;
    let (written, outcome) = pages(&daemon, BufWriter::new(draft.file()?))?;
    drop(written);
    draft.finish(command.force)?;
    context.out.show(&outcome, |out, o| {
        out.line(&format!(
            "{} of {} exported to {}.",
            counted(o.accounts, "account"),
            o.domain,
            file.display()
        ))
    })
}

fn there_already(file: &Path) -> Failure {
    Failure::Usage(format!("{} is there already; add --force to replace it", file.display()))
}

/// Writes page after page; hands back where they went.
fn pages<W: Write>(daemon: &Daemon, out: W) -> Result<(W, Outcome), Failure> {
    let mut page = daemon.call(transfer::Export::default())?;
    let domain = page.domain.clone();
    let mut writer = Writer::new(out, &domain).map_err(failed)?;
    let mut accounts = 0;
    let mut left_out = Vec::new();
    loop {
        for jid in std::mem::take(&mut page.left_out) {
            remark(&format!("left out, because they are too large: the waiting messages of {jid}"));
            left_out.push(jid);
        }
        for record in &page.records {
            writer
                .begin(&pie::user(record, &domain).map_err(Failure::Unusable)?)
                .map_err(failed)?;
            data(daemon, &mut writer, &record.name, &mut left_out)?;
            writer.end().map_err(failed)?;
            accounts += 1;
        }
        let Some(after) = next(&page) else { break };
        remark(&format!("{accounts} accounts so far"));
        page = daemon.call(transfer::Export { after: Some(after) })?;
        if page.domain != domain {
            return Err(Failure::Unusable("the domain changed meanwhile; try again".to_owned()));
        }
    }
    Ok((writer.finish().map_err(failed)?, Outcome { domain, accounts, left_out }))
}

/// Writes what features keep of the account `name`, page after page.
fn data<W: Write>(
    daemon: &Daemon,
    writer: &mut Writer<W>,
    name: &str,
    left_out: &mut Vec<String>,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = daemon.call(transfer::ExportData { name: name.to_owned(), after })?;
        for what in page.left_out {
            remark(&format!("left out, because it is too large: {what} of {name}"));
            left_out.push(format!("{name}: {what}"));
        }
        for xml in &page.elements {
            let piece = Element::parse(xml)
                .map_err(|e| Failure::Unusable(format!("what {name} keeps is damaged: {e}")))?;
            writer.piece(&piece).map_err(failed)?;
        }
        // A place without anything before it would lead nowhere.
        match page.next {
            Some(next) if !page.elements.is_empty() => after = Some(next),
            _ => return Ok(()),
        }
    }
}

/// After which account the next page begins. A page without accounts is the last one whatever
/// it says, so that this ends.
fn next(page: &ExportPage) -> Option<String> {
    page.records.last().filter(|_| page.more).map(|r| r.name.clone())
}

fn failed(e: std::io::Error) -> Failure {
    if e.kind() == std::io::ErrorKind::BrokenPipe {
        return Failure::OutputClosed;
    }
    Failure::Io("cannot write the export".to_owned(), e)
}

/// Standard output, as something to write to.
struct Piped<'a>(&'a mut Context);

impl Write for Piped<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.out.raw(bytes).map_err(as_io)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.out.flush(ExitCode::SUCCESS).map(drop).map_err(as_io)
    }
}

fn as_io(failure: Failure) -> std::io::Error {
    match failure {
        Failure::Io(_, e) => e,
        Failure::OutputClosed => std::io::ErrorKind::BrokenPipe.into(),
        other => std::io::Error::other(other.to_string()),
    }
}

/// The file before it is complete: beside its place, readable by its owner only, and gone if
/// it is not finished.
struct Draft {
    target: PathBuf,
    path: PathBuf,
    file: File,
}

impl Draft {
    fn new(target: &Path) -> Result<Self, Failure> {
        let name = target.file_name().ok_or_else(|| {
            Failure::Usage(format!("{} is not a name for a file", target.display()))
        })?;
        let mut draft = std::ffi::OsString::from(".");
        draft.push(name);
        draft.push(format!(".{}", std::process::id()));
        let path = target.with_file_name(draft);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Failure::io(format!("cannot make {}", path.display())))?;
        Ok(Self { target: target.to_owned(), path, file })
    }

    fn file(&self) -> Result<File, Failure> {
        self.file.try_clone().map_err(failed)
    }

    /// Puts it in its place, durably.
    fn finish(self, force: bool) -> Result<(), Failure> {
        let cannot = || format!("cannot write {}", self.target.display());
        self.file.sync_all().map_err(Failure::io(cannot()))?;
        // Somebody may have made it meanwhile. What is left of the race is between two people.
        if !force && self.target.exists() {
            return Err(there_already(&self.target));
        }
        std::fs::rename(&self.path, &self.target).map_err(Failure::io(cannot()))?;
        let folder = self.target.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))
            .and_then(|folder| folder.sync_all())
            .map_err(Failure::io(cannot()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already after a rename.
        let _ = std::fs::remove_file(&self.path);
    }
}
