//! One TLS connection of a client, and the ways in which it is cut.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::element::Element;
use xmpp::parser::{Parser, ParserLimits, StreamEvent};

use super::house::House;
use crate::harness::client::PATIENCE;
use crate::harness::home::DOMAIN;

/// The connection is gone.
#[derive(Debug)]
pub(crate) struct Gone;

/// How a socket is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With an RST; what is under way in either direction is lost.
    Reset,
    /// With a FIN; the daemon gets all that was written.
    Fin,
    /// Not at all: nobody reads or writes any more, and the daemon does not know.
    HalfOpen,
}

/// See the module.
pub(crate) struct Wire {
    tls: TlsStream<TcpStream>,
    parser: Parser,
}

/// What the daemon does not know to be dead; sockets close in the end, as they do in life.
#[derive(Default)]
pub(crate) struct Graveyard(Vec<Wire>);

/// Sockets that one device leaves half-open at a time.
const HALF_OPEN_MAX: usize = 3;

/// A connection without TLS yet.
pub(crate) async fn dial(house: &House) -> Result<TcpStream, Gone> {
    let address = house.address().ok_or(Gone)?;
    let tcp = TcpStream::connect(address).await.map_err(|_| Gone)?;
    tcp.set_nodelay(true).map_err(|_| Gone)?;
    Ok(tcp)
}

/// Begins a TLS handshake on `tcp` and says no more: the head of a record, and not all of it.
pub(crate) async fn half_a_handshake(mut tcp: TcpStream, how: How) {
    let _ = tcp.write_all(&[0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3]).await;
    if how == How::Reset {
        let _ = tcp.set_zero_linger();
    }
}

impl Wire {
    pub(crate) async fn open(house: &House, tcp: TcpStream) -> Result<Self, Gone> {
        let name = ServerName::try_from(DOMAIN).unwrap();
        let shaken = TlsConnector::from(house.tls.clone()).connect(name, tcp);
        let tls = timeout(PATIENCE, shaken).await.expect("a handshake in time");
        let parser = Parser::new(ParserLimits::default());
        Ok(Self { tls: tls.map_err(|_| Gone)?, parser })
    }

    /// Says where the stream begins anew, and reads the features.
    pub(crate) async fn open_stream(&mut self) -> Result<(), Gone> {
        self.parser.restart();
        let open = format!(
            "<?xml version='1.0'?><stream:stream to='{DOMAIN}' version='1.0' \
             xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
        );
        self.say(&open).await?;
        match self.event(PATIENCE).await? {
            Some(StreamEvent::Open(_)) => {}
            other => panic!("not a stream: {other:?}"),
        }
        let features = self.hear().await?;
        assert_eq!(features.name(), "features");
        Ok(())
    }

    pub(crate) async fn say(&mut self, xml: &str) -> Result<(), Gone> {
        let write = async {
            self.tls.write_all(xml.as_bytes()).await?;
            self.tls.flush().await
        };
        match timeout(PATIENCE, write).await.expect("the daemon reads") {
            Ok(()) => Ok(()),
            Err(_) => Err(Gone),
        }
    }

    /// The next element, which has to come.
    pub(crate) async fn hear(&mut self) -> Result<Element, Gone> {
        self.hear_within(PATIENCE).await.map(|element| element.expect("an answer in time"))
    }

    /// The next element; `None` if none comes in time.
    pub(crate) async fn hear_within(
        &mut self,
        patience: Duration,
    ) -> Result<Option<Element>, Gone> {
        match self.event(patience).await? {
            None => Ok(None),
            Some(StreamEvent::Stanza(element)) => Ok(Some(element)),
            Some(_) => Err(Gone),
        }
    }

    async fn event(&mut self, patience: Duration) -> Result<Option<StreamEvent>, Gone> {
        // On the heap, because it would be part of every future above.
        let mut buffer = vec![0; 8192];
        loop {
            if let Some(event) = self.parser.next().expect("well-formed XML from the daemon") {
                return Ok(Some(event));
            }
            match timeout(patience, self.tls.read(&mut buffer)).await {
                Err(_) => return Ok(None),
                Ok(Ok(n)) if n > 0 => self.parser.push(&buffer[..n]),
                Ok(_) => return Err(Gone),
            }
        }
    }

    /// Cuts it.
    pub(crate) fn cut(self, how: How, graveyard: &mut Graveyard) {
        match how {
            How::Reset => {
                let _ = self.tls.get_ref().0.set_zero_linger();
            }
            How::Fin => {}
            How::HalfOpen => {
                if graveyard.0.len() >= HALF_OPEN_MAX {
                    graveyard.0.remove(0);
                }
                graveyard.0.push(self);
            }
        }
    }
}
