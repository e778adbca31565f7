//! What the fuzz targets of OTR check, shared with the test that replays their corpus: a side
//! of a conversation with a fixed key and repeatable randomness, and any input against it.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use otr::rand_core::{TryCryptoRng, TryRng};
use otr::{
    Assembler, Conversation, Error, Fragment, Input, Output, Policy, PrivateKey, Secret, Setup,
    Time, Trust,
};

/// The throw-away key of the captured conversations.
const KEY: &str = include_str!("../../../../crates/otr/tests/vectors/keys/alice/otr.private_key");

/// The throw-away key of the other side.
const OTHER_KEY: &str =
    include_str!("../../../../crates/otr/tests/vectors/keys/bob/otr.private_key");

/// Our instance in the captured conversations, so that they are meant for us.
const INSTANCE: u32 = 0x657f_d674;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Bytes of a private exponent of a key exchange, and of a verification.
const KEY_BYTES: usize = 40;
const PROOF_BYTES: usize = 192;

/// Exponents of verifications before the first comes again. A run takes fewer of one side.
const PROOF_EXPONENTS: u64 = 16;

/// A linear congruence: repeatable, and no secret is at stake. Exponents come from a row of their
/// own, the same in each conversation, so that powers which were had before need no computing when
/// the engine is built for fuzzing.
struct Repeatable {
    state: u64,
    owner: u64,
    keys: u64,
    proofs: u64,
}

impl Repeatable {
    fn new(owner: u64) -> Self {
        Self { state: owner, owner, keys: 0, proofs: 0 }
    }

    fn stream(&mut self, out: &mut [u8]) {
        for byte in out {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.state >> 56) as u8;
        }
    }

    /// The start of the next exponent of `size` bytes, if that is what is asked for.
    fn exponent(&mut self, size: usize) -> Option<u64> {
        let (number, kind) = match size {
            KEY_BYTES => (&mut self.keys, 1),
            PROOF_BYTES => (&mut self.proofs, 2),
            _ => return None,
        };
        *number += 1;
        let number = if kind == 2 { *number % PROOF_EXPONENTS } else { *number };
        Some(self.owner << 32 | kind << 24 | number)
    }
}

impl TryRng for Repeatable {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|n| (n >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.stream(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        match self.exponent(out.len()) {
            Some(start) => Self::new(start).stream(out),
            None => self.stream(out),
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
        Self::of(READ.get_or_init(|| read_key(KEY)).clone(), INSTANCE, policy)
    }

    fn other(policy: Policy) -> Self {
        static READ: OnceLock<Arc<PrivateKey>> = OnceLock::new();
        Self::of(READ.get_or_init(|| read_key(OTHER_KEY)).clone(), INSTANCE + 1, policy)
    }

    fn of(key: Arc<PrivateKey>, instance: u32, policy: Policy) -> Self {
        let setup = Setup { key, instance, policy, fragment: None, invitation: String::new() };
        let conversation = Conversation::new(setup).expect("a valid tag");
        Self { conversation, rng: Repeatable::new(u64::from(instance)), millis: 0 }
    }

    /// Every input comes a second after the one before.
    fn feed(&mut self, input: Input<'_>) -> Result<(), Error> {
        self.millis += 1_000;
        self.conversation.feed(Time::from_millis(self.millis), &mut self.rng, input)
    }
}

fn read_key(text: &str) -> Arc<PrivateKey> {
    Arc::new(otr::files::keys::read(text).expect("a key file").remove(0).key)
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

/// Steps of one conversation that are looked at.
const STEPS_MAX: usize = 96;

/// Messages that are under way at a time; more are lost.
const UNDER_WAY_MAX: usize = 32;

/// Far enough ahead that every limit of a rate has room again.
const MUCH_LATER: u64 = 10_000_000;

/// A whole conversation: two sides, and a link that does what the input says, byte by byte. Whatever
/// happened, nothing is read that was not said, nothing twice, and once the link is good again,
/// one start leads to one session in which texts arrive.
pub fn check_conversation(input: &[u8]) {
    let policies = [Policy::manual(), Policy::opportunistic(), Policy::required()];
    let policy = |at: usize| policies[usize::from(input.get(at).copied().unwrap_or(0)) % 3];
    let mut pair =
        Pair { sides: [Side::new(policy(0)), Side::other(policy(1))], ..Pair::default() };
    let mut bytes = input.iter().copied().skip(2);
    for _ in 0..STEPS_MAX {
        let Some(step) = bytes.next() else { break };
        pair.step(step, &mut bytes);
    }
    pair.recover();
}

struct Pair {
    sides: [Side; 2],
    /// Whom it is for, and the message.
    under_way: Vec<(usize, Vec<u8>)>,
    said: usize,
    read: Vec<String>,
}

impl Default for Pair {
    fn default() -> Self {
        let sides = [Side::new(Policy::manual()), Side::other(Policy::manual())];
        Self { sides, under_way: Vec::new(), said: 0, read: Vec::new() }
    }
}

impl Pair {
    fn step(&mut self, step: u8, more: &mut impl Iterator<Item = u8>) {
        let (who, at) = (usize::from(step & 1), usize::from(step >> 4));
        match step >> 1 & 7 {
            0 => self.feed(who, Input::Start),
            1 => self.feed(who, Input::End),
            2 => {
                self.said += 1;
                let text = format!("text {}", self.said);
                self.feed(who, Input::Send(text.as_bytes()));
            }
            3 => {
                let words = if at & 1 == 0 { "the same" } else { "another" };
                let Some(secret) = Secret::new(words.as_bytes()) else { return };
                match at & 6 {
                    0 => self.feed(who, Input::Verify { secret: &secret, question: None }),
                    2 => self.feed(who, Input::Verify { secret: &secret, question: Some("?") }),
                    4 => self.feed(who, Input::Answer(&secret)),
                    _ => self.feed(who, Input::CancelVerification),
                }
            }
            4 => self.pass(|u| (!u.is_empty()).then(|| u.remove(0))),
            5 => self.pass(|u| (!u.is_empty()).then(|| u.remove(at % u.len()))),
            6 => {
                // Repeated, and now and then altered on the way.
                let place = usize::from(more.next().unwrap_or(0));
                self.pass(|u| {
                    let (to, mut message) = u.get(at % u.len().max(1))?.clone();
                    let place = place * 7 % message.len().max(1);
                    if let Some(byte) = message.get_mut(place).filter(|_| at & 1 == 1) {
                        *byte = byte.wrapping_add(1);
                    }
                    Some((to, message))
                });
            }
            _ => self.sides[who].millis += 1_000 << (at % 8),
        }
    }

    fn pass(&mut self, take: impl FnOnce(&mut Vec<(usize, Vec<u8>)>) -> Option<(usize, Vec<u8>)>) {
        if let Some((to, message)) = take(&mut self.under_way) {
            self.feed(to, Input::Received(&message));
        }
    }

    fn feed(&mut self, who: usize, input: Input<'_>) {
        let received = matches!(input, Input::Received(_));
        let done = self.sides[who].feed(input);
        assert!(done.is_ok() || !received, "what a peer sends is never refused");
        while let Some(output) = self.sides[who].conversation.poll() {
            match output {
                Output::Transmit(message) if self.under_way.len() < UNDER_WAY_MAX => {
                    self.under_way.push((1 - who, message));
                }
                Output::Show { text, trust: Trust::Private(_) } => {
                    let text = String::from_utf8(text).expect("what was said is text");
                    self.was_said(&text);
                    assert!(!self.read.contains(&text), "{text:?} came twice");
                    self.read.push(text);
                }
                _ => {}
            }
        }
    }

    /// A text that nobody could read is said again, with a mark.
    fn was_said(&self, text: &str) {
        let text = text.strip_prefix("[resent] ").unwrap_or(text);
        let number = text.strip_prefix("text ").and_then(|n| n.parse::<usize>().ok());
        assert!(number.is_some_and(|n| (1..=self.said).contains(&n)), "nobody said {text:?}");
    }

    fn settle(&mut self) {
        for _ in 0..200 {
            if self.under_way.is_empty() {
                return;
            }
            self.pass(|u| Some(u.remove(0)));
        }
        panic!("they never stop talking");
    }

    fn recover(&mut self) {
        for who in 0..2 {
            self.sides[who].millis = MUCH_LATER;
            self.feed(who, Input::Deadline);
            self.feed(who, Input::End);
        }
        self.under_way.clear();
        self.feed(0, Input::Start);
        self.settle();
        let sessions = [0, 1].map(|who| self.sides[who].conversation.session());
        let [Some(ours), Some(theirs)] = sessions else { panic!("no session: {sessions:?}") };
        assert_eq!(ours.session_id, theirs.session_id);
        for who in [0, 1] {
            let read = self.read.len();
            self.said += 1;
            let text = format!("text {}", self.said);
            self.feed(who, Input::Send(text.as_bytes()));
            self.settle();
            assert_eq!(self.read[read..], [text]);
        }
    }
}
