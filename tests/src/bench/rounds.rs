//! Rounds: each scenario against each server in turn, A B A B, so that what else the machine
//! does hits both alike.

use std::io::Write;

use super::certificate::Certificate;
use super::failure::{Doing, Failure, Result};
use super::server::{Kind, Server};
use super::table::Table;
use super::{Figure, SCENARIOS, Scenario, measure};

/// Open files that 1,000 connections need in one process, with room to spare.
const OPEN_FILES: u64 = 4096;

/// Most rounds somebody may ask for.
const ROUNDS_MAX: usize = 50;

/// What to run.
#[derive(Debug)]
pub struct Plan {
    /// Names of [`Scenario`]s; empty = all.
    pub scenarios: Vec<String>,
    /// The servers, in their order.
    pub servers: Vec<Kind>,
    /// How often each scenario meets each server: 1 to 50.
    pub rounds: usize,
}

/// Runs `plan` and writes to `out` what comes of it.
///
/// # Errors
/// [`Failure`] if a server does not start or does not behave.
pub async fn run(plan: &Plan, out: &mut dyn Write) -> Result<()> {
    let scenarios = chosen(&plan.scenarios)?;
    if plan.rounds == 0 || plan.rounds > ROUNDS_MAX {
        return Err(Failure::new(format!("between 1 and {ROUNDS_MAX} rounds, please")));
    }
    measure::allow_open_files(OPEN_FILES)?;
    for kind in &plan.servers {
        kind.present()?;
    }
    let certificate = Certificate::new()?;
    for scenario in scenarios {
        say(out, &format!("{}: {}", scenario.name, scenario.about))?;
        let mut table = Table::default();
        for round in 1..=plan.rounds {
            for &kind in &plan.servers {
                let figures = once(scenario, kind, &certificate).await?;
                let shown: Vec<String> = figures
                    .iter()
                    .map(|figure| format!("{} {:.1} {}", figure.name, figure.value, figure.unit))
                    .collect();
                say(out, &format!("  round {round}, {kind}: {}", shown.join("; ")))?;
                table.add(kind, figures);
            }
        }
        table.write(out)?;
    }
    Ok(())
}

async fn once(scenario: &Scenario, kind: Kind, certificate: &Certificate) -> Result<Vec<Figure>> {
    let server = Server::start(kind, certificate, scenario.accounts, scenario.archive).await?;
    let result = (scenario.run)(&server).await;
    let log = server.stop().await?;
    result.map_err(|e| Failure::new(format!("{} against {kind}: {e}\n{log}", scenario.name)))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().collect());
    }
    let find = |name: &String| {
        SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
            let known: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            Failure::new(format!("no scenario {name}; there are {}", known.join(", ")))
        })
    };
    names.iter().map(find).collect()
}

fn say(out: &mut dyn Write, line: &str) -> Result<()> {
    writeln!(out, "{line}").and_then(|()| out.flush()).doing(|| "writing".to_owned())
}
