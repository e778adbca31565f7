//! The commands: one file per area, one line each in [`Command`] and in [`run`].

mod account;
mod archive;
mod completions;
mod config;
mod device;
mod export;
mod fingerprint;
mod firewall;
mod health;
mod import;
mod protection;
mod push;
mod session;
mod setup;
mod status;
mod tls;

use std::process::ExitCode;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// What to do. A command without commands of its own is described at its struct.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add, list, change and remove accounts
    #[command(subcommand)]
    Account(account::Command),
    /// Kept conversations: for how long, and deleting them
    #[command(subcommand)]
    Archive(archive::Command),
    Completions(completions::Completions),
    /// Check the settings file
    #[command(subcommand)]
    Config(config::Command),
    /// The chat apps that people log in with
    #[command(subcommand)]
    Device(device::Command),
    Export(export::Export),
    /// The directory of people's fingerprints (OTR and OMEMO)
    #[command(subcommand)]
    Fingerprint(fingerprint::Command),
    /// What may reach this machine, and what may leave it
    #[command(subcommand)]
    Firewall(firewall::Command),
    Health(health::Health),
    Import(import::Import),
    /// How much encryption the home asks for, and how much there is
    #[command(subcommand)]
    Protection(protection::Command),
    /// Devices that are woken by push services
    #[command(subcommand)]
    Push(push::Command),
    /// Connected clients
    #[command(subcommand)]
    Session(session::Command),
    /// Set up the home for the first time
    #[command(subcommand)]
    Setup(setup::Command),
    Status(status::Status),
    /// Certificates
    #[command(subcommand)]
    Tls(tls::Command),
}

/// Does it.
pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Account(c) => account::run(c, context),
        Command::Archive(c) => archive::run(c, context),
        Command::Completions(c) => completions::run(&c, context),
        Command::Config(c) => config::run(&c, context),
        Command::Device(c) => device::run(c, context),
        Command::Export(c) => export::run(&c, context),
        Command::Fingerprint(c) => fingerprint::run(c, context),
        Command::Firewall(c) => firewall::run(&c, context),
        Command::Health(c) => health::run(&c, context),
        Command::Import(c) => import::run(&c, context),
        Command::Protection(c) => protection::run(c, context),
        Command::Push(c) => push::run(c, context),
        Command::Session(c) => session::run(c, context),
        Command::Setup(c) => setup::run(&c, context),
        Command::Status(c) => status::run(&c, context),
        Command::Tls(c) => tls::run(&c, context),
    }
}
