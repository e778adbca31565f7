//! `snug completions`: scripts for shells.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::context::Context;
use crate::failure::Failure;

/// Print a script that completes commands on the Tab key.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  snug completions bash | sudo tee /usr/share/bash-completion/completions/snug
  snug completions zsh > ~/.zfunc/_snug
  snug completions fish > ~/.config/fish/completions/snug.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(command: &Completions, context: &mut Context) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Args::command(), "snug", &mut script);
    context.out.raw(&script)?;
    Ok(ExitCode::SUCCESS)
}
