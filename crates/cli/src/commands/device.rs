//! `snug device`: the chat apps that a person logs in with.

use std::process::ExitCode;

use admin_api::devices::{self, Device};
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;
use crate::when;

/// What to do with somebody's devices.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the devices of a person: what they are, when they were last seen, what they hold
    #[command(after_long_help = "\
Examples:
  snug device list ann
  snug device list ann --json")]
    List(List),
    /// Sign a device out: end its sessions, its token and its notifications
    ///
    /// With the password it can come back; to keep it out, set a new one (`snug account password`).
    #[command(after_long_help = "\
Examples:
  snug device sign-out ann k7mwq2dxc4bnvt3h")]
    SignOut(SignOut),
}

/// Whose devices.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Name (ann) or address (ann@home.example)
    name: String,
}

/// Which device.
#[derive(Debug, Args)]
pub(crate) struct SignOut {
    /// Name (ann) or address (ann@home.example)
    name: String,
    /// The device's ID, as listed
    id: String,
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::List(List { name }) => list(name, context),
        Command::SignOut(SignOut { name, id }) => {
            let device = context.daemon()?.call(devices::Revoke { name, id })?;
            context.out.show(&device, |out, device| {
                out.line(&format!("{} of {} is signed out.", called(device), device.owner))?;
                if device.password {
                    out.line("It may still know the password; a new one keeps it out.")?;
                }
                Ok(())
            })
        }
    }
}

fn list(name: String, context: &mut Context) -> Result<ExitCode, Failure> {
    let devices = context.daemon()?.call(devices::List { name })?;
    context.out.show(&devices, |out, devices| {
        let rows: Vec<[String; 6]> = devices
            .iter()
            .map(|device| {
                [
                    device.id.clone(),
                    called(device),
                    when::day(device.first_seen),
                    when::day(device.last_seen),
                    holds(device).to_owned(),
                    device.session.clone().unwrap_or_else(|| "-".to_owned()),
                ]
            })
            .collect();
        let heads = ["ID", "DEVICE", "FIRST SEEN", "LAST SEEN", "HOLDS", "CONNECTED AS"];
        out.table(heads, &rows, "No device is known.")
    })
}

fn called(device: &Device) -> String {
    match (&device.software, &device.device) {
        (Some(software), Some(device)) => format!("{software} on {device}"),
        (Some(name), None) | (None, Some(name)) => name.clone(),
        (None, None) => "A chat app without a name".to_owned(),
    }
}

fn holds(device: &Device) -> &'static str {
    match (device.password, device.token) {
        (true, true) => "password, token",
        (true, false) => "password",
        (false, true) => "token",
        (false, false) => "nothing",
    }
}
