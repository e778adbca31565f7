//! The ways in which a device loses its connection, and how it comes back.

use std::time::Duration;

use xmpp::element::Element;
use xmpp::resume::{Sent, parse_count, request};
use xmpp::scram::client::{Binding, Client as Scram};
use xmpp::scram::{ScramHash, nonce};
use xmpp::{ns, sasl};

use super::device::{Device, Session};
use super::message::{MAM, chat};
use super::wire::{Gone, How, Wire, dial, half_a_handshake};
use crate::harness::home::{DOMAIN, PASSWORD};

/// Where on the way to a session a socket is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    StreamOpen,
    Challenged,
    LoggedIn,
    /// In the middle of `<resume/>`.
    HalfAsked,
    /// Before `<resumed/>` is read.
    Asked,
}

/// A session that waits for one second is over after this, unless the machine is very busy; then it
/// is resumed.
const TOO_LATE: Duration = Duration::from_millis(1_300);

impl Device {
    /// Loses the connection in one of the ways there are.
    pub(crate) async fn cut(&mut self) -> Result<(), Gone> {
        let how = self.how();
        let archive = self.world.plan.archive;
        let short = self.session.as_ref().is_some_and(|session| session.short);
        match self.dice.roll(10) {
            0 | 1 if self.may_say() => self.cut_in_a_stanza(how).await,
            2 => {
                self.world.cut("right after <r/>");
                let _ = self.say(&request().to_xml(ns::CLIENT)).await;
            }
            3 => {
                self.world.cut("right after <a/>");
                let _ = self.acknowledge().await;
            }
            4 if archive => {
                self.world.cut("the client forgets its session");
                self.session_lost(false);
            }
            5 if archive && short => {
                self.world.cut("too late for the session");
                let how = if how == How::HalfOpen { How::Reset } else { how };
                self.drop_wire(how);
                tokio::time::sleep(TOO_LATE).await;
            }
            _ => self.world.cut(match how {
                How::Reset => "reset",
                How::Fin => "closed",
                How::HalfOpen => "half-open",
            }),
        }
        self.drop_wire(how);
        Err(Gone)
    }

    async fn cut_in_a_stanza(&mut self, how: How) {
        self.world.cut("in the middle of a stanza");
        let name = if self.owner() == "ann" { "bob" } else { "ann" };
        let origin = self.next_words();
        let xml = chat(name, &origin);
        let at = 1 + self.dice.roll(xml.len() - 1);
        let half = xml[..at].to_owned();
        self.remember(xml, Some(origin));
        let _ = self.say(&half).await;
        self.drop_wire(how);
    }

    fn drop_wire(&mut self, how: How) {
        if let Some(wire) = self.wire.take() {
            wire.cut(how, &mut self.graveyard);
        }
    }

    /// Comes back, unless it is cut on the way.
    pub(crate) async fn connect(&mut self) -> Result<(), Gone> {
        const STAGES: [Stage; 6] = [
            Stage::Handshake,
            Stage::StreamOpen,
            Stage::Challenged,
            Stage::LoggedIn,
            Stage::HalfAsked,
            Stage::Asked,
        ];
        let fails = self.world.is_ready() && self.world.cuts_left() > 0 && self.dice.chance(30);
        let stage = fails.then(|| STAGES[self.dice.roll(STAGES.len())]);
        let tcp = dial(&self.world.house).await?;
        if stage == Some(Stage::Handshake) {
            self.world.cut("in the TLS handshake");
            half_a_handshake(tcp, self.how()).await;
            return Err(Gone);
        }
        let mut wire = Wire::open(&self.world.house, tcp).await?;
        match self.log_in(&mut wire, stage).await? {
            Reached::Cut(what) => {
                self.world.cut(what);
                let how = self.how();
                wire.cut(how, &mut self.graveyard);
                Err(Gone)
            }
            Reached::Session => {
                self.wire = Some(wire);
                self.went_on().await
            }
            Reached::Bind => {
                let early = self.bind(&mut wire).await?;
                self.wire = Some(wire);
                let begun = self.begin().await;
                early.iter().for_each(|message| self.message(message));
                begun
            }
        }
    }

    async fn log_in(&mut self, wire: &mut Wire, stage: Option<Stage>) -> Result<Reached, Gone> {
        wire.open_stream().await?;
        if stage == Some(Stage::StreamOpen) {
            return Ok(Reached::Cut("before the log-in"));
        }
        let name = self.owner();
        let client =
            Scram::new(ScramHash::Sha256, name, &Binding::Never, &nonce(&[7; 18])).unwrap();
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

    async fn resume(&mut self, wire: &mut Wire, stage: Option<Stage>) -> Result<Reached, Gone> {
        let Some(session) = &mut self.session else { return Ok(Reached::Bind) };
        let (sm, id, handled) = (ns::SM, &session.id, session.handled);
        let ask = format!("<resume xmlns='{sm}' previd='{id}' h='{handled}'/>");
        if stage == Some(Stage::HalfAsked) {
            wire.say(&ask[..ask.len() / 2]).await?;
            return Ok(Reached::Cut("in the middle of <resume/>"));
        }
        wire.say(&ask).await?;
        if stage == Some(Stage::Asked) {
            return Ok(Reached::Cut("before <resumed/> is read"));
        }
        let said = wire.hear().await?;
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
        assert!(self.world.plan.archive, "this session waits long enough: {}", self.state());
        if let Some(handled) = handled {
            session.sent.acknowledge(handled).expect("a count of what was sent");
        }
        self.world.count(if handled.is_some() { "not resumed, count told" } else { "not resumed" });
        self.session_lost(handled.is_some());
        Ok(Reached::Bind)
    }

    /// The session goes on: what was not acknowledged is said again.
    async fn went_on(&mut self) -> Result<(), Gone> {
        let session = self.session.as_ref().expect("a session");
        let rest: Vec<String> = session.sent.rest().map(|unsure| unsure.xml.clone()).collect();
        for xml in rest {
            self.say(&xml).await?;
        }
        Ok(())
    }

    /// Gives what came before stanzas were counted: messages to this very device.
    async fn bind(&mut self, wire: &mut Wire) -> Result<Vec<Element>, Gone> {
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
    async fn begin(&mut self) -> Result<(), Gone> {
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
enum Reached {
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
