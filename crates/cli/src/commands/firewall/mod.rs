//! `snug firewall`: what may reach this machine, and what may leave it.
//!
//! The rules are made by the crate `firewall`; here they are shown, tried and loaded, by nft(8).

mod change;
mod keep;
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
    /// Put the rules of the settings in force
    ///
    /// nftables judges them first; what it refuses changes nothing. Then they replace the old ones
    /// in one step. Unless a device at home reaches the panel within a minute, or `snug firewall
    /// confirm` is run, the old rules come back by themselves, so that a mistake shuts nobody out
    /// for long. Connections that are up stay up.
    #[command(after_long_help = "\
Examples:
  snug firewall apply
  snug firewall apply --confirm   in a script that knows what it does")]
    Apply(change::Apply),
    /// Try the rules without loading them
    ///
    /// Makes the rules from the settings and lets nftables judge them. Nothing changes. Needs
    /// root, because nftables looks at what the kernel can do.
    #[command(after_long_help = "\
Examples:
  snug firewall check
  snug firewall check --config ./snug.toml   before the file is put in place")]
    Check,
    /// Keep the rules that were applied last
    #[command(after_long_help = "\
Examples:
  snug firewall confirm")]
    Confirm(change::Confirm),
    /// Go back to the rules that were confirmed last
    ///
    /// By itself this happens a minute after a change that nobody confirmed; see
    /// snug-firewall-rollback.timer.
    #[command(after_long_help = "\
Examples:
  snug firewall rollback")]
    Rollback,
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
    /// Load rules at the start of the machine
    ///
    /// For snug-firewall.service. If the settings or the rules made from them cannot be used, the
    /// rules that were confirmed last are loaded, and the health page says why.
    #[command(after_long_help = "\
Examples:
  systemctl restart snug-firewall")]
    Start,
}

pub(crate) fn run(command: &Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Apply(apply) => change::apply(apply, context),
        Command::Check => check(context),
        Command::Confirm(confirm) => change::confirm(confirm, context),
        Command::Rollback => change::rollback(context),
        Command::Show(show) => show::run(show, context),
        Command::Start => change::start(context),
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
