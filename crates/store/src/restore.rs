//! Restoring: putting a backup, or what was salvaged, in the place of the store.
//!
//! Invariants: this happens only when somebody asks for it by name; the store that was there
//! is set aside, never deleted; the new one is checked before anything is moved; wherever the
//! machine stops, the next start finds the old store, the new one, or refuses.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

use crate::backup::findings;
use crate::claim::Claim;
use crate::engine::{self, failed};
use crate::error::{OpenError, StoreError};
use crate::files;
use crate::open::{Marks, marks};
use crate::schema::Schema;

/// Stores that may have been set aside in one directory. Somebody has to look through them
/// before there are more.
const SET_ASIDE_MAX: u32 = 100;

const CHECKING: &str = "checking what is to be restored";

/// Puts the store file `from` (a backup, or what [`crate::salvage`] wrote) in the place of the
/// store in `dir`, which must not be in use, and returns where the old one now is. `from`
/// stays, unless it is the salvaged file of this directory. The store file itself may be
/// `from`: that accepts it as it is, without a log that is gone.
///
/// # Errors
/// If `from` is damaged, not a store, or of a version that this program does not read; the
/// store is then as it was. If moving files fails half-way, the store refuses to open until
/// this is called again.
pub fn restore(dir: &Path, from: &Path, schema: &Schema) -> Result<Option<PathBuf>, OpenError> {
    schema.check()?;
    files::make_dir(dir)?;
    let (claim, _) = Claim::take(dir)?;
    let staged = dir.join("store.restored.draft");
    let ready = stage(dir, from, &staged).and_then(|()| check(from, &staged, schema));
    if let Err(error) = ready {
        let _ = remove_with_log(&staged);
        return Err(error);
    }
    let aside = exchange(dir, &staged, &claim).map_err(files::unusable(dir))?;
    if from == files::salvaged_path(dir) {
        // It is the store now; a second name for it would only mislead.
        files::remove(from).map_err(files::unusable(from))?;
    }
    Ok(aside)
}

/// Brings the new store into the directory under a name of no meaning.
fn stage(dir: &Path, from: &Path, staged: &Path) -> Result<(), OpenError> {
    remove_with_log(staged).map_err(files::unusable(staged))?;
    if files::length(from)?.is_none() {
        return Err(OpenError::Unusable { path: from.to_owned(), kind: io::ErrorKind::NotFound });
    }
    // A second copy of what was salvaged may not fit on the card.
    if from == files::salvaged_path(dir) && std::fs::hard_link(from, staged).is_ok() {
        return Ok(());
    }
    let copy = |from: &Path, to: &Path| -> Result<(), OpenError> {
        files::make_file(to)?;
        let mut source = std::fs::File::open(from).map_err(files::unusable(from))?;
        std::fs::OpenOptions::new()
            .write(true)
            .open(to)
            .and_then(|mut target| io::copy(&mut source, &mut target))
            .map(|_| ())
            .map_err(files::unusable(to))
    };
    copy(from, staged)?;
    let log = files::log_path(from);
    if files::length(&log)?.is_some() {
        // A store file that was copied by hand, with its log.
        copy(&log, &files::log_path(staged))?;
    }
    Ok(())
}

/// Makes sure that the new store is whole and ours, and one file.
fn check(from: &Path, staged: &Path, schema: &Schema) -> Result<(), OpenError> {
    let refused = |error: StoreError| match error {
        StoreError::Damaged { doing, code } => {
            OpenError::Damaged { path: from.to_owned(), doing, code }
        }
        other => OpenError::Store(other),
    };
    let engine = |error: rusqlite::Error| refused(failed(CHECKING)(error));
    let connection = engine::open_writer(staged).map_err(engine)?;
    match marks(&connection).map_err(engine)? {
        Marks::Ours { version } => schema.admit(version)?,
        Marks::Fresh | Marks::Foreign => {
            return Err(OpenError::NotAStore { path: from.to_owned() });
        }
    }
    if !findings(&connection, "quick_check").map_err(refused)?.is_empty() {
        return Err(refused(StoreError::Damaged { doing: CHECKING, code: ffi::SQLITE_CORRUPT }));
    }
    engine::end_logging(&connection).map_err(engine)?;
    connection.close().map_err(|(_, error)| engine(error))?;
    files::sync_file(staged).map_err(files::unusable(staged))
}

/// Moves the old store out of the way and the new one in.
fn exchange(dir: &Path, staged: &Path, claim: &Claim) -> io::Result<Option<PathBuf>> {
    let path = files::store_path(dir);
    let aside = free_name(dir)?;
    let there = path.exists();
    // The log first: a store whose log is elsewhere is refused, a log that meets another
    // store would be read into it.
    rename_if_there(&files::log_path(&path), &files::log_path(&aside))?;
    rename_if_there(&path, &aside)?;
    files::remove(&files::with_suffix(&path, "-shm"))?;
    files::sync_dir_of(&path)?;
    // From here on there is no log to be missed.
    claim.mark_ended()?;
    std::fs::rename(staged, &path)?;
    files::sync_dir_of(&path)?;
    Ok(there.then_some(aside))
}

/// The first name of this kind that is free.
fn free_name(dir: &Path) -> io::Result<PathBuf> {
    (1..=SET_ASIDE_MAX)
        .map(|n| dir.join(format!("store.set-aside-{n}.db")))
        .find(|path| !path.exists() && !files::log_path(path).exists())
        .ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_with_log(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        files::remove(&files::with_suffix(path, suffix))?;
    }
    Ok(())
}
