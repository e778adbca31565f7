//! Verification inside a conversation.
//!
//! A run belongs to the session it began in. Invariant: whatever goes wrong is answered with
//! "given up", once, and told to our person; libotr leaves both to the application.

use super::{Conversation, Session, Step};
use crate::Fingerprint;
use crate::limits::{QUESTION_BYTES_MAX, SMP_RECORDS_PER_WINDOW};
use crate::output::{Error, Event, Secret, Verification};
use crate::smp::{self, Step as Next};
use crate::tlv::{self, Tlv};

impl Conversation {
    pub(super) fn verify(
        &mut self,
        step: &mut Step<'_>,
        secret: &Secret,
        question: Option<&str>,
    ) -> Result<(), Error> {
        let question = question.map(str::as_bytes);
        if question.is_some_and(|q| q.len() > QUESTION_BYTES_MAX) {
            return Err(Error::TooLong);
        }
        if question.is_some_and(|q| q.contains(&0)) {
            return Err(Error::BadText);
        }
        let tag = self.private_tag()?;
        let own = self.setup.key.fingerprint();
        let session = self.session_of(tag)?;
        let x = smp::secret(&own, &session.peer(), &session.info.session_id, secret.words());
        // A run in progress is given up first, in a message of its own: libotr looks at an
        // abort last of all records.
        if !session.smp.is_idle() {
            self.send_tlv(step, tag, tlv::SMP_ABORT, b"")?;
        }
        let session = self.session_of(tag)?;
        let first = session.smp.start(x, question, step.rng).ok_or(Error::Exhausted)?;
        self.send_tlv(step, tag, first.0, &first.1).map(|_| ())
    }

    pub(super) fn answer(&mut self, step: &mut Step<'_>, secret: &Secret) -> Result<(), Error> {
        let tag = self.private_tag()?;
        let own: Fingerprint = self.setup.key.fingerprint();
        let session = self.session_of(tag)?;
        if !matches!(session.smp, smp::Smp::Asked(_)) {
            return Err(Error::NothingAsked);
        }
        let y = smp::secret(&session.peer(), &own, &session.info.session_id, secret.words());
        let second = session.smp.answer(&y, step.rng).ok_or(Error::Exhausted)?;
        self.send_tlv(step, tag, second.0, &second.1).map(|_| ())
    }

    pub(super) fn cancel_verification(&mut self, step: &mut Step<'_>) -> Result<(), Error> {
        let tag = self.private_tag()?;
        let session = self.session_of(tag)?;
        if session.smp.is_idle() {
            return Err(Error::NothingAsked);
        }
        session.smp = smp::Smp::Idle;
        self.send_tlv(step, tag, tlv::SMP_ABORT, b"").map(|_| ())
    }

    fn session_of(&mut self, tag: u32) -> Result<&mut Session, Error> {
        self.instance(tag).and_then(|i| i.session()).ok_or(Error::NotPrivate)
    }

    /// A record of a run has come.
    pub(super) fn verification(&mut self, step: &mut Step<'_>, tag: u32, tlv: &Tlv<'_>) {
        let allowed = self.verifications.allow(step.now, SMP_RECORDS_PER_WINDOW);
        let rng = &mut *step.rng;
        let Ok(session) = self.session_of(tag) else { return };
        let ran = !session.smp.is_idle();
        let next = if allowed {
            session.smp.receive(tlv.kind, tlv.value, rng)
        } else {
            session.smp = smp::Smp::Idle;
            Next::Fail
        };
        let (reply, news) = match next {
            Next::Nothing => (None, None),
            Next::Ask { question } => (None, Some(Verification::Asked { question })),
            Next::Send(kind, value) => (Some((kind, value)), None),
            Next::SendAndEnd { kind, value, same, proves_peer } => {
                (Some((kind, value)), Some(verdict(same, proves_peer)))
            }
            // Whoever asked has the answer proved.
            Next::End { same } => (None, Some(verdict(same, true))),
            Next::Aborted => (None, Some(Verification::Aborted)),
            Next::Fail => {
                let abort = (tlv::SMP_ABORT, Vec::new());
                (Some(abort), ran.then_some(Verification::Aborted))
            }
        };
        if let Some((kind, value)) = reply {
            // Used-up keys show with the next text of a person.
            let _ = self.send_tlv(step, tag, kind, &value);
        }
        if let Some(news) = news {
            self.event(Event::Verification(news));
        }
    }
}

fn verdict(same: bool, proves_peer: bool) -> Verification {
    if same { Verification::Same { proves_peer } } else { Verification::Different }
}
