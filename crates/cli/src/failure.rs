//! Why a command failed, and how it is told.
//!
//! Invariant: one sentence or two on standard error, with the remedy where there is one; exit
//! code 1 for what was refused or failed, 2 for what was not understood.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use admin_api::Problem;
use config::ConfigError;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A person said no, or pressed Ctrl-C.
    Cancelled,
    /// The settings are not usable.
    Config(Box<ConfigError>),
    /// The daemon refused, failed or cannot be reached.
    Daemon(Problem),
    /// A file or the terminal failed: what was tried, and why it failed.
    Io(String, std::io::Error),
    /// Whoever read the output went away; nothing to tell.
    OutputClosed,
    /// A file was read but is not what it should be.
    Unusable(String),
    /// The command line asks for something that makes no sense.
    Usage(String),
}

impl Failure {
    /// For `map_err`: what was tried when the file or terminal failed.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |e| Self::Io(what, e)
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Cancelled | Self::Daemon(_) | Self::Io(..) => 1,
            Self::Config(_) | Self::Unusable(_) | Self::Usage(_) => 2,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Config(_) => "config",
            Self::Daemon(p) => p.kind.as_str(),
            Self::Io(..) => "io",
            Self::OutputClosed => "output-closed",
            Self::Unusable(_) => "unusable",
            Self::Usage(_) => "usage",
        }
    }

    /// Tells it on standard error and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if !matches!(self, Self::OutputClosed) {
            let line = if json {
                serde_json::json!({ "error": { "kind": self.kind(), "message": self.to_string() } })
                    .to_string()
            } else {
                format!("snug: {self}")
            };
            // With standard error gone there is nobody left to tell.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        }
        ExitCode::from(self.exit_code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("cancelled; nothing was changed"),
            Self::Config(e) => e.fmt(f),
            Self::Daemon(p) => f.write_str(&crate::output::plain(&p.message)),
            Self::Io(what, e) => write!(f, "{what}: {e}"),
            Self::OutputClosed => f.write_str("the output was closed"),
            Self::Unusable(why) | Self::Usage(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Daemon(problem)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use admin_api::ProblemKind;

    use super::*;

    #[test]
    fn words_of_the_daemon_are_shown_without_control_characters() {
        let problem = Problem::new(ProblemKind::Invalid, "no \u{1b}[2J");
        assert!(!Failure::from(problem).to_string().contains('\u{1b}'));
    }
}
