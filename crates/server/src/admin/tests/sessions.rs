//! Connected clients: seeing, closing, and what changes of their account do to them.

use admin_api::ProblemKind;
use admin_api::accounts::{Delete, Lock, Role, SetPassword, Show};
use admin_api::sessions::{Kick, List};
use xmpp::error::StreamCondition;
use xmpp::jid::BareJid;

use super::{add, done, kind};
use crate::outbox::End;
use crate::registry::About;
use crate::session::Session;
use crate::testing::Home;

fn connect(home: &Home, name: &str, resource: &str) -> Session {
    let jid = BareJid::from_parts(name, "home.example").unwrap();
    let about = About {
        address: ([192, 168, 1, 40], 40_000).into(),
        tls: "TLSv1.3",
        mechanism: "SCRAM-SHA-256",
        since: 7,
    };
    Session::bind(home.daemon(), &jid, Some(resource), about).unwrap()
}

/// The stream error that the session was told to end with.
fn ended(home: &Home, session: &Session) -> Option<StreamCondition> {
    match session.outbox.drain(&home.daemon().durability, &mut String::new()).end {
        Some(End::Error(error)) => Some(error.condition),
        Some(End::Overflowed) | None => None,
    }
}

#[tokio::test]
async fn clients_are_listed_and_closed_one_by_one_or_together() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let phone = connect(&home, "bob", "phone");
    let laptop = connect(&home, "bob", "laptop");
    let other = connect(&home, "ann", "phone");
    let probe = connect(&home, "health-probe", "x");

    let all = done(&home, List { name: None }).await;
    let jids: Vec<_> = all.iter().map(|s| s.jid.as_str()).collect();
    assert_eq!(
        jids,
        ["ann@home.example/phone", "bob@home.example/laptop", "bob@home.example/phone"]
    );
    assert_eq!((all[0].address.as_str(), all[0].since), ("192.168.1.40:40000", 7));
    assert_eq!((all[0].tls.as_str(), all[0].priority), ("TLSv1.3", None));
    assert_eq!(done(&home, List { name: Some("bob".to_owned()) }).await.len(), 2);
    assert_eq!(done(&home, Show { name: "bob".to_owned() }).await.sessions, 2);

    let kick = |jid: &str| Kick { jid: jid.to_owned() };
    let closed = done(&home, kick("bob@home.example/phone")).await.closed;
    assert_eq!(closed, ["bob@home.example/phone"]);
    assert_eq!(ended(&home, &phone), Some(StreamCondition::PolicyViolation));
    assert_eq!(ended(&home, &laptop), None);
    assert_eq!(done(&home, kick("bob")).await.closed.len(), 2);
    assert_eq!(ended(&home, &laptop), Some(StreamCondition::PolicyViolation));
    assert_eq!(ended(&home, &other), None);
    let operator = home.operator();
    for (jid, expected) in [
        ("bob@home.example/tablet", ProblemKind::NotFound),
        ("cy", ProblemKind::NotFound),
        ("health-probe", ProblemKind::NotFound),
        ("bob@work.example/phone", ProblemKind::Invalid),
        ("", ProblemKind::Invalid),
    ] {
        assert_eq!(kind(operator.call(kick(jid)).await), expected, "{jid}");
    }
    assert_eq!(ended(&home, &probe), None);
}

#[tokio::test]
async fn a_locked_or_deleted_persons_clients_are_disconnected() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let phone = connect(&home, "bob", "phone");
    let other = connect(&home, "ann", "phone");
    done(&home, SetPassword { name: "bob".to_owned(), password: None }).await;
    assert_eq!(ended(&home, &phone), None, "a new password lets connected clients be");
    done(&home, Lock { name: "bob".to_owned(), locked: true }).await;
    assert_eq!(ended(&home, &phone), Some(StreamCondition::NotAuthorized));
    drop(phone);

    done(&home, Lock { name: "bob".to_owned(), locked: false }).await;
    let laptop = connect(&home, "bob", "laptop");
    done(&home, Delete { name: "bob".to_owned(), grace_days: None }).await;
    assert_eq!(ended(&home, &laptop), Some(StreamCondition::NotAuthorized));
    assert_eq!(ended(&home, &other), None);
}

#[tokio::test]
async fn removal_waits_until_the_clients_are_gone() {
    let (home, _) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let phone = connect(&home, "bob", "phone");
    let operator = home.operator();
    let delete = operator.call(Delete { name: "bob".to_owned(), grace_days: Some(0) });
    let goes = async {
        // As its connection would: it is told, and leaves.
        while ended(&home, &phone).is_none() {
            phone.outbox.woken().await;
        }
        let bob = BareJid::parse("bob@home.example").unwrap();
        assert!(home.daemon().accounts.lookup(&bob).unwrap().is_some(), "not before it left");
        drop(phone);
    };
    let (deleted, ()) = tokio::join!(delete, goes);
    deleted.unwrap();
    let show = operator.call(Show { name: "bob".to_owned() }).await;
    assert_eq!(kind(show), ProblemKind::NotFound);
}
