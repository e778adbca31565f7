//! The files of a store: their names, how they are made durable, and moving them.
//!
//! Invariant: no file of an open store is opened here. Closing any descriptor of a file drops
//! the locks that the engine holds on it in this process.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// The store file in its directory.
pub(crate) fn store_path(dir: &Path) -> PathBuf {
    dir.join("store.db")
}

/// Where salvage puts what it finds.
pub(crate) fn salvaged_path(dir: &Path) -> PathBuf {
    dir.join("store.salvaged.db")
}

/// The log that belongs to a store file.
pub(crate) fn log_path(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

/// The name with something after it.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes of a file; `None` where there is none.
pub(crate) fn length(path: &Path) -> Result<Option<u64>, OpenError> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
        Ok(_) => Err(OpenError::NotAStore { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(path)(error)),
    }
}

/// Makes the directory, for the daemon's eyes only, where there is none.
pub(crate) fn make_dir(dir: &Path) -> Result<(), OpenError> {
    if dir.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(unusable(dir))?;
    sync_dir_of(dir).map_err(unusable(dir))
}

/// Makes an empty file for the daemon's eyes only: it will hold password verifiers and
/// messages. The engine gives the log the same mode.
pub(crate) fn make_file(path: &Path) -> Result<(), OpenError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(|_| ())
        .map_err(unusable(path))
}

/// Flushes a file that nobody has open.
pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes the names in the directory of `path` durable.
pub(crate) fn sync_dir_of(path: &Path) -> io::Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    File::open(dir)?.sync_all()
}

/// Removes a file; nothing happens where there is none.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Wraps the operating system's refusal.
pub(crate) fn unusable(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    move |error| OpenError::Unusable { path: path.to_owned(), kind: error.kind() }
}
