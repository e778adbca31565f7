//! `snug config`: the settings file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use config::{Config, DEFAULT_PATH};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the settings file and show what is in force
    ///
    /// Prints every key with the value that snugd and the panel use after their next start:
    /// what the file says, and the defaults for the rest. On a fault it names the line, the
    /// wrong value and what it must be, with exit code 2. Does not need snugd.
    #[command(after_long_help = "\
Examples:
  snug config check
  snug config check --config new.toml && sudo cp new.toml /etc/snug/snug.toml")]
    Check,
}

#[derive(Serialize)]
struct Checked {
    file: Option<PathBuf>,
    config: Config,
}

pub(crate) fn run(command: &Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Check => check(context),
    }
}

fn check(context: &mut Context) -> Result<ExitCode, Failure> {
    let default = || Some(PathBuf::from(DEFAULT_PATH)).filter(|p| p.exists());
    let file = context.config_path().cloned().or_else(default);
    let config = context.config()?;
    context.out.show(&Checked { file, config }, |out, checked| {
        match &checked.file {
            Some(file) => out.line(&format!("# {} is fine. In force:", file.display()))?,
            None => out.line(&format!("# There is no {DEFAULT_PATH}. The defaults hold:"))?,
        }
        out.line("")?;
        checked.config.to_toml().lines().try_for_each(|line| out.line(line))
    })
}
