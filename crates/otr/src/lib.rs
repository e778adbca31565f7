//! Off-the-Record messaging, versions 3 and 2, without I/O.
//!
//! Spec: Off-the-Record Messaging Protocol version 3, and version 2 where it differs; where the
//! specification leaves room, libotr 4.1.1 shows what peers expect.
//!
//! A [`Conversation`] is one person's side of a talk with one peer, over all of the peer's
//! devices. Feed it one [`Input`], take each [`Output`] from [`Conversation::poll`] until there
//! is none, and only then feed again. Time and randomness are parameters, so a conversation can
//! be replayed; nothing here opens a socket, a file or a clock.
//!
//! Besides, without any conversation: [`text::classify`] tells OTR from text, [`files`] reads
//! and writes the files of OTR clients, [`Fingerprint`] reads what people type, and
//! [`private_key`] tells when somebody is about to paste the one thing that must never leave a
//! device.
//!
//! # Two people
//!
//! ```
//! use std::sync::Arc;
//! use getrandom::SysRng;
//! use otr::rand_core::UnwrapErr;
//! use otr::{Conversation, Event, Input, Output, Policy, PrivateKey, Secret, Setup, Time};
//! use otr::{Trust, Verification};
//!
//! let mut rng = UnwrapErr(SysRng);
//! let now = Time::from_millis(0);
//! let mut person = |policy| {
//!     let key = PrivateKey::generate(&mut rng).expect("numbers of the right size");
//!     let instance = otr::files::instance_tags::random(&mut rng);
//!     let (fragment, invitation) = (None, "Ann would like to talk privately.".to_owned());
//!     Conversation::new(Setup { key: Arc::new(key), instance, policy, fragment, invitation })
//!         .expect("a valid tag")
//! };
//! let mut people = [person(Policy::manual()), person(Policy::manual())];
//!
//! // What a client does around the engine: carry messages, show texts, tell events.
//! let mut rng = UnwrapErr(SysRng);
//! let mut told = [Vec::new(), Vec::new()];
//! let mut shown = [Vec::new(), Vec::new()];
//! let mut act = |who: usize, input: Input<'_>| {
//!     people[who].feed(now, &mut rng, input).expect("a wish that can be done");
//!     let mut under_way = std::collections::VecDeque::new();
//!     let mut from = who;
//!     loop {
//!         while let Some(output) = people[from].poll() {
//!             match output {
//!                 Output::Transmit(body) => under_way.push_back((1 - from, body)),
//!                 Output::Show { text, trust } => shown[from].push((text, trust)),
//!                 Output::Event(event) => told[from].push(event),
//!                 Output::WakeAt(_) => {} // a real client sets a timer and feeds Deadline
//!             }
//!         }
//!         let Some((to, body)) = under_way.pop_front() else { break };
//!         people[to].feed(now, &mut rng, Input::Received(&body)).expect("never refused");
//!         from = to;
//!     }
//! };
//!
//! act(0, Input::Start);
//! act(0, Input::Send("The key is under the blue pot.".as_bytes()));
//!
//! // Both type what only they know; nobody else learns anything from the attempt.
//! let secret = Secret::new("Käthe's first boat".as_bytes()).expect("neither empty nor long");
//! act(1, Input::Verify { secret: &secret, question: None });
//! act(0, Input::Answer(&secret));
//! act(1, Input::End);
//!
//! let (text, trust) = &shown[1][0];
//! assert_eq!(text, b"The key is under the blue pot.");
//! assert!(matches!(trust, Trust::Private(_)));
//! let same = Event::Verification(Verification::Same { proves_peer: true });
//! assert!(told[0].contains(&same) && told[1].contains(&same));
//! assert!(told[0].contains(&Event::PeerEnded));
//! ```
//!
//! # What the caller has to do
//!
//! * Keep which fingerprints are verified; [`Trust::Private`] and [`Event::Private`] name the
//!   key, [`Verification::Same`] says when it is proved.
//! * Treat shown text as hostile: Pidgin sends HTML, and anybody may send control characters.
//! * Take both the bare and the full address of a peer for one conversation; drop delayed
//!   copies of key exchanges, errors of the network and messages from oneself.
//! * Keep the instance tag per account and client.
//!
//! # Invariants
//!
//! Nothing here panics, whatever a peer sends. Key exchange, message state and verification are
//! three machines; a failure in one leaves the others as they are. Every buffer and every
//! repetition has a limit in [`limits`]. Secrets are wiped on drop, arithmetic with them takes
//! constant time, and no error repeats a secret.

mod ake;
mod conversation;
mod crypto;
mod encoding;
pub mod files;
mod fingerprint;
mod fragment;
pub mod limits;
mod messages;
mod output;
mod policy;
pub mod private_key;
mod ratchet;
mod smp;
#[cfg(test)]
mod tests;
pub mod text;
mod time;
mod tlv;

pub use conversation::{Conversation, Setup};
pub use crypto::dsa::{PrivateKey, PublicKey};
pub use fingerprint::{Fingerprint, FingerprintError, TEXT_BYTES_MAX};
pub use fragment::{Assembler, Fragment, cut};
pub use messages::Version;
pub use output::{
    Error, Event, Input, Output, Secret, SessionInfo, SymmetricKey, Trust, Unreadable, Verification,
};
pub use policy::Policy;
/// The traits of randomness that this crate takes.
pub use rand_core;
pub use time::Time;
