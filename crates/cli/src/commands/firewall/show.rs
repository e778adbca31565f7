//! `snug firewall show`: the table of this machine, or its rules.

use std::process::ExitCode;

use firewall::table::{Entry, Pass, Peer, Traffic, Way, rows};
use firewall::{Asked, Choice, document};
use serde::Serialize;

use super::{made, nft};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Print the rules for nft(8) instead of the table
    #[arg(long, conflicts_with = "json")]
    rules: bool,
}

/// The table as JSON.
#[derive(Debug, Serialize)]
struct Table {
    /// What was chosen in the panel.
    choice: Choice,
    rows: Vec<Row>,
    /// Packets that no row let pass; `None` = not known.
    dropped: Option<Dropped>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: &'static str,
    way: Way,
    title: &'static str,
    traffic: Vec<Traffic>,
    peer: Peer,
    users: &'static [&'static str],
    /// New connections or packets that passed; `None` = not known.
    passed: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Dropped {
    /// To this machine.
    incoming: u64,
    /// Of that: new connections of addresses that made too many.
    too_many: u64,
    /// Through this machine.
    through: u64,
    /// From this machine.
    outgoing: u64,
    /// Of that: from Snug's own programs.
    own: u64,
}

pub(super) fn run(show: &Show, context: &mut Context) -> Result<ExitCode, Failure> {
    let config = context.config()?;
    let made = made::make(&config)?;
    if show.rules {
        context.out.raw(made.text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let counters = nft::counters();
    let count = |id: &str| counters.as_ref().and_then(|all| all.get(id)).copied();
    let row = |(entry, pass): (&'static Entry, Pass)| Row {
        id: entry.id,
        way: entry.way,
        title: entry.title,
        traffic: pass.traffic,
        peer: pass.peer,
        users: pass.users,
        passed: count(entry.id),
    };
    let dropped = || {
        let (too_many, own) = (count("in_too_many")?, count("out_own")?);
        Some(Dropped {
            incoming: count("in_dropped")? + too_many,
            too_many,
            through: count("through_dropped")?,
            outgoing: count("out_dropped")? + own,
            own,
        })
    };
    let asked = Asked { config: &config, choice: made.choice, users: &made.users };
    let rows = rows(&asked).into_iter().map(row).collect();
    let table = Table { choice: made.choice, rows, dropped: dropped() };
    context.out.show(&table, tell)
}

fn tell(out: &mut Output, table: &Table) -> Result<(), Failure> {
    for (way, head, peer) in [(Way::In, "IN", "FROM"), (Way::Out, "OUT", "TO")] {
        let rows: Vec<[String; 4]> = table
            .rows
            .iter()
            .filter(|row| row.way == way)
            .map(|row| {
                let passed = row.passed.map_or_else(|| "-".to_owned(), |n| n.to_string());
                let what = document::traffic(&row.traffic);
                [row.title.to_owned(), what, document::peer(&row.peer), passed]
            })
            .collect();
        out.table([head, "TRAFFIC", peer, "PASSED"], &rows, "Nothing.")?;
        out.line("")?;
    }
    match &table.dropped {
        None => out.line("Everything else is dropped. Counters need root, and rules in force."),
        Some(d) => out.line(&format!(
            "Everything else is dropped: {} in ({} of them for coming too often), {} through, {} \
             out ({} of them from Snug's own programs).",
            d.incoming, d.too_many, d.through, d.outgoing, d.own
        )),
    }
}
