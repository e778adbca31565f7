//! `snug push`: which devices are woken, and by which services.

use std::process::ExitCode;

use admin_api::push::{self, Preview};
use clap::{Args, Subcommand, ValueEnum};

use crate::context::Context;
use crate::failure::Failure;
use crate::when;

/// What to do with push notifications.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the devices that asked to be woken, of one person or of everybody
    ///
    /// Phones sleep to save power. Their apps name a push service, usually the app's makers',
    /// which Snug tells how many messages wait.
    #[command(after_long_help = "\
Examples:
  snug push list
  snug push list ann --json")]
    List(List),
    /// Stop waking a person's devices through a service
    ///
    /// The app asks again when it is next opened, unless push is switched off in it.
    #[command(after_long_help = "\
Examples:
  snug push off ann push.example           all of Ann's devices
  snug push off ann push.example --node x  the one that the service calls x")]
    Off(Off),
    /// Show or choose what pushes of a person tell the service
    ///
    /// Without a choice, a push tells the number of messages only. Text that is encrypted from end
    /// to end is never told.
    #[command(after_long_help = "\
Examples:
  snug push preview ann
  snug push preview ann sender")]
    Preview(Choose),
}

/// Whose devices.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Name (ann) or address (ann@home.example); everybody without one
    name: Option<String>,
}

/// Which devices.
#[derive(Debug, Args)]
pub(crate) struct Off {
    /// Name (ann) or address (ann@home.example)
    name: String,
    /// Address of the push service
    service: String,
    /// What the service calls the device; all devices without it
    #[arg(long)]
    node: Option<String>,
}

/// Whose pushes.
#[derive(Debug, Args)]
pub(crate) struct Choose {
    /// Name (ann) or address (ann@home.example)
    name: String,
    /// What they tell from now on, beside the number of messages
    preview: Option<Told>,
}

/// What pushes tell.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Told {
    /// Nothing else
    Nothing,
    /// Who wrote last
    Sender,
    /// Who wrote last, and what
    Text,
}

impl From<Told> for Preview {
    fn from(told: Told) -> Self {
        match told {
            Told::Nothing => Self::Nothing,
            Told::Sender => Self::Sender,
            Told::Text => Self::Text,
        }
    }
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::List(List { name }) => list(name, context),
        Command::Off(Off { name, service, node }) => {
            let ended = context.daemon()?.call(push::Off { name, service, node })?;
            context.out.show(&ended, |out, ended| {
                out.line(&format!("Devices that are not woken any more: {}.", ended.devices))
            })
        }
        Command::Preview(Choose { name, preview }) => {
            let call = push::Choose { name, preview: preview.map(Into::into) };
            let told = context.daemon()?.call(call)?;
            context.out.show(&told, |out, told| {
                out.line(match told {
                    Preview::Nothing => "Pushes tell the number of messages only.",
                    Preview::Sender => "Pushes tell the number of messages and who wrote last.",
                    Preview::Text => {
                        "Pushes tell the number of messages, who wrote last, and the text."
                    }
                })
            })
        }
    }
}

fn list(name: Option<String>, context: &mut Context) -> Result<ExitCode, Failure> {
    let devices = context.daemon()?.call(push::List { name })?;
    context.out.show(&devices, |out, devices| {
        let rows: Vec<[String; 6]> = devices
            .iter()
            .map(|d| {
                [
                    d.owner.clone(),
                    d.service.clone(),
                    d.node.clone(),
                    d.resource.clone(),
                    when::minute(d.since),
                    if d.failing { "failing" } else { "fine" }.to_owned(),
                ]
            })
            .collect();
        let heads = ["PERSON", "SERVICE", "NODE", "DEVICE", "SINCE", "STATE"];
        out.table(heads, &rows, "No device asked to be woken.")
    })
}
