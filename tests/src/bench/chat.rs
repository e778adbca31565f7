//! `chat`: pairs of people who answer each other, one message in flight per pair.

use std::time::Instant;

use tokio::task::JoinSet;

use super::client::{Access, Session};
use super::failure::{Doing, Failure, Result};
use super::{DOMAIN, Figure, Scenario, Server, user};

/// Pairs that talk at the same time.
const PAIRS: usize = 20;

/// Messages per pair that are measured.
const MESSAGES: usize = 2_000;

/// Messages per pair before.
const WARM_UP: usize = 100;

/// About 100 bytes, as a longer sentence has.
const BODY: &str = "Could you bring bread, milk and the good cheese when you come home tonight? \
                    The shop closes at eight.";

/// See the module.
pub(super) const SCENARIO: Scenario = Scenario {
    name: "chat",
    about: "20 pairs talk, each waiting for the other's message",
    accounts: ACCOUNTS,
    archive: false,
    run: |server| Box::pin(measure(server, false)),
};

/// Accounts of all pairs.
pub(super) const ACCOUNTS: usize = 2 * PAIRS;

/// Measures the talk; `managed`: with stream management.
pub(super) async fn measure(server: &Server, managed: bool) -> Result<Vec<Figure>> {
    let access = server.access(false)?;
    let mut pairs = Vec::with_capacity(PAIRS);
    for number in 0..PAIRS {
        pairs.push(Pair::connect(&access, number, managed).await?);
    }
    let pairs = talk(pairs, WARM_UP).await?;
    let before = server.settled_cpu().await?;
    let start = Instant::now();
    let pairs = talk(pairs, MESSAGES).await?;
    let seconds = start.elapsed().as_secs_f64();
    let used = server.settled_cpu().await?.saturating_sub(before);
    drop(pairs);
    let count = (PAIRS * MESSAGES) as f64;
    Ok(vec![
        Figure {
            name: "CPU per delivered message",
            value: used.as_secs_f64() * 1e6 / count,
            unit: "µs",
        },
        Figure {
            name: "time per message, 20 pairs at once",
            value: seconds * 1e6 / count,
            unit: "µs",
        },
    ])
}

struct Pair {
    sessions: [Session; 2],
    names: [String; 2],
}

impl Pair {
    async fn connect(access: &Access, number: usize, managed: bool) -> Result<Self> {
        let names = [user(2 * number), user(2 * number + 1)];
        let mut one = Session::log_in(access, &names[0]).await?;
        let mut other = Session::log_in(access, &names[1]).await?;
        for session in [&mut one, &mut other] {
            if managed {
                session.manage().await?;
            }
            session.become_available().await?;
        }
        Ok(Self { sessions: [one, other], names })
    }

    /// `count` messages, alternating; each is sent once the one before was received.
    async fn talk(mut self, count: usize) -> Result<Self> {
        for number in 0..count {
            let (from, to) = (number % 2, (number + 1) % 2);
            let message = format!(
                "<message to='{}@{DOMAIN}' type='chat' id='m{number}'><body>{BODY}</body></message>",
                self.names[to]
            );
            self.sessions[from].send(&message).await?;
            let received = self.sessions[to].stanza().await?;
            let whole = received.attr("id") == Some(&format!("m{number}"))
                && received.attr("from") == Some(&self.sessions[from].jid)
                && received.children().any(|child| child.name() == "body" && child.text() == BODY);
            if !whole {
                return Err(Failure::new(format!("not the message: {}", received.to_xml(""))));
            }
        }
        Ok(self)
    }
}

async fn talk(pairs: Vec<Pair>, count: usize) -> Result<Vec<Pair>> {
    let mut tasks = JoinSet::new();
    for pair in pairs {
        tasks.spawn(pair.talk(count));
    }
    let mut pairs = Vec::with_capacity(tasks.len());
    while let Some(pair) = tasks.join_next().await {
        pairs.push(pair.doing(|| "a pair".to_owned())??);
    }
    Ok(pairs)
}
