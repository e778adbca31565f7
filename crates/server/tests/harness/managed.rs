//! A client with stream management (XEP-0198) as clients do it: it counts, acknowledges, keeps
//! what was not acknowledged, and gets its session back after its socket was cut.

use std::collections::VecDeque;
use std::time::Duration;

use xmpp::element::Element;
use xmpp::ns;
use xmpp::parser::StreamEvent;
use xmpp::resume::{Sent, answer, parse_count, request};

use super::client::{Client, PATIENCE};
use super::home::{Home, PASSWORD};

/// What a client remembers of its session while it has no connection.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) name: String,
    /// The session's name.
    pub(crate) id: String,
    /// Stanzas received.
    pub(crate) handled: u32,
    /// Stanzas sent.
    pub(crate) sent: Sent<String>,
    /// Received while it logged in, and not looked at yet.
    pub(crate) early: VecDeque<Element>,
}

/// A client with a connection.
pub(crate) struct Managed {
    pub(crate) client: Client,
    pub(crate) memory: Memory,
}

/// What came.
pub(crate) enum Got {
    Stanza(Element),
    /// Nothing in time.
    Nothing,
    /// The stream is over, with this stream error if there was one.
    End(Option<Element>),
}

impl Managed {
    /// Logs in, becomes available and enables stream management with `attributes`.
    pub(crate) async fn log_in(home: &Home, full: &str, attributes: &str) -> Self {
        let (name, resource) = full.split_once('/').expect("name/resource");
        let mut client = Client::log_in(home, name, resource).await;
        client.send(&format!("<enable xmlns='{}' {attributes}/>", ns::SM)).await;
        let enabled = client.next().await.unwrap();
        assert!(enabled.is("enabled", ns::SM), "{enabled:?}");
        let id = enabled.attr("id").unwrap_or_default().to_owned();
        let memory = Memory {
            name: name.to_owned(),
            id,
            handled: 0,
            sent: Sent::default(),
            early: VecDeque::new(),
        };
        let mut managed = Self { client, memory };
        managed.send("<presence/>").await;
        // What was kept for it may come before its own presence does.
        let mut early = VecDeque::new();
        loop {
            let stanza = managed.stanza().await;
            if stanza.is("presence", ns::CLIENT) {
                managed.memory.early = early;
                return managed;
            }
            early.push_back(stanza);
        }
    }

    /// Connects again and asks for the session.
    pub(crate) async fn ask(home: &Home, memory: &Memory) -> Client {
        let mut client = Client::open(home).await;
        client.authenticate(&memory.name, PASSWORD).await.expect("a right password");
        client
            .send(&format!(
                "<resume xmlns='{}' previd='{}' h='{}'/>",
                ns::SM,
                memory.id,
                memory.handled
            ))
            .await;
        client
    }

    /// Connects again and gets the session back. `Err`: what came instead.
    pub(crate) async fn resume(home: &Home, memory: Memory) -> Result<Self, Option<Element>> {
        let client = Self::ask(home, &memory).await;
        Self::resumed(client, memory).await.map_err(|(_, answer)| answer)
    }

    /// The answer to [`Managed::ask`].
    pub(crate) async fn resumed(
        mut client: Client,
        mut memory: Memory,
    ) -> Result<Self, (Memory, Option<Element>)> {
        let resumed = match client.next().await {
            Some(element) if element.is("resumed", ns::SM) => element,
            other => return Err((memory, other)),
        };
        assert_eq!(resumed.attr("previd"), Some(memory.id.as_str()));
        let handled = resumed.attr("h").and_then(parse_count).unwrap();
        memory.sent.acknowledge(handled).expect("a count of what was sent");
        let mut managed = Self { client, memory };
        let rest: Vec<String> = managed.memory.sent.rest().cloned().collect();
        for stanza in rest {
            managed.client.try_send(&stanza).await;
        }
        Ok(managed)
    }

    /// Sends a stanza, and remembers it until it is acknowledged.
    pub(crate) async fn send(&mut self, stanza: &str) -> bool {
        self.memory.sent.push(stanza.to_owned());
        self.client.try_send(stanza).await
    }

    /// The next stanza in time; requests and acknowledgements are dealt with.
    pub(crate) async fn next(&mut self, patience: Duration) -> Got {
        if let Some(stanza) = self.memory.early.pop_front() {
            return Got::Stanza(stanza);
        }
        loop {
            let element = match self.client.event_within(patience).await {
                Err(_) => return Got::Nothing,
                Ok(Some(StreamEvent::Stanza(element))) => element,
                Ok(_) => return Got::End(None),
            };
            if element.is("r", ns::SM) {
                self.client.try_send(&answer(self.memory.handled).to_xml(ns::CLIENT)).await;
            } else if element.is("a", ns::SM) {
                let handled = element.attr("h").and_then(parse_count).unwrap();
                self.memory.sent.acknowledge(handled).expect("a count of what was sent");
            } else if element.is("error", ns::STREAMS) {
                return Got::End(Some(element));
            } else {
                assert_eq!(element.ns(), ns::CLIENT, "{element:?}");
                self.memory.handled = self.memory.handled.wrapping_add(1);
                return Got::Stanza(element);
            }
        }
    }

    /// The next stanza.
    pub(crate) async fn stanza(&mut self) -> Element {
        match self.next(PATIENCE).await {
            Got::Stanza(element) => element,
            Got::Nothing => panic!("no stanza in time"),
            Got::End(error) => panic!("the stream is over: {error:?}"),
        }
    }

    /// The body of the next message.
    pub(crate) async fn body(&mut self) -> String {
        loop {
            let stanza = self.stanza().await;
            if let Some(body) = stanza.child("body", ns::CLIENT) {
                return body.text().into_owned();
            }
        }
    }

    /// Waits until the daemon has handled all that was sent.
    pub(crate) async fn settle(&mut self) {
        self.client.send(&request().to_xml(ns::CLIENT)).await;
        while !self.memory.sent.is_empty() {
            let got = self.next(Duration::from_millis(50)).await;
            assert!(!matches!(got, Got::End(_)), "the stream is open");
        }
    }

    /// Acknowledges all that was received.
    pub(crate) async fn acknowledge(&mut self) {
        self.client.send(&answer(self.memory.handled).to_xml(ns::CLIENT)).await;
    }

    /// The stream error that the stream ends with, after whatever else.
    pub(crate) async fn end(&mut self) -> Option<String> {
        loop {
            match self.next(PATIENCE).await {
                Got::Stanza(_) => {}
                Got::Nothing => panic!("the stream did not end in time"),
                Got::End(error) => {
                    return error.and_then(|e| e.children().next().map(|c| c.name().to_owned()));
                }
            }
        }
    }

    /// Loses the connection without a word.
    pub(crate) fn cut(self) -> Memory {
        self.client.cut();
        self.memory
    }
}
