//! What the fuzz targets of OTR check, shared with the test that replays their corpus: a side
//! of a conversation with a fixed key and repeatable randomness, and any input against it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use otr::rand_core::{TryCryptoRng, TryRng};
use otr::{
    Assembler, Conversation, Error, Fragment, Input, Output, Policy, PrivateKey, Setup, Time,
};

/// The throw-away key of the captured conversations.
const KEY: &str = include_str!("../../../../crates/otr/tests/vectors/keys/alice/otr.private_key");

/// Our instance in the captured conversations, so that they are meant for us.
const INSTANCE: u32 = 0x657f_d674;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A linear congruence: repeatable, and no secret is at stake.
struct Repeatable(u64);

impl TryRng for Repeatable {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| (n >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            let Ok(n) = self.try_next_u32();
            *byte = (n >> 24) as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Repeatable {}

struct Side {
    conversation: Conversation,
    rng: Repeatable,
    millis: u64,
}

impl Side {
    fn new(policy: Policy) -> Self {
        static READ: OnceLock<Arc<PrivateKey>> = OnceLock::new();
        let read = || Arc::new(otr::files::keys::read(KEY).expect("a key file").remove(0).key);
        let (key, instance) = (READ.get_or_init(read).clone(), INSTANCE);
        let setup = Setup { key, instance, policy, fragment: None, invitation: String::new() };
        let conversation = Conversation::new(setup).expect("a valid tag");
        Self { conversation, rng: Repeatable(1), millis: 0 }
    }

    /// Every input comes a second after the one before.
    fn feed(&mut self, input: Input<'_>) -> Result<(), Error> {
        self.millis += 1_000;
        self.conversation.feed(Time::from_millis(self.millis), &mut self.rng, input)
    }
}

fn from_hex(text: &[u8]) -> Vec<u8> {
    let digit = |b: &u8| char::from(*b).to_digit(16).unwrap_or(0) as u8;
    text.chunks(2).map(|d| d.iter().fold(0, |n, b| n << 4 | digit(b))).collect()
}

/// `?OTR:` base64 `.`
fn wrap(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"?OTR:".to_vec();
    for group in bytes.chunks(3) {
        let mut n = [0; 3];
        n[..group.len()].copy_from_slice(group);
        let n = u32::from_be_bytes([0, n[0], n[1], n[2]]);
        for i in 0..4 {
            let byte = BASE64[(n >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() as u32 { byte } else { b'=' });
        }
    }
    out.push(b'.');
    out
}

/// Lines of one input that are looked at.
const LINES_MAX: usize = 32;

/// Answers to one message: an error, a query or the next step, and what waited for it.
const ANSWERS_MAX: usize = 4;

/// Any message bodies, one a line, against a conversation that begins anew. A line that starts
/// with `#` is hexadecimal of a binary message and gets its base64 dress first, so that
/// mutations reach the fields.
pub fn check_messages(input: &[u8]) {
    let mut side = Side::new(Policy::opportunistic());
    for line in input.split(|b| *b == b'\n').take(LINES_MAX) {
        let body = match line.split_first() {
            Some((b'#', hex)) => wrap(&from_hex(hex)),
            _ => line.to_vec(),
        };
        let _ = otr::text::classify(&body);
        let _ = otr::text::instances(&body);
        side.feed(Input::Received(&body)).expect("what a peer sends is never refused");
        let mut sent = 0;
        while let Some(output) = side.conversation.poll() {
            if let Output::Transmit(message) = output {
                assert!(message.len() <= otr::limits::MESSAGE_BYTES_MAX);
                sent += 1;
            }
        }
        assert!(sent <= ANSWERS_MAX, "{sent} answers to one message");
    }
}

/// Any pieces, one a line, against the assembler: what comes out was put together from pieces
/// in order, and stays below its limit. And any text, cut and put together again, is the same.
pub fn check_fragments(input: &[u8]) {
    let mut assembler = Assembler::default();
    let mut pieces = Vec::new();
    for line in input.split(|b| *b == b'\n') {
        let Some(fragment) = Fragment::parse(line) else { continue };
        assert!(fragment.number >= 1 && fragment.number <= fragment.total);
        assert!(!fragment.piece.contains(&b','));
        if fragment.number == 1 {
            pieces.clear();
        }
        pieces.push(fragment.piece);
        if let Some(whole) = assembler.push(&fragment) {
            assert_eq!(whole, pieces.concat());
            assert!(whole.len() <= otr::limits::ASSEMBLED_BYTES_MAX);
        }
    }
    let text: Vec<u8> = input.iter().copied().filter(|b| *b != b',').collect();
    let size = 64 + usize::from(text.first().copied().unwrap_or_default());
    let instances = text.get(1).is_some_and(|b| b & 1 == 1).then_some((0x100, 0x200));
    let cut = otr::cut(text.clone(), instances, size);
    if cut.len() > 1 {
        let mut assembler = Assembler::default();
        let parts = cut.iter().map(|p| Fragment::parse(p).expect("our own piece"));
        let mut whole = None;
        for part in parts {
            assert_eq!(part.instances, instances);
            whole = assembler.push(&part);
        }
        assert_eq!(whole, Some(text));
    }
}
