//! A returning device is online in one round trip after TLS, seen on the wire.
//!
//! The client says everything in one go and listens; what it hears up to the message that waited
//! for it is one answer. The log of both directions is left in `tests/output`.

use std::fmt::Write as _;
use std::time::Instant;

use crate::harness::client::{Client, PATIENCE, connect_tls};
use crate::harness::home::{DOMAIN, Home, PASSWORD};
use crate::harness::sasl2::authenticate_by_token;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use xmpp::ns;

const AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";
const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'/>";

/// Both directions of a connection, in the order they were seen.
#[derive(Default)]
struct Log {
    text: String,
    /// How often the client spoke, and how often the server did after that.
    flights: Vec<char>,
}

impl Log {
    fn note(&mut self, who: char, began: Instant, bytes: &[u8]) {
        if self.flights.last() != Some(&who) {
            self.flights.push(who);
        }
        let text = String::from_utf8_lossy(bytes);
        let micros = began.elapsed().as_micros();
        writeln!(self.text, "{who} after {micros} us, {} bytes: {text}", bytes.len()).unwrap();
    }
}

/// Connects, says `flight` at once, and listens until `last` was heard.
async fn return_once(home: &Home, flight: &str, last: &str) -> Log {
    let mut socket = connect_tls(home).await;
    let (mut log, mut heard) = (Log::default(), String::new());
    let mut buffer = vec![0; 16 * 1024];
    let began = Instant::now();
    socket.write_all(flight.as_bytes()).await.unwrap();
    socket.flush().await.unwrap();
    log.note('C', began, flight.as_bytes());
    while !heard.contains(last) {
        let read = timeout(PATIENCE, socket.read(&mut buffer)).await.expect("an answer").unwrap();
        assert!(read > 0, "closed after {heard}");
        log.note('S', began, &buffer[..read]);
        heard.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    log
}

fn flight(token: &str, inside: &str) -> String {
    let opening = authenticate_by_token("ann", token, inside);
    format!(
        "<?xml version='1.0'?><stream:stream to='{DOMAIN}' from='ann@{DOMAIN}' version='1.0' \
         xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>{opening}"
    )
}

#[tokio::test]
async fn a_returning_device_needs_one_round_trip() {
    let home = Home::start("one-round-trip").await;
    home.account("ann").await;
    home.account("bob").await;
    let wish = format!(
        "{AGENT}<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>\
         <bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/>\
         <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"
    );
    let mut phone = Client::open(&home).await;
    let success = phone.authenticate2("ann", PASSWORD, &wish).await;
    let token = success.child("token", ns::FAST).unwrap().attr("token").unwrap().to_owned();
    let bound = success.child("bound", ns::BIND2).unwrap();
    let session = bound.child("enabled", ns::SM).unwrap().attr("id").unwrap().to_owned();
    let jid = phone.jid.clone();
    phone.cut();
    let mut bob = Client::log_in(&home, "bob", "pc").await;
    bob.send(&format!("<message to='{jid}' type='chat'><body>waited</body></message>")).await;
    bob.settle().await;

    let resume = format!("{AGENT}{FAST}<resume xmlns='urn:xmpp:sm:3' previd='{session}' h='0'/>");
    let resumed = return_once(&home, &flight(&token, &resume), "<body>waited</body>").await;
    assert_eq!(resumed.flights, ['C', 'S'], "{}", resumed.text);
    assert!(resumed.text.contains("<resumed "), "{}", resumed.text);

    let bind = format!(
        "{AGENT}{FAST}<resume xmlns='urn:xmpp:sm:3' previd='gone' h='0'/>\
         <bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/>\
         <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"
    );
    // The features of the session end the answer.
    let bound = return_once(&home, &flight(&token, &bind), "<csi ").await;
    let bound_text = &bound.text;
    assert_eq!(bound.flights, ['C', 'S'], "{bound_text}");
    assert!(bound_text.contains("<failed xmlns='urn:xmpp:sm:3'"), "{bound_text}");
    assert!(bound_text.contains("<enabled "), "{bound_text}");

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/output");
    std::fs::create_dir_all(folder).unwrap();
    let log = format!("resumed\n{}\nbound instead\n{bound_text}", resumed.text);
    std::fs::write(format!("{folder}/one-round-trip.txt"), log).unwrap();
    home.stop().await;
}
