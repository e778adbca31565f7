//! Push (XEP-0357) where scripts cannot reach: sleeping sessions, clients that do not read, dead
//! services.

use admin_api::push::{Device, List};
use xmpp::element::Element;
use xmpp::ns;

use crate::harness::client::Client;
use crate::harness::component::Component;
use crate::harness::home::{DOMAIN, Home};
use crate::harness::managed::Managed;

const RESUMABLE: &str = "resume='true'";

fn enable(service: &str, node: &str) -> String {
    format!(
        "<iq type='set' id='enable'><enable xmlns='{}' jid='{service}' node='{node}'/></iq>",
        ns::PUSH
    )
}

fn chat(to: &str, body: &str) -> String {
    format!("<message to='{to}@{DOMAIN}' type='chat'><body>{body}</body></message>")
}

/// A person on a managed session whose device is registered.
async fn registered(home: &Home, full: &str, service: &str) -> Managed {
    let (name, _) = full.split_once('/').unwrap();
    home.account(name).await;
    let mut person = Managed::log_in(home, full, RESUMABLE).await;
    person.send(&enable(service, name)).await;
    assert_eq!(person.stanza().await.attr("type"), Some("result"));
    person.acknowledge().await;
    person
}

/// The node and the number of messages of a push.
fn told(push: &Element) -> (String, String) {
    let publish = push.child("pubsub", ns::PUBSUB).unwrap().child("publish", ns::PUBSUB).unwrap();
    let item = publish.child("item", ns::PUBSUB).unwrap();
    let form = item.child("notification", ns::PUSH).unwrap().child("x", ns::DATA).unwrap();
    let count = form.children().find(|f| f.attr("var") == Some("message-count")).unwrap();
    let count = count.child("value", ns::DATA).unwrap().text().into_owned();
    (publish.attr("node").unwrap_or_default().to_owned(), count)
}

async fn takes(service: &mut Component, name: &str) -> (String, String) {
    let push = service.next().await.expect("the stream is open");
    let id = push.attr("id").unwrap();
    service.send(&format!("<iq type='result' id='{id}' from='{name}' to='{DOMAIN}'/>")).await;
    told(&push)
}

/// A session that waits for its client gets the message into its queue, and its device a push.
#[tokio::test]
async fn a_sleeping_session_is_woken_and_has_the_message() {
    let home = Home::start("push-asleep").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "desk").await;
    let mut service = Component::connect(&home, "push.example").await;
    let bob = registered(&home, "bob/phone", "push.example").await.cut();
    // The cut has been noticed when the list says so.
    while !home.call(admin_api::sessions::List { name: Some("bob".into()) }).await[0].asleep {
        ann.settle().await;
    }
    ann.send(&chat("bob", "wake up")).await;
    assert_eq!(takes(&mut service, "push.example").await, ("bob".into(), "1".into()));
    let mut bob = Managed::resume(&home, bob).await.unwrap();
    assert_eq!(bob.body().await, "wake up");
    home.stop().await;
}

/// Of two inactive clients the one that acknowledges what it gets is left in peace.
#[tokio::test]
async fn an_inactive_client_is_woken_only_if_it_does_not_read() {
    let home = Home::start("push-inactive").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "desk").await;
    let mut service = Component::connect(&home, "push.example").await;
    let mut deaf = registered(&home, "bob/phone", "push.example").await;
    let mut dan = registered(&home, "dan/phone", "push.example").await;
    for person in [&mut deaf, &mut dan] {
        person.client.send(&format!("<inactive xmlns='{}'/>", ns::CSI)).await;
        person.settle().await;
        person.acknowledge().await;
    }
    ann.send(&chat("bob", "1")).await;
    ann.send(&chat("dan", "1")).await;
    assert_eq!(dan.body().await, "1");
    dan.acknowledge().await;
    assert_eq!(takes(&mut service, "push.example").await, ("bob".into(), "1".into()));
    assert!(service.settle().await.is_empty(), "nobody else is woken");
    home.stop().await;
}

/// Services that are away or never answer cost their own devices their pushes, and no others.
#[tokio::test]
async fn dead_services_harm_nobody_else() {
    let home = Home::start("push-dead").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "desk").await;
    let mut service = Component::connect(&home, "push.example").await;
    for (full, at) in [("bob/phone", "gate.example"), ("dan/phone", "push.example")] {
        let mut person = registered(&home, full, at).await;
        person.client.send("</stream:stream>").await;
        while person.client.event().await.is_some() {}
    }
    for _ in 0..20 {
        ann.send(&chat("bob", "nobody is there")).await;
    }
    ann.send(&chat("dan", "hello")).await;
    assert_eq!(takes(&mut service, "push.example").await, ("dan".into(), "1".into()));
    let failing = |devices: &[Device]| devices.iter().map(|d| d.failing).collect::<Vec<_>>();
    let all = home.call(List { name: None }).await;
    assert_eq!(failing(&all), [true, false], "bob's stays and is tried later");
    // Connected and silent now: one push is on its way to it, and no more.
    let mut silent = Component::connect(&home, "gate.example").await;
    for _ in 0..20 {
        ann.send(&chat("bob", "still nobody")).await;
    }
    assert!(silent.settle().await.is_empty(), "it is left alone for a while");
    home.stop().await;
}

/// A service that no server of this world has.
#[tokio::test]
async fn a_service_that_does_not_exist_is_asked_once() {
    let home = Home::start("push-nowhere").await;
    home.account("ann").await;
    let mut ann = Client::log_in(&home, "ann", "desk").await;
    let mut bob = registered(&home, "bob/phone", "push.nowhere.example").await;
    bob.client.send("</stream:stream>").await;
    while bob.client.event().await.is_some() {}
    assert_eq!(home.call(List { name: Some("bob".into()) }).await.len(), 1);
    ann.send(&chat("bob", "hello")).await;
    while !home.call(List { name: None }).await.is_empty() {
        ann.settle().await;
    }
    home.stop().await;
}
