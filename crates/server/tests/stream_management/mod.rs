//! XEP-0198 with real sockets that are cut.

mod losses;

use std::collections::VecDeque;
use std::time::Duration;

use xmpp::ns;

use crate::harness::client::Client;
use crate::harness::home::{DOMAIN, Home};
use crate::harness::managed::{Managed, Memory};

const RESUMABLE: &str = "resume='true'";

async fn home(name: &str) -> Home {
    let home = Home::start(&format!("sm-{name}")).await;
    for name in ["ann", "bob"] {
        home.account(name).await;
    }
    home
}

/// A message to `to`: a name, or a name and a resource.
fn chat(to: &str, body: &str) -> String {
    let to = match to.split_once('/') {
        Some((name, resource)) => format!("{name}@{DOMAIN}/{resource}"),
        None => format!("{to}@{DOMAIN}"),
    };
    format!("<message to='{to}' type='chat'><body>{body}</body></message>")
}

/// What `client` is told instead of its session: the condition, and the count.
async fn refused(client: &mut Client) -> (String, Option<String>) {
    let failed = client.next().await.unwrap();
    assert!(failed.is("failed", ns::SM), "{failed:?}");
    let condition = failed.children().next().unwrap();
    assert_eq!(condition.ns(), ns::STANZA_ERRORS);
    (condition.name().to_owned(), failed.attr("h").map(str::to_owned))
}

/// Waits until `full` is no session any more.
async fn gone(home: &Home, full: &str) {
    let jid = full.replacen('/', &format!("@{DOMAIN}/"), 1);
    for _ in 0..400 {
        let all = home.call(admin_api::sessions::List { name: None }).await;
        if all.iter().all(|session| session.jid != jid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{full} is still a session");
}

/// Waits until the daemon counted `what` `times` times.
async fn counted(home: &Home, what: &str, times: u64) {
    for _ in 0..400 {
        if home.running.daemon.counters.snapshot().get(what).is_some_and(|n| *n >= times) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} was not counted");
}

#[tokio::test]
async fn stanzas_are_counted_and_acknowledged() {
    let home = home("acks").await;
    let mut ann = Client::log_in(&home, "ann", "phone").await;
    ann.send("<r xmlns='urn:xmpp:sm:3'/>").await;
    assert_eq!(refused(&mut ann).await.0, "unexpected-request", "before it is enabled");
    ann.send("<enable xmlns='urn:xmpp:sm:3' resume='true' max='99999'/>").await;
    let enabled = ann.next().await.unwrap();
    assert_eq!((enabled.attr("resume"), enabled.attr("max")), (Some("true"), Some("600")));
    assert!(enabled.attr("id").unwrap().len() >= 20);
    ann.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    assert_eq!(refused(&mut ann).await.0, "unexpected-request", "twice");
    ann.send("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>").await;
    assert_eq!(refused(&mut ann).await.0, "unexpected-request", "there is a session already");
    // One to somebody who is away, one that is refused, one that is nonsense, one that is ignored.
    ann.send(&chat("bob", "one")).await;
    ann.send(&chat("nobody", "two")).await;
    ann.send("<message to='@@' type='chat'><body>three</body></message>").await;
    ann.send("<message to='@@' type='error'/>").await;
    ann.send("<r xmlns='urn:xmpp:sm:3'/>").await;
    let mut came = Vec::new();
    loop {
        let element = ann.next().await.unwrap();
        if element.is("a", ns::SM) {
            assert_eq!(element.attr("h"), Some("4"));
            break;
        }
        came.push(element.attr("type").unwrap_or_default().to_owned());
    }
    assert_eq!(came, ["error", "error"]);
    home.stop().await;
}

#[tokio::test]
async fn the_daemon_asks_after_a_moment_and_after_many() {
    let home = home("asks").await;
    let mut ann = Managed::log_in(&home, "ann/phone", "").await;
    assert_eq!(ann.memory.id, "", "not to be resumed");
    ann.acknowledge().await;
    ann.send(&chat("ann", "one")).await;
    assert_eq!(ann.body().await, "one");
    let request = ann.client.next().await.unwrap();
    assert!(request.is("r", ns::SM), "after a moment: {request:?}");
    ann.acknowledge().await;
    for n in 0..16 {
        ann.send(&chat("ann", &n.to_string())).await;
    }
    let mut before = 0;
    while !ann.client.next().await.unwrap().is("r", ns::SM) {
        before += 1;
    }
    assert_eq!(before, 16);
    home.stop().await;
}

#[tokio::test]
async fn a_session_outlives_its_socket() {
    let home = home("outlives").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    ann.send(&chat("bob", "one")).await;
    assert_eq!(bob.body().await, "one");
    ann.settle().await;
    let bob = bob.cut();
    counted(&home, "session.asleep", 1).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    ann.send(&chat("bob", "two")).await;
    ann.send(&format!(
        "<iq type='get' id='p' to='bob@{DOMAIN}/desk'><ping xmlns='urn:xmpp:ping'/></iq>"
    ))
    .await;
    ann.settle().await;
    // It answers for what bob has; what bob has not acknowledged comes again, in order.
    let mut bob = Managed::resume(&home, Memory { handled: bob.handled - 1, ..bob }).await.unwrap();
    assert_eq!(bob.body().await, "one");
    let two = bob.stanza().await;
    assert_eq!(two.child("body", ns::CLIENT).unwrap().text(), "two");
    let delay = two.child("delay", ns::DELAY).expect("when it was sent");
    assert_eq!(delay.attr("from"), Some(DOMAIN));
    assert_eq!(bob.stanza().await.attr("id"), Some("p"), "requests wait too");
    // What bob said is heard as ever, and nobody was told that he was away.
    bob.send(&chat("ann", "three")).await;
    assert_eq!(ann.body().await, "three");
    // The same name is good for another time.
    bob.settle().await;
    bob.acknowledge().await;
    let mut bob = Managed::resume(&home, bob.cut()).await.unwrap();
    ann.send(&chat("bob", "four")).await;
    assert_eq!(bob.body().await, "four");
    home.stop().await;
}

#[tokio::test]
async fn what_was_handled_is_not_sent_again() {
    let home = home("handled").await;
    let mut ann = Managed::log_in(&home, "ann/phone", RESUMABLE).await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    ann.send(&chat("bob", "one")).await;
    assert_eq!(bob.body().await, "one");
    // Handled, but ann does not know; then one that is cut in its middle.
    let half = chat("bob", "two");
    ann.memory.sent.push(half.clone());
    ann.client.send(&half[..half.len() - 9]).await;
    assert_eq!(ann.memory.sent.len(), 3);
    let mut ann = Managed::resume(&home, ann.cut()).await.unwrap();
    assert_eq!(ann.memory.sent.len(), 1, "only the half one came again");
    ann.send(&chat("bob", "three")).await;
    assert_eq!((bob.body().await, bob.body().await), ("two".to_owned(), "three".to_owned()));
    home.stop().await;
}

#[tokio::test]
async fn the_old_socket_is_closed_if_it_is_still_there() {
    let home = home("conflict").await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    bob.settle().await;
    let memory = |old: &Managed| Memory { handled: old.memory.handled, ..ask(&old.memory) };
    let next = memory(&bob);
    let mut second = Managed::resume(&home, next).await.unwrap();
    assert_eq!(bob.end().await.as_deref(), Some("conflict"));
    // Twice is as good as once.
    let next = memory(&second);
    let mut third = Managed::resume(&home, next).await.unwrap();
    assert_eq!(second.end().await.as_deref(), Some("conflict"));
    third.send(&chat("bob", "to myself")).await;
    assert_eq!(third.body().await, "to myself");
    assert_eq!(home.call(admin_api::sessions::List { name: None }).await.len(), 1);
    home.stop().await;
}

#[tokio::test]
async fn nobody_resumes_somebody_elses_session() {
    let home = home("foreign").await;
    let bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await.cut();
    let thief = Memory { name: "ann".to_owned(), id: bob.id.clone(), handled: 1, ..ask(&bob) };
    let mut client = Managed::ask(&home, &thief).await;
    assert_eq!(refused(&mut client).await, ("item-not-found".to_owned(), None));
    // Binding goes on from there, and bob has lost nothing.
    client
        .send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    assert_eq!(client.next().await.unwrap().attr("type"), Some("result"));
    let mut bob = Managed::resume(&home, bob).await.unwrap();
    bob.send(&chat("bob", "still there")).await;
    assert_eq!(bob.body().await, "still there");
    home.stop().await;
}

/// A client that has forgotten what it received.
fn ask(of: &Memory) -> Memory {
    Memory {
        name: of.name.clone(),
        id: of.id.clone(),
        handled: 0,
        sent: of.sent.clone(),
        early: VecDeque::new(),
    }
}

#[tokio::test]
async fn counts_of_what_was_never_sent_end_the_stream() {
    let home = home("too-high").await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    // The presence of bob himself is all he was sent.
    let too_high = Memory { handled: 2, ..ask(&bob.memory) };
    let mut client = Managed::ask(&home, &too_high).await;
    let error = client.next().await.unwrap();
    assert!(error.is("error", ns::STREAMS), "{error:?}");
    let detail = error.child("handled-count-too-high", ns::SM).unwrap();
    assert_eq!((detail.attr("h"), detail.attr("send-count")), (Some("2"), Some("1")));
    // That was no reason to touch the session.
    bob.send(&chat("bob", "one")).await;
    assert_eq!(bob.body().await, "one");
    bob.client.send("<a xmlns='urn:xmpp:sm:3' h='7'/>").await;
    assert_eq!(bob.end().await.as_deref(), Some("undefined-condition"));
    gone(&home, "bob/desk").await;
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    bob.client.send("<a xmlns='urn:xmpp:sm:3' h='-1'/>").await;
    assert_eq!(bob.end().await.as_deref(), Some("invalid-xml"));
    let mut bob = Managed::log_in(&home, "bob/desk", RESUMABLE).await;
    bob.client.send("<x xmlns='urn:nobody:knows'/>").await;
    assert_eq!(bob.end().await.as_deref(), Some("unsupported-stanza-type"));
    home.stop().await;
}
