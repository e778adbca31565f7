//! The claim: a small file beside the store that says who has it and how it ended.
//!
//! `store.lock` is locked while the store is open, so that two daemons cannot open one store.
//! It also remembers that there is a store, and whether it was closed in order: a store file
//! that is gone or empty is then seen as a loss and not as a first start, and a log that is
//! gone after a crash is seen as well. Behind that it keeps a copy of the store's table of
//! contents, which never changes while the store is open: if the store's first page is lost,
//! salvage still knows which tree is which table.
//!
//! Invariants: `running` is on the disk only once the log's name is; `ended` only once
//! everything of the log is in the store file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::files::{sync_dir_of, unusable};
use crate::limits::{LOCK_PAUSE, LOCK_TRIES};

const NAME: &str = "store.lock";
/// Same length, so that writing one over the other is a write of one sector.
const RUNNING: &[u8] = b"running\n";
const ENDED: &[u8] = b"ended  \n";
const LAST_LINE: &str = "end";
/// A table of contents is some twenty bytes a table.
const TEXT_BYTES_MAX: u64 = 64 * 1024;

/// How the store was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastEnd {
    /// There was none before.
    Never,
    /// It was closed.
    InOrder,
    /// The program or the machine stopped.
    Abrupt,
    /// There was one; how it ended cannot be read.
    Unknown,
}

/// Which tables a store has, and on which page the tree of each begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The version of the schema.
    pub(crate) version: u32,
    pub(crate) tables: Vec<(u32, String)>,
}

impl Contents {
    /// A few lines of text; the last one tells that it is whole.
    fn to_text(&self) -> String {
        let line = |(root, name): &(u32, String)| format!("{root} {name}\n");
        let tables: String = self.tables.iter().map(line).collect();
        format!("version {}\n{tables}{LAST_LINE}\n", self.version)
    }

    fn from_text(text: &str) -> Option<Self> {
        let text = text.strip_suffix('\n')?.strip_suffix(LAST_LINE)?;
        let mut lines = text.lines();
        let version = lines.next()?.strip_prefix("version ")?.parse().ok()?;
        let table = |line: &str| {
            let (root, name) = line.split_once(' ')?;
            Some((root.parse().ok()?, name.to_owned()))
        };
        Some(Contents { version, tables: lines.map(table).collect::<Option<_>>()? })
    }
}

/// Tries for a moment: a program that this process is just starting has every open file of ours
/// until it runs, and so the lock of a claim that was dropped meanwhile.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            done => return done,
        }
    }
    file.try_lock()
}

/// Exclusive use of a store's directory, until dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    file: File,
    path: PathBuf,
    contents: Option<Contents>,
}

impl Claim {
    /// Takes the directory, or says that somebody else has it.
    pub(crate) fn take(dir: &Path) -> Result<(Claim, LastEnd), OpenError> {
        let path = dir.join(NAME);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable(&path))?;
        lock(&file).map_err(|e| match e {
            TryLockError::WouldBlock => OpenError::InUse { dir: dir.to_owned() },
            TryLockError::Error(e) => unusable(&path)(e),
        })?;
        let mut text = Vec::new();
        (&mut file).take(TEXT_BYTES_MAX).read_to_end(&mut text).map_err(unusable(&path))?;
        let (state, rest) = text.split_at(RUNNING.len().min(text.len()));
        let last = match state {
            b"" => LastEnd::Never,
            RUNNING => LastEnd::Abrupt,
            ENDED => LastEnd::InOrder,
            _ => LastEnd::Unknown,
        };
        let contents = std::str::from_utf8(rest).ok().and_then(Contents::from_text);
        Ok((Claim { file, path, contents }, last))
    }

    /// The table of contents as of the last start.
    pub(crate) fn contents(&self) -> Option<&Contents> {
        self.contents.as_ref()
    }

    /// Notes that the store is open and its log exists.
    pub(crate) fn mark_running(&self, contents: &Contents) -> io::Result<()> {
        if self.contents.as_ref() != Some(contents) {
            let text = contents.to_text();
            let start = RUNNING.len() as u64;
            self.file.write_all_at(text.as_bytes(), start)?;
            self.file.set_len(start + text.len() as u64)?;
        }
        self.mark(RUNNING)
    }

    /// Notes that the store file is whole without its log.
    pub(crate) fn mark_ended(&self) -> io::Result<()> {
        self.mark(ENDED)
    }

    fn mark(&self, text: &[u8]) -> io::Result<()> {
        // First the names, the log's among them, and only then what may rely on them.
        sync_dir_of(&self.path)?;
        self.file.write_all_at(text, 0)?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Contents, LastEnd};
    use crate::error::OpenError;
    use crate::scratch::Scratch;

    #[test]
    fn one_at_a_time_and_the_end_is_remembered() {
        let dir = Scratch::new("claim");
        let (claim, last) = Claim::take(dir.path()).unwrap();
        assert_eq!(last, LastEnd::Never);
        let again = Claim::take(dir.path()).unwrap_err();
        assert_eq!(again, OpenError::InUse { dir: dir.path().to_owned() });
        assert_eq!(claim.contents(), None);
        let contents = Contents { version: 3, tables: vec![(4, "roster".to_owned())] };
        claim.mark_running(&contents).unwrap();
        drop(claim);
        let (claim, last) = Claim::take(dir.path()).unwrap();
        assert_eq!(last, LastEnd::Abrupt);
        assert_eq!(claim.contents(), Some(&contents));
        claim.mark_ended().unwrap();
        drop(claim);
        let (claim, last) = Claim::take(dir.path()).unwrap();
        assert_eq!((last, claim.contents()), (LastEnd::InOrder, Some(&contents)));
        drop(claim);
        std::fs::write(dir.path().join("store.lock"), "whatever").unwrap();
        assert_eq!(Claim::take(dir.path()).unwrap().1, LastEnd::Unknown);
    }

    #[test]
    fn a_table_of_contents_counts_only_as_a_whole() {
        let contents = Contents { version: 1, tables: vec![(3, "a".to_owned())] };
        let text = contents.to_text();
        assert_eq!(Contents::from_text(&text), Some(contents));
        for end in 0..text.len() {
            assert_eq!(Contents::from_text(&text[..end]), None, "{end}");
        }
        for bad in ["version 1\nx a\nend\n", "version\nend\n", "3 a\nend\n", "\0\0\0"] {
            assert_eq!(Contents::from_text(bad), None, "{bad}");
        }
    }
}
