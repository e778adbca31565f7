//! What all states share: the configuration, randomness, and the way out.
//!
//! Invariant: nothing leaves after the stream was closed.

use std::collections::VecDeque;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Config, Output, State};
use crate::element::{Element, Name};
use crate::error::StreamError;
use crate::parser::StreamOpen;
use crate::scram::{self, NONCE_BYTES, ScramKeys};
use crate::{ns, stream_header, writer};

/// Bytes of a stream id before they are written in hexadecimal. RFC 6120 §4.7.3: unpredictable.
const STREAM_ID_BYTES: usize = 12;

/// Bytes of a salt of new keys.
pub(super) const SALT_BYTES: usize = 16;

pub(super) struct Context {
    pub(super) config: Arc<Config>,
    random: Random,
    out: VecDeque<Output>,
    /// Whether our header of the current stream was sent.
    header_sent: bool,
}

impl Context {
    pub(super) fn new(config: Arc<Config>, seed: [u8; 32]) -> Self {
        let random = Random { seed: Zeroizing::new(seed), drawn: 0 };
        Self { config, random, out: VecDeque::new(), header_sent: false }
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    pub(super) fn put(&mut self, output: Output) {
        self.out.push_back(output);
    }

    /// Sends a child of the stream.
    pub(super) fn send(&mut self, element: &Element) {
        let mut text = String::new();
        writer::write_stream_child(&mut text, element, ns::CLIENT);
        self.put(Output::Send(text));
    }

    /// Sends our header of the current stream.
    pub(super) fn send_header(&mut self, to: Option<&str>) {
        let id = self.random.hex::<STREAM_ID_BYTES>();
        // RFC 6120 §4.7
        let header = StreamOpen {
            ns: Name::Borrowed(ns::CLIENT),
            from: self.config.domain.as_ref().map(|domain| domain.domain().to_owned()),
            to: to.map(str::to_owned),
            id: Some(id),
            version: Some(stream_header::VERSION.to_owned()),
            lang: Some("en".to_owned()),
        };
        self.header_sent = true;
        self.put(Output::Send(stream_header::open_xml(&header)));
    }

    /// A new stream begins on this connection.
    pub(super) fn restart(&mut self) {
        self.header_sent = false;
        self.put(Output::RestartParser);
    }

    /// Closes the stream without an error that the client is to see.
    pub(super) fn end(&mut self, error: Option<StreamError>) -> State {
        self.put(Output::Send(stream_header::CLOSE.to_owned()));
        self.put(Output::Close(error));
        State::Closed
    }

    /// Closes the stream with an error, of which a `mute` connection is told nothing.
    pub(super) fn fail(&mut self, error: StreamError, mute: bool) -> State {
        if mute {
            self.put(Output::Close(Some(error)));
            return State::Closed;
        }
        // RFC 6120 §4.9.1.2: an error needs a stream to be sent on.
        if !self.header_sent {
            self.send_header(None);
        }
        self.put(Output::Send(error.to_xml()));
        self.end(Some(error))
    }

    /// A nonce for SCRAM.
    pub(super) fn nonce(&mut self) -> String {
        scram::nonce(&self.random.bytes::<NONCE_BYTES>())
    }

    /// A salt for new keys.
    pub(super) fn salt(&mut self) -> [u8; SALT_BYTES] {
        self.random.bytes()
    }

    /// Keys for a user that does not exist.
    pub(super) fn fake_keys(&self, hash: scram::ScramHash, user: &str) -> ScramKeys {
        ScramKeys::fake(hash, &self.config.fake_secret, user, self.config.iterations)
    }
}

/// Unpredictable bytes: SHA-256 of the seed and a counter.
struct Random {
    seed: Zeroizing<[u8; 32]>,
    drawn: u64,
}

impl Random {
    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32, "one hash is drawn from") };
        self.drawn += 1;
        let hash = Sha256::new()
            .chain_update(self.seed.as_slice())
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        let mut out = [0; N];
        for (to, from) in out.iter_mut().zip(hash) {
            *to = from;
        }
        out
    }

    fn hex<const N: usize>(&mut self) -> String {
        self.bytes::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
