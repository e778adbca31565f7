//! `snug session`: the clients that are connected.

use std::process::ExitCode;

use admin_api::sessions;
use clap::{Args, Subcommand};

use crate::context::Context;
use crate::failure::Failure;
use crate::when;

/// What to do with connected clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Disconnect clients
    ///
    /// Most clients connect again by themselves; to keep somebody out, use `snug account lock`.
    #[command(after_long_help = "\
Examples:
  snug session kick ann@home.example/phone    one client
  snug session kick ann                       all of Ann's clients")]
    Kick(Kick),
    /// List connected clients, of one person or of everybody
    ///
    /// A client that is asleep lost its connection and may come back for its session; it counts
    /// as connected until then.
    #[command(after_long_help = "\
Examples:
  snug session list
  snug session list ann --json")]
    List(List),
}

/// Whose clients.
#[derive(Debug, Args)]
pub(crate) struct Kick {
    /// A full address (ann@home.example/phone) for one client; a name or address for all
    address: String,
}

/// Whose clients.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Name (ann) or address (ann@home.example); everybody without one
    name: Option<String>,
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Kick(Kick { address }) => {
            let kicked = context.daemon()?.call(sessions::Kick { jid: address })?;
            context.out.show(&kicked, |out, kicked| {
                if kicked.closed.is_empty() {
                    return out.line("No such client is connected.");
                }
                kicked.closed.iter().try_for_each(|c| out.line(&format!("{c} is disconnected.")))
            })
        }
        Command::List(List { name }) => list(name, context),
    }
}

fn list(name: Option<String>, context: &mut Context) -> Result<ExitCode, Failure> {
    let sessions = context.daemon()?.call(sessions::List { name })?;
    context.out.show(&sessions, |out, sessions| {
        let rows: Vec<[String; 7]> = sessions
            .iter()
            .map(|s| {
                [
                    s.jid.clone(),
                    s.address.clone(),
                    s.tls.clone(),
                    s.mechanism.clone(),
                    when::minute(s.since),
                    s.priority.map_or_else(|| "-".to_owned(), |p| p.to_string()),
                    if s.asleep { "asleep" } else { "connected" }.to_owned(),
                ]
            })
            .collect();
        let heads = ["ADDRESS", "FROM", "TLS", "LOG-IN", "SINCE", "PRIORITY", "STATE"];
        out.table(heads, &rows, "Nobody is connected.")
    })
}
