//! The archive: how long it keeps, and deleting.

use admin_api::ProblemKind;
use admin_api::accounts::Role;
use admin_api::archive::{Delete, Keep, Set, Show};
use store::Batch;
use xmpp::jid::Jid;

use super::{add, done, kind};
use crate::daemon::Now;
use crate::features::archive;
use crate::testing::Home;

fn archived(home: &Home, owner: &str, n: u64, at: u64) {
    let other = Jid::parse("cy@home.example/pc").unwrap();
    for n in 0..n {
        let mut batch = Batch::new();
        archive::put(&mut batch, owner, at + n, &other, b"words".to_vec());
        home.daemon().store.commit_blocking(batch).unwrap();
    }
}

#[tokio::test]
async fn how_long_messages_are_kept_is_set_and_outlives_a_restart() {
    let (home, token) = Home::set_up().await;
    assert_eq!(done(&home, Show {}).await.keep, Keep::Days(30));
    for keep in [Keep::Off, Keep::ForEver, Keep::Days(7)] {
        assert_eq!(done(&home, Set { keep }).await.keep, keep);
        assert_eq!(home.daemon().keeping.get(), keep);
    }
    for days in [0, Keep::DAYS_MAX + 1, u32::MAX] {
        let refused = home.operator().call(Set { keep: Keep::Days(days) }).await;
        assert_eq!(kind(refused), ProblemKind::Invalid, "{days}");
    }
    let home = home.restart().await;
    assert_eq!(done(&home, Show {}).await.keep, Keep::Days(7));
    let admin = home.panel().call_as(token, Show {}).await.unwrap();
    assert!(admin.keep == Keep::Days(7) && admin.store_bytes > 0);
    assert_eq!(kind(home.panel().call(Show {}).await), ProblemKind::SignIn);
    let refused = home.panel().call(Set { keep: Keep::Off }).await;
    assert_eq!(kind(refused), ProblemKind::SignIn);
}

#[tokio::test]
async fn a_shorter_time_deletes_at_once() {
    let (home, _) = Home::set_up().await;
    let day = 86_400_000_000;
    archived(&home, "ann@home.example", 3, Now::read().micros - 9 * day);
    archived(&home, "ann@home.example", 2, Now::read().micros - 2 * day);
    let oldest = done(&home, Show {}).await.oldest.unwrap();
    assert!(oldest.abs_diff(Now::read().unix - 9 * 86_400) < 3_600);
    done(&home, Set { keep: Keep::Days(5) }).await;
    for _ in 0..400 {
        if archive::messages(&home.daemon().store).unwrap() == 2 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("what is too old is still there");
}

#[tokio::test]
async fn one_persons_messages_or_everybodys_are_deleted() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let now = Now::read().micros - 1_000_000;
    archived(&home, "ann@home.example", 3, now);
    archived(&home, "bob@home.example", 4, now);
    let deleted = done(&home, Delete { name: Some("bob".to_owned()) }).await;
    assert_eq!((deleted.messages, deleted.finished), (4, true));
    assert_eq!(archive::size(&home.daemon().store).unwrap(), 3);
    let nobody = home.operator().call(Delete { name: Some("nobody".to_owned()) }).await;
    assert_eq!(kind(nobody), ProblemKind::NotFound);
    assert_eq!(done(&home, Delete { name: None }).await.messages, 3);
    assert_eq!(done(&home, Show {}).await.oldest, None);
}

/// The daemon stopped in the middle of it.
#[tokio::test]
async fn a_deletion_goes_on_after_a_restart() {
    let (home, _) = Home::set_up().await;
    let now = Now::read().micros - 1_000_000;
    archived(&home, "ann@home.example", 3, now);
    archived(&home, "bob@home.example", 2, now);
    let note = crate::services::archive::mark(Some("ann@home.example"), now + 10);
    home.daemon().store.commit_blocking(note).unwrap();
    let home = home.restart().await;
    let work = crate::services::archive::erase_marked(std::sync::Arc::clone(home.daemon()));
    assert_eq!(work.await.unwrap(), 3);
    assert_eq!(archive::size(&home.daemon().store).unwrap(), 2);
}
