//! Sessions that nobody comes back for: what they were to bring goes elsewhere, once.

use admin_api::sessions::{Kick, List};
use xmpp::ns;

use super::{Client, DOMAIN, Home, Managed, RESUMABLE, ask, chat, counted, gone, home, refused};

/// Waits one second and no more.
const SHORT: &str = "resume='true' max='1'";

/// What is there for bob when he logs in anew.
async fn left_for_bob(home: &Home) -> Vec<String> {
    let mut bob = Managed::log_in(home, "bob/new", "").await;
    let mut bodies = Vec::new();
    for round in 0.. {
        // More may follow once this is acknowledged.
        bob.acknowledge().await;
        let before = bodies.len();
        bob.send(&format!(
            "<iq type='get' id='{round}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        loop {
            let stanza = bob.stanza().await;
            if stanza.is("iq", ns::CLIENT) {
                break;
            }
            let body = stanza.child("body", ns::CLIENT).expect("a message");
            bodies.push(body.text().into_owned());
        }
        if bodies.len() == before {
            break;
        }
    }
    close(bob).await;
    bodies
}

/// Acknowledges everything, is sure of everything, and says goodbye.
async fn close(mut client: Managed) {
    client.acknowledge().await;
    client.settle().await;
    client.client.send("</stream:stream>").await;
    while client.client.event().await.is_some() {}
}

#[tokio::test]
async fn after_its_time_a_session_is_over() {
    let home = home("expired").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let mut bob = Managed::log_in(&home, "bob/desk", SHORT).await;
    bob.send(&chat("bob", "handled")).await;
    assert_eq!(bob.body().await, "handled");
    bob.acknowledge().await;
    bob.settle().await;
    ann.send(&chat("bob", "one")).await;
    ann.settle().await;
    assert_eq!(bob.body().await, "one");
    let bob = bob.cut();
    ann.send(&chat("bob/phone", "two")).await;
    ann.send(&chat("bob", "three")).await;
    ann.settle().await;
    counted(&home, "session.expired", 1).await;
    gone(&home, "bob/desk").await;
    let mut client = Managed::ask(&home, &bob).await;
    // Presence and a message were handled.
    assert_eq!(refused(&mut client).await, ("item-not-found".to_owned(), Some("2".to_owned())));
    drop(client);
    // Never acknowledged, so it comes again.
    assert_eq!(left_for_bob(&home).await, ["one", "two", "three"]);
    assert!(left_for_bob(&home).await.is_empty());
    home.stop().await;
}

#[tokio::test]
async fn the_home_says_how_long_sessions_wait() {
    let home = Home::start_with("sm-short", |c| c.limits.resume_seconds = 1).await;
    home.account("bob").await;
    let bob = Managed::log_in(&home, "bob/desk", "resume='true' max='300'").await.cut();
    counted(&home, "session.expired", 1).await;
    let mut client = Managed::ask(&home, &bob).await;
    assert_eq!(refused(&mut client).await.0, "item-not-found");
    home.stop().await;

    let home = Home::start_with("sm-none", |c| c.limits.resume_seconds = 0).await;
    home.account("bob").await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    assert_eq!(bob.memory.id, "", "stanzas are acknowledged, but nobody waits");
    bob.settle().await;
    drop(bob.cut());
    gone(&home, "bob/desk").await;
    home.stop().await;
}

#[tokio::test]
async fn what_another_device_has_is_not_delivered_again() {
    let home = home("other").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let bob = Managed::log_in(&home, "bob/phone", SHORT).await.cut();
    let mut desk = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    ann.send(&chat("bob", "to both")).await;
    ann.send(&chat("bob/phone", "to the phone")).await;
    assert_eq!(desk.body().await, "to both");
    desk.acknowledge().await;
    desk.settle().await;
    counted(&home, "session.expired", 1).await;
    // Once the phone is lost, what was for it alone comes to the other device.
    assert_eq!(desk.body().await, "to the phone");
    ann.send(&chat("bob", "the last")).await;
    assert_eq!(desk.body().await, "the last");
    drop(bob);
    close(desk).await;
    assert!(left_for_bob(&home).await.is_empty());
    home.stop().await;
}

#[tokio::test]
async fn a_closed_stream_ends_the_session_at_once() {
    let home = home("closed").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    ann.send(&chat("bob", "one")).await;
    assert_eq!(bob.body().await, "one");
    bob.acknowledge().await;
    ann.send(&chat("bob", "two")).await;
    assert_eq!(bob.body().await, "two");
    bob.client.send("</stream:stream>").await;
    while bob.client.event().await.is_some() {}
    gone(&home, "bob/desk").await;
    let mut client = Managed::ask(&home, &bob.memory).await;
    assert_eq!(refused(&mut client).await, ("item-not-found".to_owned(), Some("1".to_owned())));
    drop(client);
    assert_eq!(left_for_bob(&home).await, ["two"], "the one that was not acknowledged");
    home.stop().await;
}

#[tokio::test]
async fn kept_messages_are_deleted_once_they_are_acknowledged() {
    let home = home("kept").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    for n in 0..70 {
        ann.send(&chat("bob", &n.to_string())).await;
    }
    ann.settle().await;
    let mut bob = Client::log_in(&home, "bob", "desk").await;
    bob.send(&format!("<enable xmlns='urn:xmpp:sm:3' {SHORT}/><presence/>")).await;
    // The whole page is written to his socket; he has handled ten of it.
    while !bob.next().await.unwrap().is("presence", ns::CLIENT) {}
    bob.send("<a xmlns='urn:xmpp:sm:3' h='10'/><r xmlns='urn:xmpp:sm:3'/>").await;
    while !bob.next().await.unwrap().is("a", ns::SM) {}
    bob.cut();
    counted(&home, "session.expired", 1).await;
    gone(&home, "bob/desk").await;
    let left: Vec<_> = (10..70).map(|n| n.to_string()).collect();
    assert_eq!(left_for_bob(&home).await, left);
    assert!(left_for_bob(&home).await.is_empty());
    home.stop().await;
}

#[tokio::test]
async fn kept_messages_go_on_after_resuming() {
    let home = home("kept-on").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    for n in 0..150 {
        ann.send(&chat("bob", &n.to_string())).await;
    }
    ann.settle().await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    for n in 0..150 {
        if n % 30 == 7 {
            bob = Managed::resume(&home, bob.cut()).await.unwrap();
        }
        assert_eq!(bob.body().await, n.to_string());
    }
    close(bob).await;
    assert!(left_for_bob(&home).await.is_empty());
    home.stop().await;
}

#[tokio::test]
async fn a_queue_that_runs_over_ends_the_session_and_loses_nothing() {
    let home = home("overflow").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await.cut();
    counted(&home, "session.asleep", 1).await;
    let all: Vec<_> = (0..600).map(|n| n.to_string()).collect();
    for body in &all {
        ann.send(&chat("bob", body)).await;
    }
    ann.settle().await;
    gone(&home, "bob/desk").await;
    let mut client = Managed::ask(&home, &bob).await;
    assert_eq!(refused(&mut client).await.0, "item-not-found");
    drop(client);
    assert_eq!(left_for_bob(&home).await, all);
    home.stop().await;
}

#[tokio::test]
async fn sessions_that_sleep_count_and_give_way() {
    let home = Home::start_with("sm-room", |c| c.limits.sessions_per_account = 2).await;
    home.account("ann").await;
    home.account("bob").await;
    let first = Managed::log_in(&home, "bob/one", RESUMABLE).await.cut();
    counted(&home, "session.asleep", 1).await;
    let mut second = Managed::log_in(&home, "bob/two", RESUMABLE).await;
    let all = home.call(List { name: None }).await;
    let asleep: Vec<_> = all.iter().map(|s| (s.jid.ends_with("one"), s.asleep)).collect();
    assert_eq!(asleep, [(true, true), (false, false)], "one sleeps, and is a session");
    let mut third = Managed::log_in(&home, "bob/three", RESUMABLE).await;
    let mut client = Managed::ask(&home, &first).await;
    assert_eq!(refused(&mut client).await.0, "item-not-found");
    drop(client);
    for client in [&mut second, &mut third] {
        client.settle().await;
    }
    // The same resource: what slept under it ends.
    drop(third.cut());
    counted(&home, "session.asleep", 2).await;
    let again = Managed::log_in(&home, "bob/three", RESUMABLE).await;
    assert_eq!(home.call(List { name: None }).await.len(), 2);
    drop(again);
    home.stop().await;
}

#[tokio::test]
async fn a_sleeping_session_can_be_closed_by_an_administrator() {
    let home = home("kick").await;
    let bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await.cut();
    counted(&home, "session.asleep", 1).await;
    home.call(Kick { jid: format!("bob@{DOMAIN}/desk") }).await;
    gone(&home, "bob/desk").await;
    let mut client = Managed::ask(&home, &bob).await;
    assert_eq!(refused(&mut client).await.0, "item-not-found");
    home.stop().await;
}

#[tokio::test]
async fn a_stop_loses_nothing() {
    let home = home("stop").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await.cut();
    counted(&home, "session.asleep", 1).await;
    ann.send(&chat("bob", "one")).await;
    ann.send(&chat("bob", "two")).await;
    ann.send(&chat("ann", "mine")).await;
    ann.settle().await;
    let told = tokio::spawn(async move {
        // What came before the end is acknowledged on request, so it does not come twice.
        let end = ann.end().await;
        ann.client.send("</stream:stream>").await;
        end
    });
    let home = home.restart().await;
    assert_eq!(told.await.unwrap().as_deref(), Some("system-shutdown"));
    let mut client = Managed::ask(&home, &ask(&bob)).await;
    assert_eq!(refused(&mut client).await, ("item-not-found".to_owned(), None));
    drop(client);
    assert_eq!(left_for_bob(&home).await, ["one", "two"]);
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    ann.send(&chat("ann", "next")).await;
    assert_eq!(ann.body().await, "next", "nothing was kept that ann had");
    home.stop().await;
}
