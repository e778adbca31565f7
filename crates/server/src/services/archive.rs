//! Removes archived messages that are older than the home keeps them, and gives their space back.

use std::sync::Arc;
use std::time::Duration;

use admin_api::archive::Keep;
use store::Batch;

use super::{Run, Service};
use crate::daemon::{Daemon, Now};
use crate::features::archive::purge::{self, Whose};

/// Every hour, so that a day that is over goes in small pieces.
pub(super) const SERVICE: Service =
    Service { name: "archive", every: Duration::from_secs(3_600), run };

const DAY_MICROS: u64 = 86_400_000_000;

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(async move {
        erase_marked(Arc::clone(&daemon)).await?;
        // Where nothing is archived any more, what is there stays until somebody deletes it.
        let _turn = daemon.keeping.turn.lock().await;
        let Keep::Days(days) = daemon.keeping.get() else { return Ok(()) };
        let before = Now::read().micros.saturating_sub(u64::from(days) * DAY_MICROS);
        let removed = purge::run(&daemon, Whose::All, before).await.map_err(|e| e.to_string())?;
        if removed > 0 {
            tracing::info!(removed, "archived messages have had their time");
            give_back_space(&daemon).await?;
        }
        Ok(())
    })
}

/// Runs it now, for whoever has changed how long messages are kept.
pub(crate) fn wake(daemon: &Arc<Daemon>) {
    let run = run(Arc::clone(daemon));
    tokio::spawn(async move {
        if let Err(why) = run.await {
            tracing::error!("archived messages could not be removed: {why}");
        }
    });
}

/// Notes what is to be deleted, so that it will be.
pub(crate) fn mark(owner: Option<&str>, before: u64) -> Batch {
    purge::mark(owner, before)
}

/// Deletes what is noted, and gives the space back. Gives how many messages there were.
pub(crate) async fn erase_marked(daemon: Arc<Daemon>) -> Result<u64, String> {
    let _turn = daemon.keeping.turn.lock().await;
    let removed = purge::marked(&daemon).await.map_err(|e| e.to_string())?;
    if removed > 0 {
        tracing::info!(removed, "archived messages were deleted");
        give_back_space(&daemon).await?;
    }
    Ok(removed)
}

/// Cuts the store's file, and its log, in which removed text would stand until it is overwritten.
async fn give_back_space(daemon: &Arc<Daemon>) -> Result<(), String> {
    let store = daemon.store.clone();
    let compacted = tokio::task::spawn_blocking(move || store.compact()).await;
    compacted.map_err(|e| e.to_string())?.map(drop).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use xmpp::jid::Jid;

    use super::*;
    use crate::features::archive;
    use crate::limits::ARCHIVE_PURGE_ROWS;
    use crate::testing::Home;

    const SECRET: &str = "the-words-nobody-shall-find";

    /// Archives `n` messages of `owner`, each `age` days old, with words that can be looked for.
    fn archived(home: &Home, owner: &str, n: usize, age: u64) {
        let at = Now::read().micros - age * DAY_MICROS;
        let other = Jid::parse(&format!("bob-{n}@home.example")).unwrap();
        for n in 0..n as u64 {
            let words = format!("{SECRET}-{}", "long ".repeat(n as usize % 50 * 40));
            let mut batch = Batch::new();
            archive::put(&mut batch, owner, at + n, &other, words.into_bytes());
            home.daemon().store.commit(batch, |result| result.unwrap());
        }
        home.daemon().store.flush().unwrap();
    }

    /// Is the text in any file of the store?
    fn is_on_the_disk(home: &Home) -> bool {
        let files = std::fs::read_dir(home.path().join("data")).unwrap();
        files.map(|file| file.unwrap().path()).filter(|path| path.is_file()).any(|path| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        })
    }

    #[tokio::test]
    async fn what_is_too_old_goes_and_nothing_of_it_is_left_on_the_disk() {
        let (home, _) = Home::set_up().await;
        let daemon = home.daemon();
        daemon.keeping.set(Keep::Days(7));
        // More than two steps, and a conversation of its own for each owner.
        archived(&home, "ann@home.example", 2 * ARCHIVE_PURGE_ROWS + 3, 8);
        archived(&home, "bob@home.example", 3, 9);
        archived(&home, "ann@home.example", 4, 6);
        assert!(is_on_the_disk(&home));
        assert_eq!(archive::size(&daemon.store).unwrap(), (2 * ARCHIVE_PURGE_ROWS + 10) as u64);
        run(Arc::clone(daemon)).await.unwrap();
        assert_eq!(archive::size(&daemon.store).unwrap(), 4);
        daemon.keeping.set(Keep::ForEver);
        run(Arc::clone(daemon)).await.unwrap();
        daemon.keeping.set(Keep::Off);
        run(Arc::clone(daemon)).await.unwrap();
        assert_eq!(archive::size(&daemon.store).unwrap(), 4);
        assert!(is_on_the_disk(&home));
        daemon.keeping.set(Keep::Days(6));
        run(Arc::clone(daemon)).await.unwrap();
        assert_eq!(archive::size(&daemon.store).unwrap(), 0);
        // Whoever reads at that moment keeps the log from being cut; the next run cuts it.
        for _ in 0..100 {
            if !is_on_the_disk(&home) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            give_back_space(daemon).await.unwrap();
        }
        panic!("what was deleted can still be read from the disk");
    }

    #[tokio::test]
    async fn of_one_person_everything_goes_and_of_others_nothing() {
        let (home, _) = Home::set_up().await;
        let daemon = home.daemon();
        for owner in ["ann@home.example", "ann@home.example.org", "an@home.example"] {
            archived(&home, owner, 3, 1);
        }
        let now = Now::read().micros;
        let removed = purge::run(daemon, Whose::Of("ann@home.example"), now).await.unwrap();
        assert_eq!((removed, archive::size(&daemon.store).unwrap()), (3, 6));
    }
}
