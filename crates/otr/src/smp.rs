//! Verification by a shared secret: both sides learn whether they typed the same words, and
//! nothing else.
//!
//! Spec: OTR version 3, "Socialist Millionaires' Protocol (SMP)". The third machine, inside a
//! session.
//!
//! Invariants: a message out of turn, malformed or with a proof that does not hold ends the run
//! as a failure; each state holds only what its next step needs and wipes it.

use rand_core::CryptoRng;

use crate::Fingerprint;
use crate::crypto::digest::sha256;
use crate::crypto::group::{Element, Exponent};
use crate::crypto::zkp::{Hidden, HiddenProof, LogProof, SameLogProof};
use crate::encoding::{self, Reader};
use crate::limits::{GROUP_BYTES, QUESTION_BYTES_MAX};
use crate::tlv;

/// Version byte of the secret's hash.
const SECRET_VERSION: u8 = 1;

/// Where a run stands, by what is expected next.
#[derive(Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) enum Smp {
    /// Nothing runs.
    #[default]
    Idle,
    /// They asked; our person has to answer.
    Asked(Box<Asked>),
    /// We asked; their first answer is expected.
    Expect2(Box<Expect2>),
    /// We answered; their second message is expected.
    Expect3(Box<Expect3>),
    /// The last message is expected.
    Expect4(Box<Expect4>),
}

/// Generators of the asking side.
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Asked {
    g2a: Element,
    g3a: Element,
    question: bool,
}

#[cfg_attr(test, derive(Clone))]
pub(crate) struct Expect2 {
    x: Exponent,
    a2: Exponent,
    a3: Exponent,
}

#[cfg_attr(test, derive(Clone))]
pub(crate) struct Expect3 {
    b3: Exponent,
    g2: Element,
    g3: Element,
    g3a: Element,
    ours: Hidden,
    question: bool,
}

#[cfg_attr(test, derive(Clone))]
pub(crate) struct Expect4 {
    a3: Exponent,
    g3b: Element,
    q_ratio: Element,
    p_ratio: Element,
}

/// What a step leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing to say or tell.
    Nothing,
    /// Ask our person.
    Ask { question: Option<Vec<u8>> },
    /// Send this record.
    Send(u16, Vec<u8>),
    /// Send this record; the run is over.
    SendAndEnd { kind: u16, value: Vec<u8>, same: bool, proves_peer: bool },
    /// The run is over.
    End { same: bool },
    /// They gave up.
    Aborted,
    /// Something was wrong: tell them that we give up.
    Fail,
}

/// The secret as it is compared: bound to both keys and to the session.
pub(crate) fn secret(
    initiator: &Fingerprint,
    responder: &Fingerprint,
    ssid: &[u8; 8],
    words: &[u8],
) -> Exponent {
    Exponent::from_hash(&sha256(&[
        &[SECRET_VERSION],
        initiator.as_bytes(),
        responder.as_bytes(),
        ssid,
        words,
    ]))
}

impl Smp {
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Begins a run. `None` only if the numbers drawn were unusable.
    pub(crate) fn start(
        &mut self,
        x: Exponent,
        question: Option<&[u8]>,
        rng: &mut dyn CryptoRng,
    ) -> Option<(u16, Vec<u8>)> {
        let (a2, a3) = (Exponent::random(rng), Exponent::random(rng));
        let g = Element::GENERATOR;
        let (g2a, g3a) = (g.pow(&a2)?, g.pow(&a3)?);
        let mut numbers = Numbers::default();
        numbers.log(&g2a, &LogProof::make(1, &a2, rng)?);
        numbers.log(&g3a, &LogProof::make(2, &a3, rng)?);
        *self = Self::Expect2(Box::new(Expect2 { x, a2, a3 }));
        Some(match question {
            None => (tlv::SMP_1, numbers.finish(&[])),
            Some(q) => (tlv::SMP_1_QUESTION, numbers.finish(&[q, &[0]].concat())),
        })
    }

    /// Our person has answered.
    pub(crate) fn answer(
        &mut self,
        y: &Exponent,
        rng: &mut dyn CryptoRng,
    ) -> Option<(u16, Vec<u8>)> {
        let Self::Asked(asked) = std::mem::take(self) else { return None };
        let (b2, b3) = (Exponent::random(rng), Exponent::random(rng));
        let g = Element::GENERATOR;
        let (g2, g3) = (asked.g2a.pow(&b2)?, asked.g3a.pow(&b3)?);
        let mut numbers = Numbers::default();
        numbers.log(&g.pow(&b2)?, &LogProof::make(3, &b2, rng)?);
        numbers.log(&g.pow(&b3)?, &LogProof::make(4, &b3, rng)?);
        let (ours, proof) = Hidden::make(5, (&g2, &g3), y, rng)?;
        numbers.hidden(&ours, &proof);
        let (g3a, question) = (asked.g3a, asked.question);
        *self = Self::Expect3(Box::new(Expect3 { b3, g2, g3, g3a, ours, question }));
        Some((tlv::SMP_2, numbers.finish(&[])))
    }

    /// A record of theirs.
    pub(crate) fn receive(&mut self, kind: u16, value: &[u8], rng: &mut dyn CryptoRng) -> Step {
        let step = match (kind, std::mem::take(self)) {
            (tlv::SMP_ABORT, Self::Idle) => Some(Step::Nothing),
            (tlv::SMP_ABORT, _) => Some(Step::Aborted),
            (tlv::SMP_1 | tlv::SMP_1_QUESTION, Self::Idle) => self.asked(kind, value),
            (tlv::SMP_2, Self::Expect2(state)) => self.second(*state, value, rng),
            (tlv::SMP_3, Self::Expect3(state)) => third(&state, value, rng),
            (tlv::SMP_4, Self::Expect4(state)) => fourth(&state, value),
            _ => None,
        };
        step.unwrap_or(Step::Fail)
    }

    fn asked(&mut self, kind: u16, value: &[u8]) -> Option<Step> {
        let (question, value) = if kind == tlv::SMP_1_QUESTION {
            let end = value.iter().position(|b| *b == 0)?;
            let (question, rest) = value.split_at(end);
            // A longer question is cut, not refused: the secret may be known all the same.
            let shown = question.get(..QUESTION_BYTES_MAX).unwrap_or(question);
            (Some(shown.to_vec()), rest.get(1..)?)
        } else {
            (None, value)
        };
        let mut fields = Fields::new(value, 6)?;
        let (g2a, proof2) = fields.log()?;
        let (g3a, proof3) = fields.log()?;
        fields.end()?;
        if !proof2.holds(1, &g2a) || !proof3.holds(2, &g3a) {
            return None;
        }
        *self = Self::Asked(Box::new(Asked { g2a, g3a, question: question.is_some() }));
        Some(Step::Ask { question })
    }

    fn second(&mut self, own: Expect2, value: &[u8], rng: &mut dyn CryptoRng) -> Option<Step> {
        let mut fields = Fields::new(value, 11)?;
        let (g2b, proof2) = fields.log()?;
        let (g3b, proof3) = fields.log()?;
        let (theirs, hidden) = fields.hidden()?;
        fields.end()?;
        let (g2, g3) = (g2b.pow(&own.a2)?, g3b.pow(&own.a3)?);
        let valid =
            proof2.holds(3, &g2b) && proof3.holds(4, &g3b) && theirs.holds(5, (&g2, &g3), &hidden);
        if !valid {
            return None;
        }
        let (ours, proof) = Hidden::make(6, (&g2, &g3), &own.x, rng)?;
        if ours.p == theirs.p || ours.q == theirs.q {
            return None;
        }
        let q_ratio = ours.q.over(&theirs.q)?;
        let p_ratio = ours.p.over(&theirs.p)?;
        let mut numbers = Numbers::default();
        numbers.hidden(&ours, &proof);
        let r = q_ratio.pow(&own.a3)?;
        numbers.same_log(&r, &SameLogProof::make(7, &q_ratio, &own.a3, rng)?);
        *self = Self::Expect4(Box::new(Expect4 { a3: own.a3, g3b, q_ratio, p_ratio }));
        Some(Step::Send(tlv::SMP_3, numbers.finish(&[])))
    }
}

fn third(own: &Expect3, value: &[u8], rng: &mut dyn CryptoRng) -> Option<Step> {
    let mut fields = Fields::new(value, 8)?;
    let (theirs, hidden) = fields.hidden()?;
    let (r, proof) = fields.same_log()?;
    fields.end()?;
    if theirs.p == own.ours.p || theirs.q == own.ours.q {
        return None;
    }
    let q_ratio = theirs.q.over(&own.ours.q)?;
    let p_ratio = theirs.p.over(&own.ours.p)?;
    let valid =
        theirs.holds(6, (&own.g2, &own.g3), &hidden) && proof.holds(7, &q_ratio, (&own.g3a, &r));
    if !valid {
        return None;
    }
    let mut numbers = Numbers::default();
    let own_r = q_ratio.pow(&own.b3)?;
    numbers.same_log(&own_r, &SameLogProof::make(8, &q_ratio, &own.b3, rng)?);
    let same = r.pow(&own.b3)? == p_ratio;
    Some(Step::SendAndEnd {
        kind: tlv::SMP_4,
        value: numbers.finish(&[]),
        same,
        // Whoever answers a question has shown that they know the answer; the asker could
        // have asked anything.
        proves_peer: !own.question,
    })
}

fn fourth(own: &Expect4, value: &[u8]) -> Option<Step> {
    let mut fields = Fields::new(value, 3)?;
    let (r, proof) = fields.same_log()?;
    fields.end()?;
    if !proof.holds(8, &own.q_ratio, (&own.g3b, &r)) {
        return None;
    }
    Some(Step::End { same: r.pow(&own.a3)? == own.p_ratio })
}

/// The numbers of a record being written.
#[derive(Default)]
struct Numbers {
    count: u32,
    bytes: Vec<u8>,
}

impl Numbers {
    fn put(&mut self, number: &[u8]) {
        self.count += 1;
        encoding::put_mpi(&mut self.bytes, number);
    }

    fn log(&mut self, public: &Element, proof: &LogProof) {
        self.put(&public.to_bytes());
        self.put(&proof.c);
        self.put(&proof.d.to_bytes());
    }

    fn hidden(&mut self, hidden: &Hidden, proof: &HiddenProof) {
        self.put(&hidden.p.to_bytes());
        self.put(&hidden.q.to_bytes());
        self.put(&proof.c);
        self.put(&proof.d_r.to_bytes());
        self.put(&proof.d_secret.to_bytes());
    }

    fn same_log(&mut self, power: &Element, proof: &SameLogProof) {
        self.put(&power.to_bytes());
        self.put(&proof.c);
        self.put(&proof.d.to_bytes());
    }

    fn finish(self, front: &[u8]) -> Vec<u8> {
        [front, &self.count.to_be_bytes(), &self.bytes].concat()
    }
}

/// The numbers of a record being read.
struct Fields<'a>(Reader<'a>);

impl<'a> Fields<'a> {
    fn new(value: &'a [u8], count: u32) -> Option<Self> {
        let mut reader = Reader::new(value);
        (reader.u32()? == count).then_some(Self(reader))
    }

    fn element(&mut self) -> Option<Element> {
        Element::from_bytes(self.0.data(GROUP_BYTES)?)
    }

    fn exponent(&mut self) -> Option<Exponent> {
        Exponent::from_bytes(self.0.data(GROUP_BYTES)?)
    }

    fn hash(&mut self) -> Option<[u8; 32]> {
        let bytes = encoding::without_zeros(self.0.data(GROUP_BYTES)?);
        let mut hash = [0; 32];
        hash.get_mut(32_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
        Some(hash)
    }

    fn log(&mut self) -> Option<(Element, LogProof)> {
        Some((self.element()?, LogProof { c: self.hash()?, d: self.exponent()? }))
    }

    fn hidden(&mut self) -> Option<(Hidden, HiddenProof)> {
        let hidden = Hidden { p: self.element()?, q: self.element()? };
        let c = self.hash()?;
        Some((hidden, HiddenProof { c, d_r: self.exponent()?, d_secret: self.exponent()? }))
    }

    fn same_log(&mut self) -> Option<(Element, SameLogProof)> {
        Some((self.element()?, SameLogProof { c: self.hash()?, d: self.exponent()? }))
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
