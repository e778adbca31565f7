//! The claim: a small file beside the store that says who has it and how it ended.
//!
//! `store.lock` is locked while the store is open, so that two daemons cannot open one store.
//! It also remembers that there is a store, and whether it was closed in order: a store file
//! that is gone or empty is then seen as a loss and not as a first start, and a log that is
//! gone after a crash is seen as well.
//!
//! Invariants: `running` is on the disk only once the log's name is; `ended` only once
//! everything of the log is in the store file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::files::{sync_dir_of, unusable};

const NAME: &str = "store.lock";
/// Same length, so that writing one over the other is a write of one sector.
const RUNNING: &[u8] = b"running\n";
const ENDED: &[u8] = b"ended  \n";

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

/// Exclusive use of a store's directory, until dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    file: File,
    path: PathBuf,
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
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { dir: dir.to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(unusable(&path)(e)),
        }
        let mut text = Vec::new();
        let longest = u64::try_from(RUNNING.len()).unwrap_or(u64::MAX);
        (&mut file).take(longest).read_to_end(&mut text).map_err(unusable(&path))?;
        let last = match text.as_slice() {
            b"" => LastEnd::Never,
            RUNNING => LastEnd::Abrupt,
            ENDED => LastEnd::InOrder,
            _ => LastEnd::Unknown,
        };
        Ok((Claim { file, path }, last))
    }

    /// Notes that the store is open and its log exists.
    pub(crate) fn mark_running(&self) -> io::Result<()> {
        self.mark(RUNNING)
    }

    /// Notes that the store file is whole without its log.
    pub(crate) fn mark_ended(&self) -> io::Result<()> {
        self.mark(ENDED)
    }

    fn mark(&self, text: &[u8]) -> io::Result<()> {
        self.file.write_all_at(text, 0)?;
        self.file.sync_all()?;
        sync_dir_of(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, LastEnd};
    use crate::error::OpenError;
    use crate::scratch::Scratch;

    #[test]
    fn one_at_a_time_and_the_end_is_remembered() {
        let dir = Scratch::new("claim");
        let (claim, last) = Claim::take(dir.path()).unwrap();
        assert_eq!(last, LastEnd::Never);
        let again = Claim::take(dir.path()).unwrap_err();
        assert_eq!(again, OpenError::InUse { dir: dir.path().to_owned() });
        claim.mark_running().unwrap();
        drop(claim);
        let (claim, last) = Claim::take(dir.path()).unwrap();
        assert_eq!(last, LastEnd::Abrupt);
        claim.mark_ended().unwrap();
        drop(claim);
        assert_eq!(Claim::take(dir.path()).unwrap().1, LastEnd::InOrder);
        std::fs::write(dir.path().join("store.lock"), "whatever").unwrap();
        assert_eq!(Claim::take(dir.path()).unwrap().1, LastEnd::Unknown);
    }
}
