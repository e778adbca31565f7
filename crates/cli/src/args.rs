//! The command line as a whole: global options, and what every `--help` says.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

const ABOUT: &str = "Manage a Snug chat server";

const LONG_ABOUT: &str = "\
Manage a Snug chat server: its accounts, connected clients, the directory of OTR fingerprints, \
its certificates, and its health.

snug talks to snugd on the same machine, through a socket that only root and the user of snugd \
may open; so most commands need sudo. Everything it changes is durable when it says so.";

const AFTER_LONG_HELP: &str = "\
Exit codes:
  0  done
  1  refused or failed; the reason and what to do are on standard error
  2  the command line, a file named in it, or the settings could not be understood

Files:
  /etc/snug/snug.toml   settings; `snug config check` shows what is in force
  /run/snug/admin.sock  the socket of snugd

Examples:
  snug setup link                  first run: a link and a QR code to set up the home
  snug account add ann             add a person; asks for the password
  snug account list --json         for scripts
  snug health                      is everything well?";

/// Manage a Snug chat server.
#[derive(Debug, Parser)]
#[command(
    name = "snug",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_long_help = AFTER_LONG_HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Global {
    /// Settings file
    ///
    /// Without it, /etc/snug/snug.toml is read if it is there; otherwise the defaults hold.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Socket of snugd, instead of the one that the settings name
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,

    /// Print JSON for programs instead of text for people
    ///
    /// The form is that of the calls of the admin socket. Failures are JSON on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_coherent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_has_help() {
        fn walk(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            let leaf = command.get_subcommands().next().is_none();
            assert!(
                !leaf || command.get_after_long_help().is_some(),
                "{path} has no examples in its help"
            );
            for sub in command.get_subcommands() {
                walk(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        walk(&Args::command(), "snug");
    }
}
