//! How a device gets its session back, or a new one; unless it is cut on the way.

use xmpp::element::Element;
use xmpp::resume::{Sent, parse_count};
use xmpp::scram::client::{Binding, Client as Scram};
use xmpp::scram::{ScramHash, nonce};
use xmpp::{ns, sasl};

use super::cutting::Stage;
use super::device::{Device, Session};
use super::message::MAM;
use super::wire::{Gone, Wire};
use crate::harness::home::{DOMAIN, PASSWORD};
use crate::harness::sasl2::authenticate;

impl Device {
    pub(super) async fn log_in(
        &mut self,
        wire: &mut Wire,
        stage: Option<Stage>,
    ) -> Result<Reached, Gone> {
        wire.open_stream().await?;
        if stage == Some(Stage::StreamOpen) {
            return Ok(Reached::Cut("before the log-in"));
        }
        if self.session.is_some() && self.dice.chance(50) {
            return self.log_in_and_resume(wire, stage).await;
        }
        let client = self.scram();
        let first = sasl::encode_payload(client.first().as_bytes());
        wire.say(&format!("<auth xmlns='{}' mechanism='SCRAM-SHA-256'>{first}</auth>", ns::SASL))
            .await?;
        let challenge = payload(&wire.hear().await?);
        if stage == Some(Stage::Challenged) {
            return Ok(Reached::Cut("in the middle of the log-in"));
        }
        let challenge = client.server_first(&challenge).unwrap();
        let keys = challenge.keys(PASSWORD).unwrap();
        let (proof, verdict) = challenge.answer(&keys).unwrap();
        let proof = sasl::encode_payload(proof.as_bytes());
        wire.say(&format!("<response xmlns='{}'>{proof}</response>", ns::SASL)).await?;
        verdict.server_final(&payload(&wire.hear().await?)).unwrap();
        wire.open_stream().await?;
        if stage == Some(Stage::LoggedIn) {
            return Ok(Reached::Cut("right after the log-in"));
        }
        self.resume(wire, stage).await
    }

    fn scram(&self) -> Scram {
        let nonce = nonce(&[7; 18]);
        Scram::new(ScramHash::Sha256, self.owner(), &Binding::Never, &nonce).unwrap()
    }

    /// XEP-0198 §9: both in one go.
    async fn log_in_and_resume(
        &mut self,
        wire: &mut Wire,
        stage: Option<Stage>,
    ) -> Result<Reached, Gone> {
        let client = self.scram();
        let ask = self.wish();
        wire.say(&authenticate("SCRAM-SHA-256", client.first().as_bytes(), &ask)).await?;
        let challenge = payload(&wire.hear().await?);
        if stage == Some(Stage::Challenged) {
            return Ok(Reached::Cut("in the middle of the log-in"));
        }
        let challenge = client.server_first(&challenge).unwrap();
        let keys = challenge.keys(PASSWORD).unwrap();
        let (proof, verdict) = challenge.answer(&keys).unwrap();
        let proof = sasl::encode_payload(proof.as_bytes());
        wire.say(&format!("<response xmlns='{}'>{proof}</response>", ns::SASL2)).await?;
        if stage.is_some() {
            return Ok(Reached::Cut("before <resumed/> is read"));
        }
        let success = wire.hear().await?;
        if success.is("error", ns::STREAMS) {
            return self.answered(&success);
        }
        let proof = success.child("additional-data", ns::SASL2).expect("a proof");
        verdict.server_final(&sasl::decode_payload(&proof.text()).unwrap().unwrap()).unwrap();
        let answer = ["resumed", "failed"].iter().find_map(|name| success.child(name, ns::SM));
        let reached = self.answered(answer.expect("an answer"))?;
        if matches!(reached, Reached::Bind) {
            assert_eq!(wire.hear().await?.name(), "features");
        }
        Ok(reached)
    }

    fn wish(&self) -> String {
        let session = self.session.as_ref().expect("a session");
        let (sm, id, handled) = (ns::SM, &session.id, session.handled);
        format!("<resume xmlns='{sm}' previd='{id}' h='{handled}'/>")
    }

    async fn resume(&mut self, wire: &mut Wire, stage: Option<Stage>) -> Result<Reached, Gone> {
        if self.session.is_none() {
            return Ok(Reached::Bind);
        }
        let ask = self.wish();
        if stage == Some(Stage::HalfAsked) {
            wire.say(&ask[..ask.len() / 2]).await?;
            return Ok(Reached::Cut("in the middle of <resume/>"));
        }
        wire.say(&ask).await?;
        if stage == Some(Stage::Asked) {
            return Ok(Reached::Cut("before <resumed/> is read"));
        }
        self.answered(&wire.hear().await?)
    }

    /// What became of the wish to resume.
    fn answered(&mut self, said: &Element) -> Result<Reached, Gone> {
        let session = self.session.as_mut().expect("a session");
        let handled = said.attr("h").map(|h| parse_count(h).expect("a count"));
        if said.is("resumed", ns::SM) {
            session.sent.acknowledge(handled.expect("a count")).expect("a count of what was sent");
            self.world.count("resumed");
            return Ok(Reached::Session);
        }
        if said.is("error", ns::STREAMS) {
            // Taken over at once by a request of before.
            assert!(said.child("conflict", ns::STREAM_ERRORS).is_some(), "{said:?}");
            return Err(Gone);
        }
        assert!(said.is("failed", ns::SM), "{said:?}");
        assert!(said.child("item-not-found", ns::STANZA_ERRORS).is_some(), "{said:?}");
        let archive = self.world.plan.archive;
        assert!(archive, "this session waits long enough: {}", self.state());
        if let (Some(handled), Some(session)) = (handled, &mut self.session) {
            session.sent.acknowledge(handled).expect("a count of what was sent");
        }
        self.world.count(if handled.is_some() { "not resumed, count told" } else { "not resumed" });
        self.session_lost(handled.is_some());
        Ok(Reached::Bind)
    }

    /// The session goes on: what was not acknowledged is said again.
    pub(super) async fn went_on(&mut self) -> Result<(), Gone> {
        let session = self.session.as_ref().expect("a session");
        let rest: Vec<String> = session.sent.rest().map(|unsure| unsure.xml.clone()).collect();
        for xml in rest {
            self.say(&xml).await?;
        }
        Ok(())
    }

    /// Gives what came before stanzas were counted: messages to this very device.
    pub(super) async fn bind(&mut self, wire: &mut Wire) -> Result<Vec<Element>, Gone> {
        let (bind, resource) = (ns::BIND, self.resource());
        wire.say(&format!(
            "<iq type='set' id='bind'><bind xmlns='{bind}'><resource>{resource}</resource></bind></iq>"
        ))
        .await?;
        let bound = wire.hear().await?;
        assert_eq!(bound.attr("type"), Some("result"), "{bound:?}");
        let jid = bound.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND));
        let expected = format!("{}@{DOMAIN}/{resource}", self.owner());
        assert_eq!(jid.expect("an address").text(), expected);
        let short = self.world.plan.archive && self.dice.chance(40);
        let max = if short { "max='1'" } else { "" };
        wire.say(&format!("<enable xmlns='{}' resume='true' {max}/>", ns::SM)).await?;
        let mut early = Vec::new();
        let mut enabled = wire.hear().await?;
        while enabled.is("message", ns::CLIENT) {
            early.push(std::mem::replace(&mut enabled, wire.hear().await?));
        }
        assert!(enabled.is("enabled", ns::SM), "{enabled:?}");
        let id = enabled.attr("id").expect("a session that can be resumed").to_owned();
        self.session = Some(Session { id, short, handled: 0, sent: Sent::default() });
        self.world.count("new session");
        Ok(early)
    }

    /// What a new session begins with.
    pub(super) async fn begin(&mut self) -> Result<(), Gone> {
        let carbons = ns::CARBONS;
        let enable = format!("<iq type='set' id='carbons'><enable xmlns='{carbons}'/></iq>");
        // All three belong to the session, whether or not the connection lasts.
        let present = self.send("<presence/>".to_owned(), None).await;
        let copied = self.send(enable, None).await;
        let asked = match self.world.plan.archive {
            true => self.catch_up().await,
            false => {
                let never =
                    format!("<iq type='set' id='no'><prefs xmlns='{MAM}' default='never'/></iq>");
                self.send(never, None).await
            }
        };
        present.and(copied).and(asked)
    }
}

/// How far a log-in came.
pub(super) enum Reached {
    Cut(&'static str),
    /// The session of before.
    Session,
    /// A new one is needed.
    Bind,
}

fn payload(element: &Element) -> Vec<u8> {
    assert!(matches!(element.name(), "challenge" | "success"), "{element:?}");
    sasl::decode_payload(&element.text()).unwrap().unwrap().to_vec()
}
