//! XEP-0313 with names compared: the one a message came with is the one it is found under, however
//! often and on whichever way it comes.

use xmpp::element::Element;
use xmpp::ns;

use crate::harness::client::Client;
use crate::harness::home::Home;
use crate::harness::managed::Managed;

async fn home(name: &str) -> Home {
    let home = Home::start(&format!("archive-{name}")).await;
    for name in ["ann", "bob"] {
        home.account(name).await;
    }
    home
}

fn chat(to: &str, body: &str) -> String {
    format!("<message to='{to}@home.example' type='chat'><body>{body}</body></message>")
}

/// The name that `by` gave to `message`.
fn name(message: &Element, by: &str) -> String {
    let names: Vec<_> = message
        .children()
        .filter(|c| c.is("stanza-id", ns::STANZA_ID) && c.attr("by") == Some(by))
        .filter_map(|c| c.attr("id"))
        .collect();
    assert_eq!(names.len(), 1, "{message:?}");
    names[0].to_owned()
}

/// The next message with words.
async fn heard(client: &mut Managed) -> Element {
    loop {
        let stanza = client.stanza().await;
        if stanza.child("body", ns::CLIENT).is_some() {
            return stanza;
        }
    }
}

fn body(message: &Element) -> String {
    message.child("body", ns::CLIENT).expect("a body").text().into_owned()
}

/// What is archived for `who`: names and bodies.
async fn archived(home: &Home, who: &str) -> Vec<(String, String)> {
    let mut client = Client::log_in(home, who, "reader").await;
    client.send("<iq type='set' id='all'><query xmlns='urn:xmpp:mam:2'/></iq>").await;
    let mut rows = Vec::new();
    loop {
        let element = client.next().await.expect("the stream is open");
        let Some(result) = element.child("result", ns::MAM) else {
            let fin = element.child("fin", ns::MAM).expect("the end");
            assert_eq!(fin.attr("complete"), Some("true"));
            return rows;
        };
        let forwarded = result.child("forwarded", ns::FORWARD).unwrap();
        let message = forwarded.child("message", ns::CLIENT).unwrap();
        rows.push((result.attr("id").unwrap().to_owned(), body(message)));
    }
}

/// A message that a client never acknowledged comes to the next one under the name it had, and is
/// archived once.
#[tokio::test]
async fn a_message_keeps_its_name_on_its_second_way() {
    let home = home("again").await;
    let mut ann = Managed::log_in(&home, "ann/phone", "").await;
    let mut bob = Managed::log_in(&home, "bob/desk", "resume='true' max='1'").await;
    ann.send(&chat("bob", "once")).await;
    let first = heard(&mut bob).await;
    assert_eq!(body(&first), "once");
    let given = name(&first, "bob@home.example");
    drop(bob.cut());
    // It goes to nobody, so it is kept; then to a device that goes away as well.
    let mut tablet = Managed::log_in(&home, "bob/tablet", "resume='true' max='1'").await;
    let second = heard(&mut tablet).await;
    assert_eq!((body(&second), name(&second, "bob@home.example")), ("once".into(), given.clone()));
    drop(tablet.cut());
    let mut phone = Managed::log_in(&home, "bob/phone", "").await;
    let third = heard(&mut phone).await;
    assert_eq!((body(&third), name(&third, "bob@home.example")), ("once".into(), given.clone()));
    phone.acknowledge().await;
    assert_eq!(archived(&home, "bob").await, [(given, "once".to_owned())]);
    home.stop().await;
}

/// Copies and what was kept bear the name under which the message is found.
#[tokio::test]
async fn copies_and_kept_messages_bear_the_name_of_the_archive() {
    let home = home("names").await;
    let mut ann = Client::log_in(&home, "ann", "phone").await;
    let mut tablet = Client::log_in(&home, "ann", "tablet").await;
    tablet.send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>").await;
    tablet.settle().await;
    ann.send(&chat("bob", "one")).await;
    ann.send(&chat("bob", "two")).await;
    ann.settle().await;
    let mut copied = Vec::new();
    for copy in tablet.settle().await {
        let sent = copy.child("sent", ns::CARBONS).expect("a copy");
        let forwarded = sent.child("forwarded", ns::FORWARD).unwrap();
        let message = forwarded.child("message", ns::CLIENT).unwrap();
        copied.push((name(message, "ann@home.example"), body(message)));
    }
    assert_eq!(copied.len(), 2);
    assert_eq!(archived(&home, "ann").await, copied);
    let mut bob = Managed::log_in(&home, "bob/desk", "").await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let message = heard(&mut bob).await;
        assert!(message.child("delay", ns::DELAY).is_some());
        kept.push((name(&message, "bob@home.example"), body(&message)));
    }
    assert_eq!(archived(&home, "bob").await, kept);
    assert!(copied.iter().all(|(id, _)| kept.iter().all(|(other, _)| id != other)));
    home.stop().await;
}

/// Whoever asks for more than fits is told to wait, and is not lost.
#[tokio::test]
async fn asking_for_everything_at_once_costs_no_session() {
    let home = home("flood").await;
    let mut ann = Managed::log_in(&home, "ann/phone", "").await;
    for n in 0..120 {
        ann.send(&chat("bob", &n.to_string())).await;
    }
    ann.settle().await;
    let asked = 40;
    let queries: String = (0..asked)
        .map(|n| format!("<iq type='set' id='q{n}'><query xmlns='urn:xmpp:mam:2'/></iq>"))
        .collect();
    ann.client.send(&queries).await;
    let (mut whole, mut refused, mut results) = (0, 0, 0);
    while whole + refused < asked {
        let element = ann.stanza().await;
        match element.attr("type") {
            Some("result") => whole += 1,
            Some("error") => {
                let error = element.child("error", ns::CLIENT).unwrap();
                assert!(error.child("resource-constraint", ns::STANZA_ERRORS).is_some());
                refused += 1;
            }
            _ => results += 1,
        }
    }
    assert!(whole > 0 && results >= whole, "{whole} {refused} {results}");
    // It goes on as if nothing had been.
    ann.send(&chat("ann", "still here")).await;
    assert_eq!(ann.body().await, "still here");
    home.stop().await;
}
