//! Space kept back, so that a full disk can be emptied through the store itself.
//!
//! Deleting rows takes space first: the log has to be written, and folded into the file. A
//! store that has filled the disk to the last byte could never be made smaller. So once a
//! store is in real use it keeps a file of zeroes beside it. When the disk is full that file
//! is emptied, and until it can be filled again the store does not grow: rows can be read,
//! deleted and replaced, and new ones go where old ones were.
//!
//! Invariants: the reserve is never used for growth; whether it was spent survives a restart,
//! by the length of its file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::engine;
use crate::files;

/// Bytes kept back: enough to fold a log of the usual length (4 MiB and one group) into new
/// pages, and for a new log to grow as long.
pub(crate) const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// How often filling the reserve again is tried: each try may write all of it.
const TRY_EVERY: Duration = Duration::from_secs(30);

/// Pages by which a store without its reserve may still grow: deleting rows can split a page.
const PAGES_TO_SPARE: u32 = 64;

/// The reserve of one store.
#[derive(Debug)]
pub(crate) struct Space {
    path: PathBuf,
    state: State,
    tried: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The store is small and has none yet.
    None,
    /// It is there.
    Kept,
    /// It has been given to the log; the store must not grow.
    Spent,
}

impl Space {
    /// Looks at the reserve beside the store file `path`, and keeps a store from growing that
    /// was without it when it was left.
    pub(crate) fn look(path: &Path, connection: &Connection) -> Self {
        let path = path.with_extension("reserve");
        let state = match std::fs::metadata(&path).map(|metadata| metadata.len()) {
            Ok(RESERVE_BYTES..) => State::Kept,
            Ok(_) => State::Spent,
            Err(_) => State::None,
        };
        let mut space = Space { path, state, tried: None };
        if state == State::Spent {
            limit_growth(connection, true);
            space.recover(connection);
        }
        space
    }

    /// The store is in real use: a reserve is due.
    pub(crate) fn in_use(&mut self, connection: &Connection) {
        match self.state {
            State::Kept => {}
            State::None => {
                if self.is_time() {
                    self.state = self.fill();
                }
            }
            State::Spent => self.recover_in_time(connection),
        }
    }

    /// The disk is full: gives the reserve away; `true` where there was one to give.
    pub(crate) fn ran_out(&mut self, connection: &Connection) -> bool {
        let given = self.state == State::Kept && self.empty().is_ok();
        if given {
            self.state = State::Spent;
            self.tried = Some(Instant::now());
            limit_growth(connection, true);
        } else {
            self.recover_in_time(connection);
        }
        given
    }

    /// Tries to fill a spent reserve, but not too often.
    pub(crate) fn recover_in_time(&mut self, connection: &Connection) {
        if self.state == State::Spent && self.is_time() {
            self.recover(connection);
        }
    }

    /// Tries to fill a spent reserve.
    pub(crate) fn recover(&mut self, connection: &Connection) {
        if self.state == State::Spent {
            self.tried = Some(Instant::now());
            if self.fill() == State::Kept {
                self.state = State::Kept;
                limit_growth(connection, false);
            }
        }
    }

    fn is_time(&mut self) -> bool {
        let now = Instant::now();
        let due = self.tried.is_none_or(|tried| now.duration_since(tried) >= TRY_EVERY);
        if due {
            self.tried = Some(now);
        }
        due
    }

    /// Writes the reserve; where there is no space for it, it is as spent or as missing as it
    /// was.
    fn fill(&self) -> State {
        let write = || -> io::Result<()> {
            // Zeroes that are written and not just a length: only they take space.
            let zeroes = vec![0; 256 * 1024];
            let mut file = self.file()?;
            let mut missing = RESERVE_BYTES;
            while missing > 0 {
                file.write_all(&zeroes)?;
                missing = missing.saturating_sub(zeroes.len() as u64);
            }
            // File systems may find out late that there is no space.
            file.sync_all()
        };
        if write().is_ok() {
            return State::Kept;
        }
        if self.state == State::None {
            // Nothing was kept before, so nothing has been spent.
            let _ = files::remove(&self.path);
        } else {
            let _ = self.empty();
        }
        self.state
    }

    fn empty(&self) -> io::Result<()> {
        self.file()?.sync_all()
    }

    /// The file, emptied.
    fn file(&self) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)
    }
}

/// Keeps the store from growing, or lets it. A failure leaves the limit as it was, and the
/// disk is then the limit.
fn limit_growth(connection: &Connection, limited: bool) {
    let pages = if limited { PAGES_TO_SPARE } else { u32::MAX };
    let _ = engine::limit_growth(connection, pages);
}
