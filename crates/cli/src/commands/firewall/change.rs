//! `snug firewall apply`, `confirm`, `rollback` and `start`: putting rules in force.
//!
//! The steps of a change: nftables judges the rules; systemd is told to load the good ones in a
//! minute (`snug-firewall-rollback.timer`, which needs nothing of ours); only then the new rules
//! are loaded, in one step. Confirmed, they become the good ones and the timer stops.
//!
//! Invariants: a change that nobody confirms is gone after a minute, whatever becomes of this
//! program; rules that nftables refuses change nothing; a start of the machine always ends with
//! rules in force, if nftables works at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::config::Config;
use ::firewall::rules::{BARE, NOTHING};
use health::facts::FirewallState;

use super::keep::Keep;
use super::{made, nft};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::remark;

/// Until a change is taken back. The same is in `snug-firewall-rollback.timer`.
const CONFIRM_TIME_MAX: Duration = Duration::from_secs(60);

/// The timer that takes a change back.
const TIMER: &str = "snug-firewall-rollback.timer";

/// How to apply.
#[derive(Debug, clap::Args)]
pub(crate) struct Apply {
    /// Confirm at once: the change is not taken back by itself
    #[arg(long)]
    confirm: bool,
}

/// How to confirm.
#[derive(Debug, clap::Args)]
pub(crate) struct Confirm {
    /// Confirm only the change that this file of the panel names
    ///
    /// The panel writes it when a device at home reached it after the change; for
    /// snug-firewall-confirm.service.
    #[arg(long, value_name = "FILE")]
    reached: Option<PathBuf>,
}

pub(super) fn apply(command: &Apply, context: &mut Context) -> Result<ExitCode, Failure> {
    let keep = Keep::open()?;
    let wanted = context.config().and_then(|config| made::make(&config));
    let text = wanted.and_then(|made| nft::check(&made.text).map(|()| made.text));
    let text = text.inspect_err(|why| broken(&keep, why))?;
    let good = keep.good();
    if command.confirm || good.as_deref() == Some(text.as_str()) {
        nft::load(&text).inspect_err(|why| broken(&keep, why))?;
        settle(&keep, &text)?;
        return tell(context, &keep, "The rules are in force.");
    }
    if good.is_none() {
        keep.set_good(NOTHING)?;
    }
    keep.set_waiting(Some(&text))?;
    timer("restart").map_err(|why| {
        Failure::Unusable(format!(
            "nothing was changed, because nobody would take the change back: {why}. \
             `snug firewall apply --confirm` does without"
        ))
    })?;
    if let Err(why) = nft::load(&text) {
        disarm();
        keep.set_waiting(None)?;
        broken(&keep, &why);
        return Err(why);
    }
    keep.say(FirewallState::Waiting, Some(now() + CONFIRM_TIME_MAX.as_secs()), None)?;
    tell(
        context,
        &keep,
        "The rules are in force for a minute. Open the panel from a device at home, or run \
         `snug firewall confirm`, and they stay.",
    )
}

pub(super) fn confirm(command: &Confirm, context: &mut Context) -> Result<ExitCode, Failure> {
    let keep = Keep::open()?;
    let status = keep.status().filter(|s| s.state == FirewallState::Waiting);
    let (Some(status), Some(text)) = (status, keep.waiting()) else {
        return tell(context, &keep, "No change waits to be confirmed.");
    };
    if let Some(file) = &command.reached
        && reached(file) != Some(status.at)
    {
        return tell(context, &keep, "The panel was reached, but not after this change.");
    }
    settle(&keep, &text)?;
    // A roll-back that had begun may have been faster than the line above.
    nft::load(&text)?;
    tell(context, &keep, "Confirmed: the rules stay.")
}

pub(super) fn rollback(context: &mut Context) -> Result<ExitCode, Failure> {
    let keep = Keep::open()?;
    let good = keep
        .good()
        .ok_or_else(|| Failure::Unusable("there are no earlier rules to go back to".to_owned()))?;
    nft::load(&good)?;
    keep.set_waiting(None)?;
    if keep.status().is_some_and(|s| s.state == FirewallState::Waiting) {
        keep.say(FirewallState::RolledBack, None, None)?;
    }
    disarm();
    tell(context, &keep, "The earlier rules are in force again.")
}

/// At the start of the machine: the settings' rules, or the good ones, or those of no settings at
/// all, or the bare ones. Nobody is there to confirm, so nothing is taken back.
pub(super) fn start(context: &mut Context) -> Result<ExitCode, Failure> {
    let keep = Keep::open()?;
    let wanted = context.config().and_then(|config| made::make(&config));
    let loaded = wanted.and_then(|made| nft::load(&made.text).map(|()| made.text));
    let why = match loaded {
        Ok(text) => {
            match keep.good() {
                Some(good) if good != text && good != NOTHING => {
                    keep.set_waiting(Some(&text))?;
                    keep.say(FirewallState::Waiting, None, None)?;
                }
                _ => settle(&keep, &text)?,
            }
            return tell(context, &keep, "The rules are in force.");
        }
        Err(why) => why,
    };
    let good = keep.good().filter(|good| good != NOTHING);
    let usual = || made::of_no_choice(&Config::default());
    let others = [good, Some(usual()), Some(BARE.to_owned())];
    let fallen_back = others.into_iter().flatten().any(|rules| nft::load(&rules).is_ok());
    let state = if fallen_back { FirewallState::Broken } else { FirewallState::None };
    keep.say(state, None, Some(clause(&why)))?;
    Err(why)
}

/// `text` is in force and good.
fn settle(keep: &Keep, text: &str) -> Result<(), Failure> {
    keep.set_good(text)?;
    keep.set_waiting(None)?;
    disarm();
    keep.say(FirewallState::InForce, None, None)
}

/// Tells the health page; what was in force stays so.
fn broken(keep: &Keep, why: &Failure) {
    let state = match keep.status() {
        // The first try: nothing was ever in force.
        None if keep.good().is_none() => FirewallState::None,
        _ => FirewallState::Broken,
    };
    if let Err(e) = keep.say(state, None, Some(clause(why))) {
        remark(&format!("the health page cannot be told: {e}"));
    }
}

/// A failure as a clause within a sentence.
fn clause(why: &Failure) -> String {
    why.to_string().trim_end_matches('.').to_owned()
}

fn tell(context: &mut Context, keep: &Keep, text: &str) -> Result<ExitCode, Failure> {
    let status = keep.status().unwrap_or_default();
    let json = serde_json::json!({ "state": status.state.as_str(), "until": status.until });
    context.out.show(&json, |out, _| out.line(text))
}

/// The change that the panel was reached after.
fn reached(file: &Path) -> Option<u64> {
    // A few digits; the panel's user may write what it likes.
    let text = fs::read(file).ok().filter(|bytes| bytes.len() <= 32)?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}

/// Nothing is to be taken back any more. A timer that goes off anyway loads the good rules.
fn disarm() {
    if let Err(why) = timer("stop") {
        remark(&format!("the timer of the roll-back was not stopped: {why}"));
    }
}

fn timer(verb: &str) -> Result<(), String> {
    let run = Command::new("systemctl")
        .args([verb, TIMER])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    match run {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(nft::said(&String::from_utf8_lossy(&done.stderr))),
        Err(e) => Err(format!("systemctl cannot be run: {e}")),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_takes_as_long_as_people_are_told() {
        let timer = include_str!("../../../../../systemd/snug-firewall-rollback.timer");
        assert!(timer.contains(&format!("\nOnActiveSec={}\n", CONFIRM_TIME_MAX.as_secs())));
    }

    #[test]
    fn the_panel_names_a_change_by_a_number() {
        let path = std::env::temp_dir().join(format!("snug-reached-{}", std::process::id()));
        for (text, wanted) in
            [("17\n", Some(17)), ("", None), ("17; x", None), (&"1".repeat(40), None)]
        {
            fs::write(&path, text).unwrap();
            assert_eq!(reached(&path), wanted);
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(reached(&path), None);
    }
}
