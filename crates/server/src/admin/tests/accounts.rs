//! People: adding, passwords, locking, deleting, restoring, and the last administrator.

use admin_api::accounts::{
    Add, Delete, List, Lock, Restore, Role, SetPassword, SetRole, Show, State,
};
use admin_api::fingerprints;
use admin_api::{ProblemKind, Secret};
use xmpp::jid::BareJid;

use super::{add, can_log_in, done, kind};
use crate::daemon::Now;
use crate::testing::Home;

fn named(name: &str, password: Option<&str>) -> Add {
    Add {
        name: name.to_owned(),
        display_name: String::new(),
        password: password.map(Secret::new),
        role: Role::Member,
    }
}

#[tokio::test]
async fn an_added_person_logs_in_with_the_made_up_password() {
    let (home, _) = Home::set_up().await;
    let added = done(&home, named("Bob", None)).await;
    assert_eq!(added.account.jid, "bob@home.example", "names are in lower case");
    assert_eq!(added.account.state, State::Active);
    let password = added.generated_password.unwrap();
    assert!(can_log_in(&home, "bob@home.example", password.expose()).await);
    assert!(!can_log_in(&home, "bob@home.example", "something else").await);
    assert!(!can_log_in(&home, "bob@work.example", password.expose()).await);
    let chosen = done(&home, named("cy@home.example", Some("battery staple"))).await;
    assert!(chosen.generated_password.is_none());
    let list = done(&home, List {}).await;
    let jids: Vec<_> = list.iter().map(|a| a.jid.as_str()).collect();
    assert_eq!(jids, ["ann@home.example", "bob@home.example", "cy@home.example"]);
}

#[tokio::test]
async fn what_cannot_be_added_is_refused_with_a_reason() {
    let (home, _) = Home::set_up().await;
    let operator = home.operator();
    for (name, expected) in [
        ("ann", ProblemKind::Conflict),
        ("a b", ProblemKind::Invalid),
        ("", ProblemKind::Invalid),
        ("@home.example", ProblemKind::Invalid),
        ("bob@work.example", ProblemKind::Invalid),
        ("bob@home.example/phone", ProblemKind::Invalid),
        ("health-probe", ProblemKind::Invalid),
        ("Concierge", ProblemKind::Invalid),
    ] {
        assert_eq!(kind(operator.call(named(name, None)).await), expected, "{name}");
    }
    for password in ["short", "", "clarabella"] {
        let call = named("clarabella", Some(password));
        assert_eq!(kind(operator.call(call).await), ProblemKind::Invalid, "{password}");
    }
    let mut call = named("bob", None);
    call.display_name = "two\nlines".to_owned();
    assert_eq!(kind(operator.call(call).await), ProblemKind::Invalid);
    assert_eq!(done(&home, List {}).await.len(), 1);
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "the first one", Role::Member).await;
    let call =
        SetPassword { name: "bob".to_owned(), password: Some(Secret::new("the second one")) };
    assert!(done(&home, call).await.generated_password.is_none());
    assert!(!can_log_in(&home, "bob@home.example", "the first one").await);
    assert!(can_log_in(&home, "bob@home.example", "the second one").await);
    let made_up = done(&home, SetPassword { name: "bob".to_owned(), password: None }).await;
    let made_up = made_up.generated_password.unwrap();
    assert!(can_log_in(&home, "bob@home.example", made_up.expose()).await);
    let nobody = SetPassword { name: "nobody".to_owned(), password: None };
    assert_eq!(kind(home.operator().call(nobody).await), ProblemKind::NotFound);
}

#[tokio::test]
async fn a_locked_person_is_out_until_unlocked() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let bob = BareJid::parse("bob@home.example").unwrap();
    let lock = |locked| Lock { name: "bob".to_owned(), locked };
    assert_eq!(done(&home, lock(true)).await.state, State::Locked);
    assert!(!can_log_in(&home, "bob@home.example", "battery staple").await);
    assert!(!home.daemon().accounts.can_log_in(&bob).unwrap());
    assert!(home.daemon().accounts.exists(&bob), "messages are still kept");
    assert_eq!(done(&home, lock(false)).await.state, State::Active);
    assert!(can_log_in(&home, "bob@home.example", "battery staple").await);
}

#[tokio::test]
async fn a_deleted_person_can_be_restored_as_they_were() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    done(&home, Lock { name: "bob".to_owned(), locked: true }).await;
    let delete = Delete { name: "bob".to_owned(), grace_days: None };
    let State::Deleted { until } = done(&home, delete).await.state else { panic!("not deleted") };
    let days = (until - Now::read().unix).div_ceil(24 * 3600);
    assert_eq!(days, 14);
    let bob = BareJid::parse("bob@home.example").unwrap();
    assert!(!home.daemon().accounts.exists(&bob));
    let operator = home.operator();
    assert_eq!(kind(operator.call(named("bob", None)).await), ProblemKind::Conflict);
    let unlock = Lock { name: "bob".to_owned(), locked: false };
    assert_eq!(kind(operator.call(unlock).await), ProblemKind::Conflict);
    // The time is not over: nothing is removed.
    assert!(!home.daemon().accounts.remove(home.daemon(), &bob).await.unwrap());

    let restore = || Restore { name: "bob".to_owned() };
    assert_eq!(done(&home, restore()).await.state, State::Locked, "as it was before");
    assert_eq!(kind(operator.call(restore()).await), ProblemKind::Conflict);
    done(&home, Lock { name: "bob".to_owned(), locked: false }).await;
    assert!(can_log_in(&home, "bob@home.example", "battery staple").await);
}

#[tokio::test]
async fn removal_leaves_nothing_for_the_next_of_that_name() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let fingerprint = fingerprints::Add {
        name: "bob".to_owned(),
        fingerprint: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        label: String::new(),
        device: String::new(),
        state: fingerprints::State::Declared,
    };
    done(&home, fingerprint).await;
    let bob = BareJid::parse("bob@home.example").unwrap();
    home.daemon().accounts.logged_in(home.daemon(), &bob, Now::read().unix);
    let shown = done(&home, Show { name: "bob".to_owned() }).await;
    assert_eq!(shown.fingerprints, 1);
    assert_eq!(shown.last_login_day.unwrap() % (24 * 3600), 0);

    done(&home, Delete { name: "bob".to_owned(), grace_days: Some(0) }).await;
    let show = Show { name: "bob".to_owned() };
    assert_eq!(kind(home.operator().call(show).await), ProblemKind::NotFound);
    add(&home, "bob", "another person", Role::Member).await;
    let again = done(&home, Show { name: "bob".to_owned() }).await;
    assert_eq!((again.fingerprints, again.last_login_day), (0, None));
    let history = fingerprints::History { name: "bob".to_owned(), before: None };
    assert!(done(&home, history).await.is_empty());
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (home, _) = Home::set_up().await;
    let operator = home.operator();
    let name = || "ann".to_owned();
    let demote = || SetRole { name: name(), role: Role::Member };
    let delete = || Delete { name: name(), grace_days: Some(0) };
    let lock = || Lock { name: name(), locked: true };
    add(&home, "bob", "battery staple", Role::Admin).await;
    // An administrator who cannot sign in does not count.
    done(&home, Lock { name: "bob".to_owned(), locked: true }).await;
    assert_eq!(kind(operator.call(demote()).await), ProblemKind::Conflict);
    assert_eq!(kind(operator.call(delete()).await), ProblemKind::Conflict);
    assert_eq!(kind(operator.call(lock()).await), ProblemKind::Conflict);
    done(&home, Lock { name: "bob".to_owned(), locked: false }).await;
    assert_eq!(done(&home, demote()).await.role, Role::Member);
    let bob = SetRole { name: "bob".to_owned(), role: Role::Member };
    assert_eq!(kind(operator.call(bob).await), ProblemKind::Conflict);
    done(&home, delete()).await;
}

#[tokio::test]
async fn two_administrators_cannot_lock_each_other_out_at_once() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Admin).await;
    let lock = |name: &str| Lock { name: name.to_owned(), locked: true };
    let (one, two) = (home.operator(), home.operator());
    let (a, b) = tokio::join!(one.call(lock("ann")), two.call(lock("bob")));
    assert!(a.is_ok() != b.is_ok(), "exactly one of them");
}

#[tokio::test]
async fn a_log_in_is_noted_by_day() {
    let (home, _) = Home::set_up().await;
    let (daemon, ann) = (home.daemon(), BareJid::parse("ann@home.example").unwrap());
    let day = 24 * 3600;
    daemon.accounts.logged_in(daemon, &ann, 20_000 * day + 5);
    daemon.accounts.logged_in(daemon, &ann, 20_000 * day + 70_000);
    assert_eq!(daemon.accounts.last_login_day("ann").unwrap(), Some(20_000 * day));
    daemon.accounts.logged_in(daemon, &ann, 20_001 * day + 1);
    assert_eq!(daemon.accounts.last_login_day("ann").unwrap(), Some(20_001 * day));
    let probe = BareJid::parse("health-probe@home.example").unwrap();
    daemon.accounts.logged_in(daemon, &probe, 20_001 * day);
    assert_eq!(daemon.accounts.last_login_day("health-probe").unwrap(), None);
}
