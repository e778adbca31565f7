//! `idle`: many connected clients that say nothing, as phones do most of the time.
//!
//! Without clients, four fifths of snugd's memory are pages of its program file, which the system
//! may drop at any time: of 11.0 MiB, 8.7 are such pages and 2.5 are its own (measured when its code
//! had grown to 8.3 MB, from 6.2 MB before it kept archives and nodes).

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Access, Session};
use super::failure::{Doing, Failure, Result};
use super::{Figure, Scenario, Server, user};

/// Connected clients, each with an account of its own.
const CLIENTS: usize = 1_000;

/// Clients that connect and leave before, so that what is allocated once is there already.
const WARM_UP: usize = 20;

/// Clients that connect at the same time.
const AT_ONCE: usize = 8;

/// Wait before memory is read: servers give some back.
const SETTLE: Duration = Duration::from_secs(5);

/// How long idleness is watched.
const WATCHED: Duration = Duration::from_secs(10);

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "idle",
    about: "1,000 clients over TLS with presence, silent",
    accounts: CLIENTS,
    archive: false,
    run: |server| Box::pin(run(server)),
};

async fn run(server: &Server) -> Result<Vec<Figure>> {
    let access = server.access(false)?;
    for session in connect(&access, WARM_UP).await? {
        session.leave().await?;
    }
    tokio::time::sleep(SETTLE).await;
    let process = server.process();
    let empty = process.pss()?;
    let sessions = connect(&access, CLIENTS).await?;
    tokio::time::sleep(SETTLE).await;
    let full = process.pss()?;
    let (cpu, start) = (process.cpu()?, Instant::now());
    tokio::time::sleep(WATCHED).await;
    let busy = process.cpu()?.saturating_sub(cpu).as_secs_f64() / start.elapsed().as_secs_f64();
    drop(sessions);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let per_client = full.saturating_sub(empty) as f64 / 1024.0 / CLIENTS as f64;
    Ok(vec![
        Figure { name: "PSS per connection", value: per_client, unit: "KiB" },
        Figure { name: "PSS without clients", value: mebibytes(empty), unit: "MiB" },
        Figure { name: "PSS with 1,000 clients", value: mebibytes(full), unit: "MiB" },
        Figure { name: "CPU while all are silent", value: busy * 100.0, unit: "%" },
    ])
}

async fn connect(access: &Access, count: usize) -> Result<Vec<Session>> {
    let mut clients = JoinSet::new();
    for lane in 0..AT_ONCE {
        let access = access.clone();
        clients.spawn(async move {
            let mut sessions = Vec::new();
            for number in (lane..count).step_by(AT_ONCE) {
                let mut session = Session::log_in(&access, &user(number)).await?;
                session.become_available().await?;
                sessions.push(session);
            }
            Ok::<_, Failure>(sessions)
        });
    }
    let mut sessions = Vec::with_capacity(count);
    while let Some(lane) = clients.join_next().await {
        sessions.extend(lane.doing(|| "a client".to_owned())??);
    }
    Ok(sessions)
}
