//! The firewall: what may pass, and the choice of who may chat from where.
//!
//! The daemon changes no rules. It leaves the choice in a file; a unit of systemd sees that and
//! has the rules made anew (`systemd/snug-firewall-apply.path`). The file, and not the store,
//! because the rules are made before this daemon runs.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use ::firewall::table::{Way, rows};
use ::firewall::{Asked, CHOICE_FILE, Choice, document};
use admin_api::firewall::{ChatFrom, Choose, Row, Table};
use admin_api::{Problem, ProblemKind};

use crate::daemon::Daemon;

/// What may pass.
pub(super) fn show(daemon: &Daemon) -> Result<Table, Problem> {
    let path = daemon.config.server.data_dir.join(CHOICE_FILE);
    let choice = read(&path).map_err(|e| failed(&path, &e))?;
    let asked = Asked { config: &daemon.config, choice, users: &[] };
    let of = |way| {
        let rows = rows(&asked).into_iter().filter(move |(entry, _)| entry.way == way);
        rows.map(|(entry, pass)| Row {
            title: entry.title.to_owned(),
            traffic: document::traffic(&pass.traffic),
            peer: document::peer(&pass.peer),
            why: entry.why.to_owned(),
        })
        .collect()
    };
    Ok(Table {
        chat_from: match choice {
            Choice::Lan => ChatFrom::Lan,
            Choice::Everywhere => ChatFrom::Everywhere,
        },
        by_settings: !asked.panel_decides(),
        incoming: of(Way::In),
        outgoing: of(Way::Out),
    })
}

/// Chooses.
pub(super) async fn choose(daemon: &Daemon, call: &Choose) -> Result<Table, Problem> {
    let asked = Asked { config: &daemon.config, choice: Choice::Lan, users: &[] };
    if !asked.panel_decides() {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "`firewall.chat_from` in snug.toml says who may connect; set it to [\"panel\"] to \
             choose here.",
        ));
    }
    let choice = match call.chat_from {
        ChatFrom::Lan => Choice::Lan,
        ChatFrom::Everywhere => Choice::Everywhere,
    };
    let path = daemon.config.server.data_dir.join(CHOICE_FILE);
    // A slow card takes its time; the others' chat does not wait for it.
    let written =
        tokio::task::spawn_blocking(move || write(&path, choice).map_err(|e| failed(&path, &e)));
    written
        .await
        .map_err(|_| Problem::new(ProblemKind::Daemon, "Writing ended; see the log."))??;
    tracing::info!(choice = choice.as_str(), "it was chosen from where chat clients may connect");
    show(daemon)
}

/// What is chosen: the home's own network, unless the file says something else.
fn read(path: &Path) -> std::io::Result<Choice> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Choice::default()),
        Err(e) => return Err(e),
    };
    let mut word = Vec::new();
    file.take(Choice::BYTES_MAX as u64).read_to_end(&mut word)?;
    Ok(Choice::from_word(&String::from_utf8_lossy(&word)).unwrap_or_default())
}

/// Replaces the file in one step, durably.
fn write(path: &Path, choice: Choice) -> std::io::Result<()> {
    let dir = path.parent().ok_or(ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    writeln!(file, "{}", choice.as_str())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

fn failed(path: &Path, e: &std::io::Error) -> Problem {
    Problem::new(ProblemKind::Store, format!("{}: {e}.", path.display()))
}
