//! What goes into a conversation and what comes out.

use std::fmt;

use zeroize::Zeroizing;

use crate::limits::SECRET_BYTES_MAX;
use crate::{Fingerprint, Time, Version};

/// Words that two people share, for a verification. Wiped on drop.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// `None` if there are no words or more than [`SECRET_BYTES_MAX`] bytes. The bytes are
    /// compared as they are: trim and normalise before, where that is wanted.
    #[must_use]
    pub fn new(words: &[u8]) -> Option<Self> {
        let fits = !words.is_empty() && words.len() <= SECRET_BYTES_MAX;
        fits.then(|| Self(Zeroizing::new(words.to_vec())))
    }

    pub(crate) fn words(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// One thing that happens to a conversation.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// The peer's client sent this message body.
    Received(&'a [u8]),
    /// Our person wants to send this text.
    Send(&'a [u8]),
    /// Our person wants a private conversation, or a fresh one.
    Start,
    /// Our person ends the private conversation.
    End,
    /// Our person wants to verify the peer.
    Verify {
        /// What both should know.
        secret: &'a Secret,
        /// Shown to the peer. Then only the peer's key is verified, not ours for them.
        question: Option<&'a str>,
    },
    /// Our person answers [`Verification::Asked`].
    Answer(&'a Secret),
    /// Our person gives up on a verification.
    CancelVerification,
    /// Derive a key for something outside of the conversation and tell the peer its use.
    ExtraKey {
        /// Four bytes whose meaning both applications know.
        usage: u32,
        /// Anything else, up to [`crate::limits::EXTRA_KEY_DATA_BYTES_MAX`].
        data: &'a [u8],
    },
    /// A moment named by [`Output::WakeAt`] has come.
    Deadline,
}

/// A key for something outside of the conversation. Wiped on drop; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SymmetricKey(pub(crate) Zeroizing<[u8; 32]>);

impl SymmetricKey {
    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SymmetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SymmetricKey")
    }
}

/// One thing to do. Take them with [`crate::Conversation::poll`] until there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this message body to the peer.
    Transmit(Vec<u8>),
    /// Show this text of the peer. It may be HTML and hold anything, control characters too.
    Show {
        /// As the peer typed it; without whitespace tag.
        text: Vec<u8>,
        /// How it came.
        trust: Trust,
    },
    /// Something happened.
    Event(Event),
    /// Feed [`Input::Deadline`] at this time. The latest one counts.
    WakeAt(Time),
}

/// How a text came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// In the clear, as expected.
    Plain,
    /// In the clear, although there is or was a session or the policy requires one: show it
    /// with a warning.
    PlainUnexpected,
    /// Encrypted by the holder of this key. Whether the key is verified is the application's
    /// to know.
    Private(Fingerprint),
}

/// A session, as both sides see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The peer's key.
    pub fingerprint: Fingerprint,
    /// Version of the protocol.
    pub version: Version,
    /// The peer's instance tag; 0 in version 2.
    pub instance: u32,
    /// Equal on both sides.
    pub session_id: [u8; 8],
    /// The half of the session id that clients print bold: the first for the side that began.
    pub first_half_bold: bool,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session stands.
    Private {
        /// Its properties.
        session: SessionInfo,
        /// It takes the place of an older one.
        renewed: bool,
    },
    /// The peer has ended the session. Nothing can be sent until [`Input::Start`] or
    /// [`Input::End`].
    PeerEnded,
    /// We have ended the session.
    Ended,
    /// A start was not answered.
    NoAnswer,
    /// A text is held back until a session stands (policy "required").
    Held,
    /// A text that was held back was given up.
    NotSent(Vec<u8>),
    /// The last text was sent again, after the peer could not read it.
    Resent,
    /// A message could not be read.
    Unreadable(Unreadable),
    /// The peer reports an error, in its words.
    PeerError(Vec<u8>),
    /// News of a verification.
    Verification(Verification),
    /// The peer named the use of an extra key, or we did.
    ExtraKey {
        /// Four bytes whose meaning both applications know.
        usage: u32,
        /// Anything else.
        data: Vec<u8>,
        /// The key.
        key: SymmetricKey,
        /// By us.
        ours: bool,
    },
}

/// Why a message could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no session with the sender.
    NoSession,
    /// For another device of ours.
    OtherInstance,
    /// Not by the rules, torn or altered.
    Malformed,
    /// Seen before, or for keys that are gone.
    Stale,
    /// Longer than [`crate::limits::MESSAGE_BYTES_MAX`].
    TooLong,
}

/// News of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// The peer asks; answer with [`Input::Answer`].
    Asked {
        /// The peer's question: anything, shown with care.
        question: Option<Vec<u8>>,
    },
    /// Both typed the same.
    Same {
        /// This proves the peer's key to us. False for the side that answered a question: it
        /// has proved its own key only.
        proves_peer: bool,
    },
    /// The secrets differ.
    Different,
    /// Given up by the peer, or because a message was not by the rules.
    Aborted,
}

/// Why an input was refused. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// There is no session.
    NotPrivate,
    /// The peer has ended the session: start or end first.
    PeerEnded,
    /// There is no question to answer.
    NothingAsked,
    /// A text, question or data beyond its limit, or too many texts are held.
    TooLong,
    /// There is nothing in the text, or it holds a NUL.
    BadText,
    /// The policy allows no version.
    NoVersion,
    /// A counter or a number is used up: start anew.
    Exhausted,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPrivate => "there is no private conversation",
            Self::PeerEnded => "the other side has ended the private conversation",
            Self::NothingAsked => "nothing was asked",
            Self::TooLong => "too long",
            Self::BadText => "empty, or not text",
            Self::NoVersion => "no version is allowed",
            Self::Exhausted => "the keys are used up",
        })
    }
}

impl std::error::Error for Error {}
