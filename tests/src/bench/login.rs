//! `login`: TCP, STARTTLS, TLS 1.3, SCRAM-SHA-256, resource, and leaving again.
//!
//! Once with full handshakes, as after a restart of everybody's phone network; once resumed, as
//! when a client comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::client::{Access, Session};
use super::failure::{Doing, Failure, Result};
use super::{Figure, Scenario, Server, user};

/// Log-ins measured per kind of handshake: enough for the 10 ms of the CPU clock not to matter.
const LOG_INS: usize = 1_000;

/// Log-ins before, so that caches and allocators are warm.
const WARM_UP: usize = 40;

/// Clients that log in at the same time.
const AT_ONCE: usize = 4;

/// Accounts they take turns with.
const ACCOUNTS: usize = 50;

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "login",
    about: "clients log in over TLS, bind a resource and leave",
    accounts: ACCOUNTS,
    archive: false,
    run: |server| Box::pin(run(server)),
};

async fn run(server: &Server) -> Result<Vec<Figure>> {
    let full = server.access(false)?;
    log_in(&full, WARM_UP).await?;
    let (full, _) = measured(server, &full).await?;
    let resuming = server.access(true)?;
    log_in(&resuming, WARM_UP).await?;
    let (resumed, share) = measured(server, &resuming).await?;
    Ok(vec![
        Figure { name: "CPU per log-in, full handshake", value: full, unit: "µs" },
        Figure { name: "CPU per log-in, resumed", value: resumed, unit: "µs" },
        Figure { name: "handshakes not resumed of those", value: 100.0 - share, unit: "%" },
    ])
}

/// Microseconds of the server's CPU per log-in, and how many per cent were resumed.
async fn measured(server: &Server, access: &Access) -> Result<(f64, f64)> {
    let before = server.settled_cpu().await?;
    let resumed = log_in(access, LOG_INS).await?;
    let used = server.settled_cpu().await?.saturating_sub(before);
    let count = LOG_INS as f64;
    Ok((used.as_secs_f64() * 1e6 / count, resumed as f64 / count * 100.0))
}

/// `count` log-ins; returns how many were resumed.
async fn log_in(access: &Access, count: usize) -> Result<usize> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (next, access) = (Arc::clone(&next), access.clone());
        clients.spawn(async move {
            let mut resumed = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, Failure>(resumed);
                }
                let session = Session::log_in(&access, &user(number % ACCOUNTS)).await?;
                resumed += usize::from(session.resumed);
                session.leave().await?;
            }
        });
    }
    let mut resumed = 0;
    while let Some(client) = clients.join_next().await {
        resumed += client.doing(|| "a client".to_owned())??;
    }
    Ok(resumed)
}
