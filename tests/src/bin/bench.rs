//! `snug-bench`: measures snugd against Prosody. See `snug_tests::bench`.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use snug_tests::bench::{Failure, Kind, Plan, SCENARIOS, run};

/// Measures what log-ins, connections and messages cost a server.
#[derive(Parser)]
#[command(name = "snug-bench")]
struct Arguments {
    /// Scenarios to run; all if none is named.
    scenarios: Vec<String>,
    /// How often each scenario meets each server.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Only this server.
    #[arg(long)]
    only: Option<Only>,
    /// List the scenarios and stop.
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Only {
    Prosody,
    Snugd,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    match start(arguments, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            use std::io::Write;
            // Where this cannot be written there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "snug-bench: {e}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments, out: &mut dyn std::io::Write) -> Result<(), Failure> {
    if arguments.list {
        for scenario in SCENARIOS {
            writeln!(out, "{:<8}{}", scenario.name, scenario.about)
                .map_err(|e| Failure::new(e.to_string()))?;
        }
        return Ok(());
    }
    let servers = match arguments.only {
        None => Kind::ALL.to_vec(),
        Some(Only::Prosody) => vec![Kind::Prosody],
        Some(Only::Snugd) => vec![Kind::Snugd],
    };
    let plan = Plan { scenarios: arguments.scenarios, servers, rounds: arguments.rounds };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(e.to_string()))?
        .block_on(run(&plan, out))
}
