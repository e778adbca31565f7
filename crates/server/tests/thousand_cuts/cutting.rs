//! The ways in which a device loses its connection, and how it comes back.

use std::time::Duration;

use xmpp::ns;
use xmpp::resume::request;

use super::device::Device;
use super::entering::Reached;
use super::message::chat;
use super::wire::{Gone, How, Wire, dial, half_a_handshake};

/// Where on the way to a session a socket is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
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
}
