//! Errors, by whose turn it is to act.
//!
//! [`StoreError`] comes from reads and commits, [`OpenError`] from opening. The texts are for
//! the operator: what is wrong, and what to do. They never hold a key or a value, as those
//! are people's addresses and messages.

use std::fmt;
use std::path::PathBuf;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// A mistake in the program, or a limit that it ran into.
    Ours,
    /// The disk, the card or the files: somebody has to look at the machine.
    Operator,
}

/// Which half of a row did not decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Why a read or a commit failed.
///
/// A commit that failed is not known to be durable. It is not visible to reads; after a power
/// cut it may, rarely, turn out to be there after all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// A value has no stored form (JSON maps need keys of text).
    Encode {
        /// The table it was meant for.
        table: &'static str,
    },
    /// A key is beyond [`crate::limits::KEY_BYTES_MAX`].
    KeyTooLarge {
        /// The table it was meant for.
        table: &'static str,
        /// Bytes of the encoded key.
        bytes: usize,
    },
    /// A batch is beyond [`crate::limits::BATCH_BYTES_MAX`].
    BatchTooLarge {
        /// Bytes of the batch when it was given up.
        bytes: usize,
    },
    /// More than [`crate::limits::BACKLOG_BYTES_MAX`] wait to become durable.
    Overloaded,
    /// The schema does not list this table.
    UnknownTable {
        /// Its name.
        table: &'static str,
    },
    /// The store has been closed.
    Closed,
    /// A call that waits for the writer was made from the writer's own thread.
    OnWriterThread,
    /// The disk is full.
    Full,
    /// The disk, the card or the file system failed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// The engine's extended code.
        code: i32,
    },
    /// The file is damaged.
    Damaged {
        /// What was being done.
        doing: &'static str,
        /// The engine's extended code.
        code: i32,
    },
    /// A row is there but does not decode.
    Corrupt {
        /// Its table.
        table: &'static str,
        /// Which half.
        part: Part,
    },
    /// Anything else the engine refused.
    Engine {
        /// What was being done.
        doing: &'static str,
        /// The engine's extended code.
        code: i32,
    },
}

impl StoreError {
    /// Whose turn it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            StoreError::Full
            | StoreError::Io { .. }
            | StoreError::Damaged { .. }
            | StoreError::Corrupt { .. } => Blame::Operator,
            StoreError::Encode { .. }
            | StoreError::KeyTooLarge { .. }
            | StoreError::BatchTooLarge { .. }
            | StoreError::Overloaded
            | StoreError::UnknownTable { .. }
            | StoreError::Closed
            | StoreError::OnWriterThread
            | StoreError::Engine { .. } => Blame::Ours,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Encode { table } => {
                write!(f, "a value for the table {table} has no stored form")
            }
            StoreError::KeyTooLarge { table, bytes } => {
                write!(f, "a key of {bytes} bytes is too long for the table {table}")
            }
            StoreError::BatchTooLarge { bytes } => {
                write!(f, "a change of {bytes} bytes is too large to store at once")
            }
            StoreError::Overloaded => {
                f.write_str("the disk cannot keep up: too much is waiting to be written")
            }
            StoreError::UnknownTable { table } => write!(f, "the schema has no table {table}"),
            StoreError::Closed => f.write_str("the store is closed"),
            StoreError::OnWriterThread => {
                f.write_str("the store's writer was asked to wait for itself")
            }
            StoreError::Full => f.write_str(
                "the disk is full: nothing new can be stored until there is space again",
            ),
            StoreError::Io { doing, code } => write!(
                f,
                "the disk failed while {doing} ({}): look at the system log, the card or the \
                 disk may be failing; make a backup now",
                code_text(*code)
            ),
            StoreError::Damaged { doing, code } => write!(
                f,
                "the store is damaged (found while {doing}: {}): stop the daemon, then restore \
                 the last backup or salvage what can still be read",
                code_text(*code)
            ),
            StoreError::Corrupt { table, part } => write!(
                f,
                "a row of the table {table} is damaged: its {} does not decode",
                match part {
                    Part::Key => "key",
                    Part::Value => "value",
                }
            ),
            StoreError::Engine { doing, code } => {
                write!(f, "the storage engine refused while {doing} ({})", code_text(*code))
            }
        }
    }
}

impl std::error::Error for StoreError {}

/// Why a store did not open. Nothing is changed on the disk when it does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The directory or a file in it cannot be used.
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why, as the operating system says it.
        kind: std::io::ErrorKind,
    },
    /// Another process, or this one, has the store open.
    InUse {
        /// The store's directory.
        dir: PathBuf,
    },
    /// There was a store in this directory and its file is gone or empty.
    Missing {
        /// The file that is gone.
        path: PathBuf,
    },
    /// The daemon did not end in order, and the log with its newest changes is gone.
    LogMissing {
        /// The file that is gone.
        path: PathBuf,
    },
    /// The file is something else.
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the program has written this store.
    Newer {
        /// Version of the store.
        found: u32,
        /// Newest version that this program reads.
        known: u32,
    },
    /// The store is older than the oldest version this program can bring up to date.
    TooOld {
        /// Version of the store.
        found: u32,
        /// Oldest version that this program reads.
        oldest: u32,
    },
    /// The file is damaged.
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// The engine's extended code.
        code: i32,
    },
    /// A step that brings the store up to date failed; the store is as it was before it.
    Migration {
        /// The version that the step leads to.
        to: u32,
        /// What the step does.
        what: &'static str,
        /// Why it failed.
        error: StoreError,
    },
    /// The schema itself is wrong: a mistake in the program.
    Schema {
        /// Which rule it breaks.
        rule: &'static str,
    },
    /// Anything else: a full disk, a failing card.
    Store(StoreError),
}

impl OpenError {
    /// Whose turn it is.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            OpenError::Schema { .. } => Blame::Ours,
            OpenError::Migration { error, .. } | OpenError::Store(error) => error.blame(),
            _ => Blame::Operator,
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Unusable { path, kind } => {
                write!(f, "{} cannot be used: {kind}", path.display())
            }
            OpenError::InUse { dir } => write!(
                f,
                "the store in {} is in use by another process: stop that one first",
                dir.display()
            ),
            OpenError::Missing { path } => write!(
                f,
                "{} is gone or empty, though this directory held a store: put it back or \
                 restore the last backup. To begin anew, empty the directory by hand",
                path.display()
            ),
            OpenError::LogMissing { path } => write!(
                f,
                "{} is gone, though the daemon did not end in order: the newest changes were \
                 in it. Put it back or restore the last backup. If another tool has folded it \
                 into the store file, restore that very file",
                path.display()
            ),
            OpenError::NotAStore { path } => write!(
                f,
                "{} is not a store of this program: move it away or correct the data directory",
                path.display()
            ),
            OpenError::Newer { found, known } => write!(
                f,
                "the store has version {found} and this program knows version {known} at most: \
                 a newer program has written it. Install that version again, or restore a \
                 backup from before the update"
            ),
            OpenError::TooOld { found, oldest } => write!(
                f,
                "the store has version {found} and this program can bring version {oldest} and \
                 later up to date: start a release in between first"
            ),
            OpenError::Damaged { path, doing, code } => write!(
                f,
                "{} is damaged (found while {doing}: {}). Nothing was changed. Restore the \
                 last backup, or salvage what can still be read into a new file",
                path.display(),
                code_text(*code)
            ),
            OpenError::Migration { to, what, error } => write!(
                f,
                "bringing the store to version {to} ({what}) failed, it is as before: {error}"
            ),
            OpenError::Schema { rule } => write!(f, "the program's schema is wrong: {rule}"),
            OpenError::Store(error) => write!(f, "the store does not open: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

/// The engine's short text for a code, with the code.
fn code_text(code: i32) -> String {
    format!("{}, code {code}", rusqlite::ffi::code_to_str(code))
}
