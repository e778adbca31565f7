//! Files of the authority: private, and written whole or not at all.
//!
//! Invariants: a file is complete under its name or not there; its content is on the disk before
//! the writer returns; nobody but the owner can read it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::CaError;

/// Largest file of ours that is read; the real ones have 2 kB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Makes `dir` if needed, for the owner only.
pub(super) fn make_dir(dir: &Path) -> Result<(), CaError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(dir).map_err(|e| CaError::File(dir.into(), e))
}

/// Reads a file of ours and closes it to everybody else, should a restore have opened it.
pub(super) fn read_own(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    let mut text = String::new();
    match (&mut file).take(FILE_BYTES_MAX).read_to_string(&mut text) {
        // Not text at all: damaged, which the caller can tell best.
        Err(e) if e.kind() == io::ErrorKind::InvalidData => Ok(String::new()),
        result => result.map(|_| text),
    }
}

/// Writes a file whole or not at all, readable by its owner only, and durably.
pub(super) fn write_own(dir: &Path, name: &str, text: &str) -> Result<(), CaError> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let write = || -> io::Result<()> {
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| CaError::File(path.clone(), e))
}
