//! snug-first-boot: reads the set-up file on the card's boot partition before the network starts,
//! and does what it says.
//!
//! Runs as root at every start and is done in milliseconds when there is no file. A file is taken
//! over once: when all of it is done, it is put away without its secrets. Until then every start
//! does all of it again, so that a cut of power at any moment is made good. A file with a mistake
//! changes nothing; what is wrong is written beside it, and told on the health page.

mod apply;
mod plan;
mod preseed;
mod report;
mod setup_file;
mod wishes;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use apply::{Place, remove};
use wishes::{FILE_BYTES_MAX, Wishes};

/// The file that people write.
const SETUP_FILE: &str = "snug-setup.toml";

/// Where it goes when it is done.
const DONE_FILE: &str = "snug-setup.done.toml";

/// What Raspberry Pi Imager writes.
const IMAGER_FILES: [&str; 2] = ["custom.toml", "rpi-preseed.toml"];

const USAGE: &str = "usage: snug-first-boot BOOT-FOLDER [ROOT]";

fn main() -> ExitCode {
    let words: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (boot, root) = match words.as_slice() {
        [boot] => (boot.as_path(), Path::new("/")),
        [boot, root] => (boot.as_path(), root.as_path()),
        _ => return report::ended(USAGE),
    };
    match take_over(boot, root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => report::ended(&e.to_string()),
    }
}

/// Does what the files on the boot partition say.
///
/// # Errors
/// A step failed, or the boot partition cannot be read; the next start tries again.
fn take_over(boot: &Path, root: &Path) -> io::Result<()> {
    let place = Place { root };
    let zone_exists = |zone: &str| place.below("/usr/share/zoneinfo").join(zone).is_file();
    for name in IMAGER_FILES {
        if let Some(bytes) = read(&boot.join(name))? {
            let (wishes, faults) = preseed::parse(&bytes, &zone_exists);
            carry_out(&place, &wishes)?;
            report::write(boot, root, name, &faults, true)?;
            // The card writer put it there, with secrets; nobody needs it any more.
            remove(&boot.join(name))?;
        }
    }
    let Some(bytes) = read(&boot.join(SETUP_FILE))? else { return Ok(()) };
    match setup_file::parse(&bytes, &zone_exists) {
        Err(faults) => report::write(boot, root, SETUP_FILE, &faults, false),
        Ok(wishes) => {
            carry_out(&place, &wishes)?;
            report::write(boot, root, SETUP_FILE, &[], true)?;
            let done = report::without_secrets(&bytes);
            apply::write_whole(&boot.join(DONE_FILE), 0o644, &done)?;
            remove(&boot.join(SETUP_FILE))
        }
    }
}

fn carry_out(place: &Place<'_>, wishes: &Wishes) -> io::Result<()> {
    plan::plan(wishes).iter().try_for_each(|step| place.carry_out(step))
}

/// The file's bytes; `None` if there is no such file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
