//! `snug health`: is everything well?

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use admin_api::daemon;
use health::{DaemonFacts, Facts, HostFacts, Report, Status};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

/// Columns of a plain terminal, such as the board's own screen.
const COLUMNS: usize = 80;

/// Check the host and the server, and say what to do.
///
/// Looks at the machine itself (disk, memory, load, temperature, power, clock) and asks snugd
/// about the rest (a real log-in, ports, certificate, store, backup). Works while snugd is down,
/// and then says so.
///
/// The exit code is 1 if any check fails; warnings leave it at 0.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  snug health
  snug health --json | jq -r '.checks[] | select(.status == \"fail\") | .sentence'
  snug health --metrics > /var/lib/prometheus/node-exporter/snug.prom")]
pub(crate) struct Health {
    /// Print numbers in the text form of Prometheus
    #[arg(long, conflicts_with = "json")]
    metrics: bool,
}

pub(crate) fn run(command: &Health, context: &mut Context) -> Result<ExitCode, Failure> {
    let facts = gather(context);
    let report = health::report(&facts);
    if command.metrics {
        context.out.raw(health::prometheus::text(&facts).as_bytes())?;
    } else {
        context.out.show(&report, tell)?;
    }
    Ok(ExitCode::from(u8::from(report.status == Status::Fail)))
}

fn gather(context: &Context) -> Facts {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    let daemon = daemon_facts(context).map_err(|e| e.to_string());
    // With a broken settings file the default place is the best guess.
    let data_dir = context.config().unwrap_or_default().server.data_dir;
    let host = HostFacts::gather(Path::new("/"), &data_dir);
    Facts { host, daemon, now }
}

/// A fault in the settings is most likely why the daemon is down, so it is told first.
fn daemon_facts(context: &Context) -> Result<DaemonFacts, Failure> {
    let asked = context.daemon().and_then(|daemon| daemon.call(daemon::Facts {}));
    match (asked, context.config()) {
        (Err(_), Err(settings)) => Err(settings),
        (asked, _) => asked,
    }
}

fn tell(out: &mut Output, report: &Report) -> Result<(), Failure> {
    for line in &report.checks {
        let finding = &line.finding;
        let head = format!("{}  {}:", finding.status.as_str(), line.title);
        wrapped(&head, &finding.sentence, 6).iter().try_for_each(|l| out.line(l))?;
        if let Some(remedy) = &finding.remedy {
            wrapped("      ->", remedy, 9).iter().try_for_each(|l| out.line(l))?;
        }
    }
    let bad = |status| report.checks.iter().filter(|l| l.finding.status == status).count();
    out.line("")?;
    match (bad(Status::Fail), bad(Status::Warn)) {
        (0, 0) => out.line("All is well."),
        (fail, warn) => out.line(&format!("{fail} failed, {warn} to look at.")),
    }
}

/// `head` and `text` in lines of at most [`COLUMNS`], the second and later ones indented.
fn wrapped(head: &str, text: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = head.to_owned();
    for word in text.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() <= COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(std::mem::replace(&mut line, format!("{:indent$}{word}", "")));
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sentences_are_wrapped() {
        let lines = wrapped("fail  Disk:", &"word ".repeat(40), 6);
        assert!(lines.len() > 2 && lines.iter().all(|l| l.chars().count() <= COLUMNS));
        assert!(lines[1].starts_with("      word"));
        assert_eq!(lines.concat().matches("word").count(), 40);
        assert_eq!(wrapped("   ->", "short", 6), ["   -> short"]);
    }
}
