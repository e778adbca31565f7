//! `snug firewall`: what may reach this machine, and what may leave it.
//!
//! The rules are made by the crate `firewall`; here they are shown, tried and loaded, by nft(8).

mod made;
mod nft;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What to do with the firewall.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try the rules without loading them
    ///
    /// Makes the rules from the settings and lets nftables judge them. Nothing changes. Needs
    /// root, because nftables looks at what the kernel can do.
    #[command(after_long_help = "\
Examples:
  snug firewall check
  snug firewall check --config ./snug.toml   before the file is put in place")]
    Check,
    /// Show what may pass, with counters
    ///
    /// The table is made from the settings and the choice of the panel. How often each row was
    /// used is counted since the rules were loaded; that column needs root.
    #[command(after_long_help = "\
Examples:
  snug firewall show
  snug firewall show --rules | less    the rules themselves, for nft(8)
  snug firewall show --json | jq '.rows[] | select(.way == \"in\") | .traffic'")]
    Show(show::Show),
}

pub(crate) fn run(command: &Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Check => check(context),
        Command::Show(show) => show::run(show, context),
    }
}

fn check(context: &mut Context) -> Result<ExitCode, Failure> {
    let config = context.config()?;
    let made = made::make(&config)?;
    nft::check(&made.text)?;
    let reply = serde_json::json!({ "usable": true, "chat_from": made.chat_from });
    context.out.show(&reply, |out, _| {
        out.line(&format!("The rules are good. Chat clients may connect from: {}.", made.chat_from))
    })
}
