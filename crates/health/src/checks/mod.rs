//! The checks: one file each, and the list of all.
//!
//! Invariants: judging does no I/O; a sentence is for a person and holds no personal data; a
//! warning or failure has a remedy (a test of each check sees to it through [`Finding`]'s
//! constructors, which do not allow one without).

use std::borrow::Cow;

use serde::Serialize;

use crate::daemon::DaemonFacts;
use crate::facts::Facts;

mod backup;
mod certificate;
mod certificate_name;
mod clock;
mod daemon;
mod disk;
mod firewall;
mod keys;
mod load;
mod login;
mod memory;
mod omemo;
mod panics;
mod ports;
mod power;
mod setup_file;
mod store;
mod temperature;

/// Every check, in the order in which people should look at them.
pub const ALL: &[Check] = &[
    daemon::CHECK,
    login::CHECK,
    ports::CHECK,
    certificate::CHECK,
    certificate_name::CHECK,
    firewall::CHECK,
    store::CHECK,
    backup::CHECK,
    disk::CHECK,
    memory::CHECK,
    load::CHECK,
    temperature::CHECK,
    power::CHECK,
    clock::CHECK,
    setup_file::CHECK,
    keys::CHECK,
    omemo::CHECK,
    panics::CHECK,
];

/// One check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// For programs; also the name of its file.
    pub id: &'static str,
    /// For people.
    pub title: &'static str,
    /// Judges the facts.
    pub judge: fn(&Facts) -> Finding,
}

/// How well a thing is, from "not known" to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It cannot be known here or now; not a fault.
    Skip,
    /// It is well.
    Pass,
    /// Somebody should look at it soon.
    Warn,
    /// It does not work, or is about to stop.
    Fail,
}

impl Status {
    /// As in JSON and in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How well.
    pub status: Status,
    /// One sentence for a person.
    pub sentence: String,
    /// What to do; present with every [`Status::Warn`] and [`Status::Fail`].
    pub remedy: Option<Cow<'static, str>>,
}

impl Finding {
    fn skip(sentence: impl Into<String>) -> Self {
        Self { status: Status::Skip, sentence: sentence.into(), remedy: None }
    }

    fn pass(sentence: impl Into<String>) -> Self {
        Self { status: Status::Pass, sentence: sentence.into(), remedy: None }
    }

    fn warn(sentence: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Self {
        let remedy = Some(remedy.into());
        Self { status: Status::Warn, sentence: sentence.into(), remedy }
    }

    fn fail(sentence: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Self {
        let remedy = Some(remedy.into());
        Self { status: Status::Fail, sentence: sentence.into(), remedy }
    }
}

/// Judges what only the daemon knows; skips while it does not answer.
fn with_daemon(facts: &Facts, judge: impl FnOnce(&DaemonFacts) -> Finding) -> Finding {
    match &facts.daemon {
        Ok(daemon) => judge(daemon),
        Err(_) => Finding::skip("Not known while snugd does not answer."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_and_named_after_its_check() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/checks");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .filter_map(|f| f.strip_suffix(".rs").map(str::to_owned))
            .filter(|f| f != "mod")
            .collect();
        files.sort();
        let mut ids: Vec<String> = ALL.iter().map(|c| c.id.replace('-', "_")).collect();
        ids.sort();
        assert_eq!(files, ids);
    }

    #[test]
    fn worse_is_greater() {
        assert!(Status::Skip < Status::Pass && Status::Pass < Status::Warn);
        assert!(Status::Warn < Status::Fail);
    }
}
