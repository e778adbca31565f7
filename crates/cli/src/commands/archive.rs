//! `snug archive`: how long conversations are kept, and deleting them.

use std::process::ExitCode;

use admin_api::archive::{self, Keep, Kept};
use clap::{Args, Subcommand};

use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::counted;
use crate::when;

/// What to do with kept conversations.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Delete what is kept of one person, or of everybody
    ///
    /// Deleted for good, and overwritten. The person's devices keep what they have, and so does
    /// the other side of each conversation.
    #[command(after_long_help = "\
Examples:
  snug archive delete ann
  snug archive delete --everybody --yes")]
    Delete(Delete),
    /// Set how long conversations are kept
    ///
    /// What is older than that is deleted within the hour. `off` keeps nothing from now on; what
    /// is there stays until it is deleted.
    #[command(after_long_help = "\
Examples:
  snug archive set 30          thirty days
  snug archive set for-ever
  snug archive set off")]
    Set(Set),
    /// Show how long conversations are kept, and how much there is
    #[command(after_long_help = "\
Examples:
  snug archive show
  snug archive show --json")]
    Show,
}

/// Whose, and how sure.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name (ann) or address (ann@home.example)
    #[arg(required_unless_present = "everybody", conflicts_with = "everybody")]
    name: Option<String>,

    /// What is kept of everybody
    #[arg(long)]
    everybody: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// How long.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// A number of days, for-ever, or off
    #[arg(value_name = "TIME", value_parser = keep)]
    keep: Keep,
}

fn keep(text: &str) -> Result<Keep, String> {
    let most = Keep::DAYS_MAX;
    Keep::parse(text).ok_or_else(|| format!("a number of days (1 to {most}), for-ever, or off"))
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Delete(delete) => self::delete(delete, context),
        Command::Set(Set { keep }) => {
            let kept = context.daemon()?.call(archive::Set { keep })?;
            shown(&kept, context)
        }
        Command::Show => {
            let kept = context.daemon()?.call(archive::Show {})?;
            shown(&kept, context)
        }
    }
}

fn shown(kept: &Kept, context: &mut Context) -> Result<ExitCode, Failure> {
    context.out.show(kept, |out, kept| {
        out.line(&match kept.keep {
            Keep::Off => "Conversations are not kept.".to_owned(),
            Keep::Days(days) => format!("Conversations are kept for {}.", counted(days, "day")),
            Keep::ForEver => "Conversations are kept for ever.".to_owned(),
        })?;
        out.line(&match kept.oldest {
            Some(oldest) => format!("The oldest message is of {}.", when::minute(oldest)),
            None => "There are none.".to_owned(),
        })?;
        let megabytes = kept.store_bytes.div_ceil(1_000_000);
        out.line(&format!("All that the home keeps takes {megabytes} MB."))
    })
}

fn delete(delete: Delete, context: &mut Context) -> Result<ExitCode, Failure> {
    let whose = delete.name.as_deref().unwrap_or("everybody");
    confirm(delete.yes, &format!("Delete all that is kept of the conversations of {whose}?"))?;
    let deleted = context.daemon()?.call(archive::Delete { name: delete.name })?;
    context.out.show(&deleted, |out, deleted| {
        if deleted.finished {
            out.line(&format!("{} deleted for good.", counted(deleted.messages, "message")))
        } else {
            out.line("They are many; the rest is being deleted.")
        }
    })
}
