//! Does the steps of a plan below a root: `/` in earnest, a folder in tests.
//!
//! Invariant: a file is there whole or as it was before (written beside, synced, renamed). On the
//! running system units are also started; below another root they are only switched on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::plan::Step;

/// Where the steps are done.
pub(crate) struct Place<'a> {
    pub(crate) root: &'a Path,
}

impl Place<'_> {
    /// Does one step. Done before, it changes nothing.
    ///
    /// # Errors
    /// What the disk or a program said.
    pub(crate) fn carry_out(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::File { path, mode, text } => write_whole(&self.below(path), *mode, text),
            Step::Line { path, from, to } => replace_line(&self.below(path), from, to),
            Step::Link { path, target } => self.link(path, target),
            Step::HostName { name } if self.is_running() => {
                fs::write("/proc/sys/kernel/hostname", name)
            }
            Step::HostName { .. } => Ok(()),
            Step::User { name, password_hash } => self.user(name, password_hash.as_deref()),
            Step::Owned { path, user } => {
                self.run("chown", &["-R", &format!("{user}:{user}"), path])?;
                self.run("chmod", &["700", path])
            }
            Step::HostKeys => self.run("ssh-keygen", &["-A"]),
            Step::On { unit } => self.on(unit),
        }
    }

    fn is_running(&self) -> bool {
        self.root == Path::new("/") && Path::new("/run/systemd/system").is_dir()
    }

    /// `path` (absolute) below the root.
    pub(crate) fn below(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    fn link(&self, path: &str, target: &str) -> io::Result<()> {
        let path = self.below(path);
        if fs::read_link(&path).is_ok_and(|now| now == Path::new(target)) {
            return Ok(());
        }
        let new = beside(&path);
        remove(&new)?;
        symlink(target, &new)?;
        fs::rename(&new, &path)?;
        sync_folder(&path)
    }

    fn user(&self, name: &str, password_hash: Option<&str>) -> io::Result<()> {
        let known = fs::read_to_string(self.below("/etc/passwd"))?;
        if !known.lines().any(|line| line.split(':').next() == Some(name)) {
            let words = ["--create-home", "--shell", "/bin/bash", "--groups", "sudo", name];
            self.run("useradd", &words)?;
        }
        match password_hash {
            Some(hash) => self.run("usermod", &["--password", hash, name]),
            None => Ok(()),
        }
    }

    fn on(&self, unit: &str) -> io::Result<()> {
        self.run("systemctl", &["--quiet", "enable", unit])?;
        if self.is_running() {
            // Not waited for: it may itself wait until this program is done.
            self.run("systemctl", &["--no-block", "start", unit])?;
        }
        Ok(())
    }

    /// Runs a program of the system that belongs to the root.
    fn run(&self, program: &str, words: &[&str]) -> io::Result<()> {
        let mut command = if self.root == Path::new("/") {
            Command::new(program)
        } else {
            let mut command = Command::new("chroot");
            command.arg(self.root).arg(program);
            command
        };
        let done = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).output()?;
        if done.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.lines().last().unwrap_or("no reason given").to_owned();
        Err(io::Error::other(format!("{program}: {last}")))
    }
}

/// Replaces a whole line of a file. A file without that line, or none, is left alone.
fn replace_line(path: &Path, from: &str, to: &str) -> io::Result<()> {
    let text = match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    let new: Vec<&str> = text.lines().map(|line| if line == from { to } else { line }).collect();
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    write_whole(path, mode, &format!("{}\n", new.join("\n")))
}

/// Writes `text` to `path`, whole or not at all; nothing if it is there already.
///
/// # Errors
/// What the disk says.
pub(crate) fn write_whole(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let same_rights =
        fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o7777 == mode);
    if same_rights && fs::read(path).is_ok_and(|now| now == text.as_bytes()) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = beside(path);
    remove(&new)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&new)?;
    file.write_all(text.as_bytes())?;
    // The mask of the process may have taken rights away.
    match file.set_permissions(fs::Permissions::from_mode(mode)) {
        // FAT knows no rights.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {}
        other => other?,
    }
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Removes a file; none there is as good.
///
/// # Errors
/// What the disk says.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

/// A rename lasts when its folder is on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
