//! A component (XEP-0114): connects to the home's listener, proves its secret, speaks stanzas.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use xmpp::component::handshake;
use xmpp::element::Element;
use xmpp::ns;
use xmpp::parser::{Parser, ParserLimits, StreamEvent};

use super::client::PATIENCE;
use super::home::{COMPONENT_SECRET, DOMAIN, Home};

/// A connection to the components' listener.
pub(crate) struct Component {
    socket: TcpStream,
    parser: Parser,
    name: String,
    /// The stream's identifier.
    pub(crate) id: String,
    pings: u32,
}

impl Component {
    /// Opens a stream for `name`; no handshake yet.
    pub(crate) async fn open(home: &Home, name: &str) -> Self {
        let address = home.running.daemon.components.bound()[0];
        let socket = TcpStream::connect(address).await.unwrap();
        let parser = Parser::new(ParserLimits::default());
        let (name, id) = (name.to_owned(), String::new());
        let mut component = Self { socket, parser, name, id, pings: 0 };
        component
            .send(&format!(
                "<stream:stream xmlns='{}' xmlns:stream='{}' to='{}'>",
                ns::COMPONENT,
                ns::STREAMS,
                component.name
            ))
            .await;
        let Some(StreamEvent::Open(open)) = component.event().await else {
            panic!("no stream header")
        };
        component.id = open.id.expect("a stream has an identifier");
        component
    }

    /// Connects as `name`.
    pub(crate) async fn connect(home: &Home, name: &str) -> Self {
        let mut component = Self::open(home, name).await;
        let proof = handshake(&component.id, COMPONENT_SECRET);
        component.send(&format!("<handshake>{proof}</handshake>")).await;
        let answer = component.next().await.expect("the stream is open");
        assert_eq!(answer.name(), "handshake", "{answer:?}");
        component
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, xml: &str) {
        assert!(self.try_send(xml).await, "the connection is open");
    }

    /// Sends bytes as they are; `false` if the connection is gone.
    pub(crate) async fn try_send(&mut self, xml: &str) -> bool {
        self.socket.write_all(xml.as_bytes()).await.is_ok()
    }

    /// The next event; `None` when the daemon closed the connection.
    pub(crate) async fn event(&mut self) -> Option<StreamEvent> {
        self.event_within(PATIENCE).await.expect("an answer in time")
    }

    async fn event_within(
        &mut self,
        patience: Duration,
    ) -> Result<Option<StreamEvent>, tokio::time::error::Elapsed> {
        let mut buffer = vec![0; 4096];
        loop {
            if let Some(event) = self.parser.next().expect("well-formed XML from the daemon") {
                return Ok(Some(event));
            }
            match timeout(patience, self.socket.read(&mut buffer)).await? {
                Ok(n) if n > 0 => self.parser.push(&buffer[..n]),
                _ => return Ok(None),
            }
        }
    }

    /// The next element, in the namespace of clients; `None` when the stream was closed.
    pub(crate) async fn next(&mut self) -> Option<Element> {
        match self.event().await {
            Some(StreamEvent::Stanza(mut element)) => {
                if element.ns() == ns::COMPONENT {
                    element.change_ns(&ns::CLIENT.into());
                }
                Some(element)
            }
            _ => None,
        }
    }

    /// Everything that came before the daemon answered a ping.
    pub(crate) async fn settle(&mut self) -> Vec<Element> {
        self.pings += 1;
        let id = format!("settle-{}", self.pings);
        self.send(&format!(
            "<iq type='get' id='{id}' from='{}' to='{DOMAIN}'><ping xmlns='{}'/></iq>",
            self.name,
            ns::PING
        ))
        .await;
        let mut before = Vec::new();
        loop {
            let element = self.next().await.expect("the stream is open");
            if element.attr("id") == Some(&id) {
                return before;
            }
            before.push(element);
        }
    }

    /// The condition of the stream error that the stream ends with, after whatever else.
    pub(crate) async fn end(&mut self) -> Option<String> {
        while let Some(element) = self.next().await {
            if element.is("error", ns::STREAMS) {
                return element.children().next().map(|c| c.name().to_owned());
            }
        }
        None
    }
}
