//! All checks at once, for people and (through serde) for programs.
//!
//! Invariant: one line per check, in the order of [`checks::ALL`].

use serde::Serialize;

use crate::checks::{self, Finding, Status};
use crate::facts::Facts;

/// The outcome of all checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The worst of all lines.
    pub status: Status,
    /// When the facts were gathered, seconds since 1970.
    pub at: u64,
    /// One per check.
    pub checks: Vec<Line>,
}

/// The outcome of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Name of the check for programs; stays the same from release to release.
    pub id: &'static str,
    /// Name of the check for people.
    pub title: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// Judges `facts` with every check.
#[must_use]
pub fn report(facts: &Facts) -> Report {
    let checks: Vec<Line> = checks::ALL
        .iter()
        .map(|c| Line { id: c.id, title: c.title, finding: (c.judge)(facts) })
        .collect();
    let status = checks.iter().map(|l| l.finding.status).max().unwrap_or(Status::Skip);
    Report { status, at: facts.now, checks }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_healthy_home() {
        let report = report(&sample::facts());
        for line in &report.checks {
            assert_eq!(line.finding.status, Status::Pass, "{line:?}");
        }
        assert_eq!(report.status, Status::Pass);
        assert_eq!(report.at, sample::NOW);
        assert_eq!(report.checks.len(), checks::ALL.len());
    }

    #[test]
    fn with_the_daemon_down_the_rest_is_still_judged() {
        let facts = Facts {
            daemon: Err("snugd cannot be reached at /run/snug/admin.sock".to_owned()),
            ..sample::facts()
        };
        let report = report(&facts);
        assert_eq!(report.status, Status::Fail);
        let by_id = |id: &str| report.checks.iter().find(|l| l.id == id).unwrap().finding.clone();
        assert_eq!(by_id("daemon").status, Status::Fail);
        assert!(by_id("daemon").sentence.contains("/run/snug/admin.sock"));
        assert_eq!(by_id("login").status, Status::Skip);
        assert_eq!(by_id("certificate").status, Status::Skip);
        assert_eq!(by_id("disk").status, Status::Pass);
        assert_eq!(by_id("memory").status, Status::Pass);
    }

    #[test]
    fn a_host_that_tells_nothing_fails_nothing() {
        let facts = Facts { host: crate::HostFacts::default(), ..sample::facts() };
        for line in report(&facts).checks {
            assert!(line.finding.status <= Status::Pass, "{line:?}");
        }
    }
}
