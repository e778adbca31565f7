//! What scripts cannot say about components (XEP-0114): wrong handshakes, forged senders, two
//! connections of one component, floods, one that does not read.

use xmpp::component::handshake;

use crate::harness::client::Client;
use crate::harness::component::Component;
use crate::harness::home::{COMPONENT_SECRET, DOMAIN, Home};

#[tokio::test]
async fn a_wrong_secret_gets_nobody_in() {
    let home = Home::start("component-secret").await;
    for proof in [handshake("another stream", "a secret"), String::new()] {
        let mut component = Component::open(&home, "gate.example").await;
        component.send(&format!("<handshake>{proof}</handshake>")).await;
        assert_eq!(component.end().await.as_deref(), Some("not-authorized"));
    }
    // A proof is worth nothing on another stream.
    let (one, mut other) = (
        Component::open(&home, "gate.example").await,
        Component::open(&home, "gate.example").await,
    );
    let proof = handshake(&one.id, COMPONENT_SECRET);
    other.send(&format!("<handshake>{proof}</handshake>")).await;
    assert_eq!(other.end().await.as_deref(), Some("not-authorized"));
    let mut unknown = Component::open(&home, "other.example").await;
    assert_eq!(unknown.end().await.as_deref(), Some("host-unknown"));
    let mut early = Component::open(&home, "gate.example").await;
    early.send(&format!("<message from='gate.example' to='admin@{DOMAIN}'/>")).await;
    assert_eq!(early.end().await.as_deref(), Some("not-authorized"));
    assert!(home.running.daemon.components.online().is_empty());
    home.stop().await;
}

#[tokio::test]
async fn a_component_speaks_for_itself_only() {
    let home = Home::start("component-from").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "phone").await;
    ann.send("<presence/>").await;
    ann.settle().await;
    for from in ["from='admin@home.example'", "from='x@gate.example.org'", ""] {
        let mut gate = Component::connect(&home, "gate.example").await;
        gate.send(&format!("<message {from} to='ann@{DOMAIN}'><body>x</body></message>")).await;
        assert_eq!(gate.end().await.as_deref(), Some("invalid-from"), "{from}");
    }
    assert!(ann.settle().await.is_empty());
    home.stop().await;
}

#[tokio::test]
async fn the_newer_connection_has_the_name() {
    let home = Home::start("component-newer").await;
    let mut old = Component::connect(&home, "gate.example").await;
    let mut new = Component::connect(&home, "gate.example").await;
    assert_eq!(old.end().await.as_deref(), Some("conflict"));
    assert!(new.settle().await.is_empty());
    drop(old);
    assert!(new.settle().await.is_empty());
    assert_eq!(home.running.daemon.components.online(), ["gate.example"]);
    home.stop().await;
}

/// As many as fit into its connection and more; whoever else is there gets answers meanwhile.
#[tokio::test]
async fn a_flood_is_handled_in_order_and_harms_nobody() {
    const MESSAGES: usize = 2_000;
    let home = Home::start("component-flood").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "phone").await;
    let mut gate = Component::connect(&home, "gate.example").await;
    let flood: String = (0..MESSAGES)
        .map(|n| {
            format!("<message from='gate.example' to='nobody@{DOMAIN}' id='{n}' type='chat'/>")
        })
        .collect();
    gate.send(&flood).await;
    assert!(ann.settle().await.is_empty());
    for n in 0..MESSAGES {
        let answer = gate.next().await.unwrap();
        assert_eq!(answer.attr("id"), Some(n.to_string().as_str()));
    }
    home.stop().await;
}

/// One that does not read is disconnected, and who wrote to it is told what it did not get.
#[tokio::test]
async fn one_that_does_not_read_is_let_go() {
    let home = Home::start("component-deaf").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "phone").await;
    let gate = Component::connect(&home, "gate.example").await;
    let body = "x".repeat(200_000);
    let message = format!("<message to='x@gate.example' type='chat'><body>{body}</body></message>");
    let refused = loop {
        ann.send(&message).await;
        let came = ann.settle().await;
        if !came.is_empty() {
            break came;
        }
    };
    assert!(refused.iter().all(|e| e.attr("type") == Some("error")), "{refused:?}");
    drop(gate);
    while !home.running.daemon.components.online().is_empty() {
        ann.settle().await;
    }
    home.stop().await;
}
