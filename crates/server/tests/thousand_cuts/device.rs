//! A device: a client that keeps its history, resumes its sessions, and catches up when it cannot.

use std::rc::Rc;
use std::time::Duration;

use xmpp::element::Element;
use xmpp::ns;
use xmpp::resume::{Sent, answer, parse_count, request};

use super::dice::Dice;
use super::history::{History, Seen, Taken, Way};
use super::message::{self, MAM, RSM, chat, page, seen};
use super::wire::{Gone, Graveyard, How, Wire};
use super::world::{DEVICES, World};

/// A stanza that was sent and not acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Unsure {
    pub(crate) xml: String,
    /// Its `origin-id`, if it is a message.
    pub(crate) origin: Option<String>,
    /// Up to where the history was complete when it was said: in the archive it comes later.
    pub(crate) since: Option<String>,
    /// The daemon said that it did not handle it.
    pub(crate) refused: bool,
}

/// What a client remembers of its session.
pub(crate) struct Session {
    pub(crate) id: String,
    /// It waits for one second only.
    pub(crate) short: bool,
    pub(crate) handled: u32,
    pub(crate) sent: Sent<Unsure>,
}

/// A walk through the archive, page after page. What is said meanwhile waits.
pub(crate) struct CatchUp {
    query: String,
    waiting: Vec<Seen>,
}

/// See the module.
pub(crate) struct Device {
    pub(crate) world: Rc<World>,
    pub(crate) full: &'static str,
    pub(crate) dice: Dice,
    pub(crate) graveyard: Graveyard,
    pub(crate) history: History,
    pub(crate) session: Option<Session>,
    pub(crate) wire: Option<Wire>,
    /// Said in sessions that are lost; nobody knows whether it arrived.
    pub(crate) limbo: Vec<Unsure>,
    pub(crate) catch_up: Option<CatchUp>,
    /// The daemon waits for an acknowledgement.
    asked: bool,
    said: usize,
    queries: usize,
}

impl Device {
    pub(crate) fn new(world: &Rc<World>, full: &'static str) -> Self {
        let at = DEVICES.iter().position(|device| *device == full).unwrap_or(DEVICES.len());
        Self {
            world: Rc::clone(world),
            full,
            dice: Dice::new(world.plan.seed.wrapping_add(at as u64)),
            graveyard: Graveyard::default(),
            history: History::default(),
            session: None,
            wire: None,
            limbo: Vec::new(),
            catch_up: None,
            asked: false,
            said: 0,
            queries: 0,
        }
    }

    pub(crate) fn owner(&self) -> &'static str {
        self.full.split_once('/').unwrap().0
    }

    pub(crate) fn resource(&self) -> &'static str {
        self.full.split_once('/').unwrap().1
    }

    /// Lives until everybody has everything.
    pub(crate) async fn live(mut self) -> Self {
        while !self.world.is_over() {
            assert!(!self.world.is_stuck(), "nothing moves: {}", self.state());
            if self.step().await.is_err() {
                self.wire = None;
                let pause = Duration::from_millis(self.dice.roll(10) as u64);
                tokio::time::sleep(pause).await;
            }
            if self.has_everything() {
                self.world.done(self.full);
            }
        }
        self
    }

    /// Reads the whole archive of its owner, once and in order.
    pub(crate) async fn audit(mut self) -> Self {
        while self.wire.is_none() || self.catch_up.is_some() {
            assert!(!self.world.is_stuck(), "nothing moves: {}", self.state());
            let _ = self.step().await;
        }
        self
    }

    async fn step(&mut self) -> Result<(), Gone> {
        if self.wire.is_none() {
            return self.connect().await;
        }
        let roll = self.dice.roll(100);
        if roll < 15 && self.world.cuts_left() > 0 && self.world.is_ready() {
            return self.cut().await;
        }
        if roll < 45 && self.may_say() && DEVICES.contains(&self.full) {
            let to = self.addressee();
            let origin = self.next_words();
            return self.send(chat(&to, &origin), Some(origin)).await;
        }
        self.listen().await
    }

    pub(crate) fn may_say(&self) -> bool {
        let up_to_date = self.catch_up.is_none() && self.limbo.is_empty();
        up_to_date && self.world.is_ready() && self.said < self.world.may_have_said()
    }

    fn addressee(&mut self) -> String {
        let name = if self.owner() == "ann" { "bob" } else { "ann" };
        // Mostly to the person, sometimes to one of the devices.
        match self.dice.roll(6) {
            n if n < 3 => name.to_owned(),
            n => format!("{name}/{}", ["phone", "desk", "tab"][n - 3]),
        }
    }

    pub(crate) fn next_words(&mut self) -> String {
        self.said += 1;
        let origin = message::origin(self.full, self.said);
        self.history.said(&origin);
        origin
    }

    /// Sends a stanza and remembers it until it is acknowledged.
    pub(crate) async fn send(&mut self, xml: String, origin: Option<String>) -> Result<(), Gone> {
        self.remember(xml.clone(), origin);
        self.say(&xml).await
    }

    /// Remembers a stanza until it is acknowledged.
    pub(crate) fn remember(&mut self, xml: String, origin: Option<String>) {
        let since = self.history.cursor().map(str::to_owned);
        let session = self.session.as_mut().expect("a session");
        session.sent.push(Unsure { xml, origin, since, refused: false });
    }

    pub(crate) async fn say(&mut self, xml: &str) -> Result<(), Gone> {
        self.wire.as_mut().ok_or(Gone)?.say(xml).await
    }

    /// Reads a few things, more than are said on average: a client that does not is cut off.
    async fn listen(&mut self) -> Result<(), Gone> {
        for _ in 0..=self.dice.roll(16) {
            if !self.listen_once().await? {
                break;
            }
        }
        Ok(())
    }

    async fn listen_once(&mut self) -> Result<bool, Gone> {
        let patience = Duration::from_millis(2);
        match self.wire.as_mut().ok_or(Gone)?.hear_within(patience).await? {
            Some(element) => self.hear(&element).await.map(|()| true),
            // At the end somebody has to ask for the last acknowledgements.
            None if self.has_unacknowledged() && self.dice.chance(10) => {
                self.say(&request().to_xml(ns::CLIENT)).await.map(|()| false)
            }
            None if self.asked => self.acknowledge().await.map(|()| false),
            None => Ok(false),
        }
    }

    pub(crate) async fn acknowledge(&mut self) -> Result<(), Gone> {
        self.asked = false;
        let handled = self.session.as_ref().expect("a session").handled;
        self.say(&answer(handled).to_xml(ns::CLIENT)).await
    }

    fn has_unacknowledged(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.sent.is_empty())
    }

    /// Something came.
    async fn hear(&mut self, element: &Element) -> Result<(), Gone> {
        let session = self.session.as_mut().expect("a session");
        if element.is("r", ns::SM) {
            // Not always at once.
            self.asked = true;
            return if self.dice.chance(70) { self.acknowledge().await } else { Ok(()) };
        }
        if element.is("a", ns::SM) {
            let handled = element.attr("h").and_then(parse_count).unwrap();
            session.sent.acknowledge(handled).expect("a count of what was sent");
            self.world.progressed();
            return Ok(());
        }
        if element.is("error", ns::STREAMS) {
            // A request to resume that was cut off may come through late, and take over.
            assert!(element.child("conflict", ns::STREAM_ERRORS).is_some(), "{element:?}");
            return Err(Gone);
        }
        assert_eq!(element.ns(), ns::CLIENT, "{element:?}");
        session.handled = session.handled.wrapping_add(1);
        match element.name() {
            "message" => self.message(element),
            "iq" => self.iq(element).await?,
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn message(&mut self, element: &Element) {
        let Some(seen) = seen(element, self.owner()) else { return };
        assert_eq!(
            seen.name.is_some(),
            self.world.plan.archive,
            "a name by the archive: {element:?}"
        );
        match &mut self.catch_up {
            Some(catch_up) if seen.way == Way::Live => catch_up.waiting.push(seen),
            _ => self.take(&seen),
        }
    }

    /// The heart of it: every message once.
    fn take(&mut self, seen: &Seen) {
        let taken = self.history.take(seen);
        let told = |why: &str| format!("{why}: {seen:?} at {}; {}", self.full, self.state());
        match taken {
            Taken::New => self.world.progressed(),
            Taken::Named | Taken::Overlap => {}
            Taken::Again { same_session: true } => panic!("{}", told("twice in one session")),
            // Not acknowledged before the session was lost, as far as the daemon knows.
            Taken::Again { same_session: false } => self.world.count("again in a new session"),
            Taken::Double => {
                assert!(self.world.was_sent_again(&seen.origin), "{}", told("archived twice"));
                self.world.count("doubled by the client");
            }
        }
    }

    async fn iq(&mut self, iq: &Element) -> Result<(), Gone> {
        let id = iq.attr("id").unwrap_or_default();
        if id == "carbons" {
            assert_eq!(iq.attr("type"), Some("result"), "{iq:?}");
        } else if id == "no" {
            assert_eq!(iq.attr("type"), Some("result"), "{iq:?}");
            self.world.ready(self.full);
        } else if self.catch_up.as_ref().is_some_and(|catch_up| catch_up.query == id) {
            return self.page_came(iq).await;
        }
        Ok(())
    }

    /// Asks for what was missed, beginning after what is known; or earlier, where something that
    /// this device said may be that nobody acknowledged.
    pub(crate) async fn catch_up(&mut self) -> Result<(), Gone> {
        let waiting = self.catch_up.take().map(|before| before.waiting).unwrap_or_default();
        let after = match self.limbo.first() {
            Some(oldest) => oldest.since.clone(),
            None => self.history.cursor().map(str::to_owned),
        };
        self.ask(after.as_deref(), waiting).await
    }

    async fn ask(&mut self, after: Option<&str>, waiting: Vec<Seen>) -> Result<(), Gone> {
        self.queries += 1;
        let query = format!("page-{}", self.queries);
        let xml = page(&query, after);
        self.catch_up = Some(CatchUp { query, waiting });
        self.send(xml, None).await
    }

    async fn page_came(&mut self, iq: &Element) -> Result<(), Gone> {
        let Some(fin) = iq.child("fin", MAM) else {
            let error = iq.child("error", ns::CLIENT).expect("an error");
            assert!(error.child("item-not-found", ns::STANZA_ERRORS).is_some(), "{iq:?}");
            assert!(self.world.plan.kills > 0, "{iq:?}");
            self.world.count("end of history unknown to the archive");
            self.history.forget_cursor();
            self.limbo.iter_mut().for_each(|unsure| unsure.since = None);
            return self.catch_up().await;
        };
        let catch_up = self.catch_up.take().expect("a walk through the archive");
        if !matches!(fin.attr("complete"), Some("true" | "1")) {
            let last = fin.child("set", RSM).and_then(|set| set.child("last", RSM));
            let last = last.expect("where the page ends").text().into_owned();
            return self.ask(Some(&last), catch_up.waiting).await;
        }
        catch_up.waiting.iter().for_each(|seen| self.take(seen));
        self.world.ready(self.full);
        self.out_of_limbo().await
    }

    /// Sends again what did not arrive.
    async fn out_of_limbo(&mut self) -> Result<(), Gone> {
        for unsure in std::mem::take(&mut self.limbo) {
            let origin = unsure.origin.clone().expect("a message");
            if self.history.is_archived(&origin) {
                assert!(!unsure.refused, "handled, but not counted: {origin}");
                continue;
            }
            if !unsure.refused {
                self.world.sent_again(&origin);
            }
            // If the connection is gone by now, it is in the session's memory.
            let _ = self.send(unsure.xml, Some(origin)).await;
        }
        Ok(())
    }

    /// The session cannot be resumed. `told`: the daemon said which of the rest it handled.
    pub(crate) fn session_lost(&mut self, told: bool) {
        self.catch_up = None;
        self.history.new_session();
        let Some(session) = self.session.take() else { return };
        let messages = session.sent.into_rest().filter(|unsure| unsure.origin.is_some());
        self.limbo.extend(messages.map(|unsure| Unsure { refused: told, ..unsure }));
    }

    fn has_everything(&self) -> bool {
        self.world.cuts_left() == 0
            && self.history.len() == self.world.plan.total()
            && self.limbo.is_empty()
            && self.catch_up.is_none()
            && self.session.as_ref().is_some_and(|session| session.sent.is_empty())
    }

    /// For whoever has to find out what went wrong.
    pub(crate) fn state(&self) -> String {
        let plan = &self.world.plan;
        let all =
            DEVICES.iter().flat_map(|full| (1..=plan.messages).map(|n| message::origin(full, n)));
        let mut missing: Vec<_> = all.filter(|origin| !self.history.has(origin)).collect();
        let missed = missing.len();
        missing.truncate(12);
        let unsure: Vec<_> = self.session.iter().flat_map(|s| s.sent.rest()).collect();
        format!(
            "{} of seed {:#x}: said {}, missing {missed}, such as {missing:?}, limbo {:?}, unacknowledged {unsure:?}, \
             catching up: {}, cuts left {}, {:?}",
            self.full,
            plan.seed,
            self.said,
            self.limbo,
            self.catch_up.is_some(),
            self.world.cuts_left(),
            self.world.counts(),
        )
    }

    pub(crate) fn how(&mut self) -> How {
        [How::Reset, How::Fin, How::HalfOpen][self.dice.roll(3)]
    }
}
