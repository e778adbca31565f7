//! The command line as a whole: global options, and what every `--help` says.

use std::path::PathBuf;

use clap::Parser;

use crate::commands::Command;

const ABOUT: &str = "Manage a Snug chat server";

const LONG_ABOUT: &str = "\
Manage a Snug chat server: its accounts, connected clients, the directory of fingerprints, \
its certificates, and its health.

snug talks to snugd on the same machine, through a socket that only root and the user of snugd \
may open; so most commands need sudo. Everything it changes is durable when it says so.";

const AFTER_LONG_HELP: &str = "\
Exit codes:
  0  done
  1  refused or failed; the reason and what to do are on standard error
  2  the command line, a file named in it, or the settings make no sense

Files:
  /etc/snug/snug.toml   settings; `snug config check` shows what is in force
  /run/snug/admin.sock  the socket of snugd

Examples:
  snug setup link            first run: a link and a QR code to set up the home
  snug account add ann       add a person; asks for the password
  snug account list --json   for scripts
  snug health                is everything well?";

const GLOBAL: &str = "Options of every command";

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
    #[arg(long, global = true, value_name = "FILE", help_heading = GLOBAL)]
    pub(crate) config: Option<PathBuf>,

    /// Socket of snugd, instead of the one that the settings name
    #[arg(long, global = true, value_name = "PATH", help_heading = GLOBAL)]
    pub(crate) socket: Option<PathBuf>,

    /// Print JSON for programs instead of text for people
    ///
    /// The form is that of the calls of the admin socket. Failures are JSON on standard error.
    #[arg(long, global = true, help_heading = GLOBAL)]
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

    /// Every `--help`, one after the other, as it is in `docs/snug.md`.
    fn manual() -> String {
        fn write(command: &mut clap::Command, path: &str, out: &mut String) {
            let help = command.render_long_help().to_string();
            let help: Vec<&str> = help.lines().map(str::trim_end).collect();
            out.push_str(&format!("\n## {path}\n\n```text\n{}\n```\n", help.join("\n").trim()));
            for sub in command.get_subcommands_mut() {
                let path = format!("{path} {}", sub.get_name());
                // Told once, at the top.
                *sub = ["config", "socket", "json"]
                    .into_iter()
                    .fold(sub.clone(), |sub, global| sub.mut_arg(global, |a| a.hide(true)));
                write(sub, &path, out);
            }
        }
        let mut out = "# snug, the command line\n\nThe help texts of all commands. Made by a test \
                       of the program itself (`SNUG_WRITE_DOCS=1 cargo test -p snug-cli manual`).\n"
            .to_owned();
        let mut command = Args::command().term_width(80);
        command.build();
        write(&mut command, "snug", &mut out);
        out
    }

    #[test]
    fn the_manual_is_what_the_program_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/snug.md");
        if std::env::var_os("SNUG_WRITE_DOCS").is_some() {
            std::fs::write(path, manual()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(kept == manual(), "docs/snug.md is out of date; write it anew, as it says");
    }

    #[test]
    fn every_command_and_argument_has_help() {
        fn walk(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            let examples = command.get_after_long_help().map(ToString::to_string);
            for line in examples.iter().flat_map(|e| e.lines()) {
                assert!(line.chars().count() <= 80, "{path}: too wide for a terminal: {line}");
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
