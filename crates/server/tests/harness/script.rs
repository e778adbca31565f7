//! Scripts: who sends what, and who receives what.
//!
//! ```text
//! # A comment.
//! accounts ann bob
//! household requires encryption
//! ann/phone connects
//! ann/phone sends
//!   <message to='bob@home.example' type='chat'><body>hello</body></message>
//! bob/desk receives
//!   <message from='ann@home.example/phone'><body>hello</body></message>
//! bob/desk receives nothing
//! gate.example connects
//! ann/phone forgets
//! ann/phone disconnects
//! ```
//!
//! A name without a resource is a component (XEP-0114), which writes `from` itself.
//!
//! Instead of `connects`, with what is asked for together with log-in (XEP-0388):
//!
//! ```text
//! ann/phone opens
//! ann/phone authenticates
//!   <bind xmlns='urn:xmpp:bind:0'/>
//! ann/phone awaits
//!   <success xmlns='urn:xmpp:sasl:2'/>
//! ann/phone presents $token
//!   <fast xmlns='urn:xmpp:fast:0'/>
//! ```
//!
//! A line between an element and the next begins with white space; elements of other namespaces
//! than the clients' say so. `ann/phone ends` waits for the end of the stream.
//!
//! An expected stanza says what must be there: attributes with their values (`*` any value, `-`
//! absent), children with their text (`-`: no such child), in any order and among others. A value
//! `$name` is any value or text the first time, and the same from then on, also in what is sent: for what
//! the daemon makes up. A client receives in order;
//! `forgets` drops what came so far. Before each `receives` all clients that sent something are
//! waited for, so that nothing depends on timing. That asks something of each client, which an
//! inactive one (XEP-0352) notices; `awaits` is `receives` without it, for what comes unasked.
//!
//! `bob/desk receives it unchanged`: the stanza of that kind that was sent last, with all that was in it and
//! nothing more, to the last blank; but for what servers add, a name and a time. `receives a copy
//! unchanged` is the same for what is forwarded in it.

use std::collections::{BTreeMap, VecDeque};

use admin_api::protection::{Choice, Mode, Set};
use xmpp::element::Element;
use xmpp::ns;

use super::client::Client;
use super::component::Component;
use super::home::{Home, PASSWORD};
use super::sasl2::authenticate_by_token;

struct Actor {
    line: Line,
    received: VecDeque<Element>,
}

/// Values that the script has seen, by the names it gives them.
type Names = BTreeMap<String, String>;

/// How somebody is connected.
enum Line {
    Person(Box<Client>),
    Component(Box<Component>),
}

impl Line {
    async fn send(&mut self, xml: &str) {
        match self {
            Self::Person(client) => client.send(xml).await,
            Self::Component(component) => component.send(xml).await,
        }
    }

    async fn next(&mut self) -> Option<Element> {
        match self {
            Self::Person(client) => client.next().await,
            Self::Component(component) => component.next().await,
        }
    }

    async fn settle(&mut self) -> Vec<Element> {
        match self {
            Self::Person(client) => client.settle().await,
            Self::Component(component) => component.settle().await,
        }
    }

    fn person(&mut self) -> &mut Client {
        match self {
            Self::Person(client) => client,
            Self::Component(_) => panic!("components do not log in like this"),
        }
    }

    fn has_session(&self) -> bool {
        match self {
            Self::Person(client) => !client.jid.is_empty(),
            Self::Component(_) => true,
        }
    }

    /// Waits until the daemon has closed the stream.
    async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }
}

/// Runs the script `text` in `home`.
///
/// # Panics
/// When something is not as the script says, with its line.
pub(crate) async fn run(home: &Home, text: &str) {
    let mut actors: BTreeMap<String, Actor> = BTreeMap::new();
    let mut names = Names::new();
    let mut sent = Names::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let mut xml = String::new();
        while let Some((_, more)) = lines.peek()
            && more.starts_with(' ')
        {
            xml.push_str(more.trim());
            lines.next();
        }
        // Longer names first: one may begin like another.
        let mut line = line.to_owned();
        for (name, value) in names.iter().rev() {
            xml = xml.replace(name, value);
            line = line.replace(name, value);
        }
        let step = Step { number: number + 1, line: &line, xml: &xml, sent: &sent };
        names.extend(Box::pin(step.run(home, &mut actors)).await);
        if line.ends_with(" sends") {
            let kind = xml.trim_start_matches('<').split([' ', '/', '>']).next();
            sent.insert(kind.unwrap_or_default().to_owned(), xml);
        }
    }
}

struct Step<'a> {
    number: usize,
    line: &'a str,
    xml: &'a str,
    /// What was sent last, of each kind of stanza.
    sent: &'a Names,
}

impl Step<'_> {
    /// Gives the names that it saw the values of.
    async fn run(&self, home: &Home, actors: &mut BTreeMap<String, Actor>) -> Names {
        let words: Vec<&str> = self.line.split_whitespace().collect();
        match words[..] {
            ["accounts", ..] => {
                for name in &words[1..] {
                    home.account(name).await;
                }
            }
            [who, "connects"] => {
                let line = match who.split_once('/') {
                    Some((name, resource)) => {
                        Line::Person(Box::new(Client::log_in(home, name, resource).await))
                    }
                    None => Line::Component(Box::new(Component::connect(home, who).await)),
                };
                let actor = Actor { line, received: VecDeque::new() };
                actors.insert(who.to_owned(), actor);
            }
            [who, "ends"] => {
                let mut actor = actors.remove(who).expect("a connected client");
                actor.line.closed().await;
            }
            ["household", wish, "encryption"] => {
                let mode = match wish {
                    "requires" => Mode::Require,
                    "encourages" => Mode::Encourage,
                    _ => panic!("line {}: not understood: {}", self.number, self.line),
                };
                let rule = Set { mode: Some(Choice::Own(mode)), ..Set::default() };
                home.call(rule).await;
            }
            [who, "sends"] => self.actor(actors, who).line.send(self.xml).await,
            [who, "forgets"] => {
                settle(home, actors).await;
                self.actor(actors, who).received.clear();
            }
            [who, "disconnects"] => {
                let mut actor = actors.remove(who).expect("a connected client");
                actor.line.send("</stream:stream>").await;
                actor.line.closed().await;
            }
            [who, "is", "cut"] => drop(actors.remove(who).expect("a connected client")),
            [who, "receives"] => {
                if self.actor(actors, who).received.is_empty() {
                    settle(home, actors).await;
                }
                return self.receives(actors, who).await;
            }
            [who, "awaits"] => return self.receives(actors, who).await,
            [who, "receives", ref what @ .., "unchanged"] => {
                let got = self.next_for(home, actors, who).await;
                let sent = self.sent.get(got.name()).expect("something was sent");
                let element = Element::parse(&with_namespace(sent)).expect("it was sent");
                let it = if what == ["a", "copy"] { forwarded(&got) } else { Some(&got) };
                let same = it.is_some_and(|it| untouched(&element, it));
                let got = got.to_xml("");
                assert!(same, "line {}: {who}\nsent {sent}\ngot {got}", self.number);
            }
            [who, "receives", "nothing"] => {
                settle(home, actors).await;
                let received = &self.actor(actors, who).received;
                assert!(received.is_empty(), "line {}: got {received:?}", self.number);
            }
            _ => self.logs_in(home, actors, &words).await,
        }
        Names::new()
    }

    /// The parts of SASL2.
    async fn logs_in(&self, home: &Home, actors: &mut BTreeMap<String, Actor>, words: &[&str]) {
        match *words {
            [who, "opens"] => {
                let (client, features) = Client::open_with_features(home).await;
                let actor = Actor {
                    line: Line::Person(Box::new(client)),
                    received: VecDeque::from([features]),
                };
                actors.insert(who.to_owned(), actor);
            }
            [who, "authenticates"] => {
                let actor = self.actor(actors, who);
                let (name, _) = who.split_once('/').expect("name/resource");
                let end = actor.line.person().authenticate2(name, PASSWORD, self.xml).await;
                actor.received.push_back(end);
            }
            [who, "presents", token] => {
                let actor = self.actor(actors, who);
                let (name, _) = who.split_once('/').expect("name/resource");
                actor.line.person().send(&authenticate_by_token(name, token, self.xml)).await;
                let end = actor.line.person().next().await.expect("success or failure");
                actor.line.person().entered(&end);
                actor.received.push_back(end);
            }
            _ => panic!("line {}: not understood: {}", self.number, self.line),
        }
    }

    fn actor<'b>(&self, actors: &'b mut BTreeMap<String, Actor>, who: &str) -> &'b mut Actor {
        actors.get_mut(who).unwrap_or_else(|| panic!("line {}: {who} is not there", self.number))
    }

    /// What `who` receives next.
    async fn next_for(
        &self,
        home: &Home,
        actors: &mut BTreeMap<String, Actor>,
        who: &str,
    ) -> Element {
        if self.actor(actors, who).received.is_empty() {
            settle(home, actors).await;
        }
        let actor = self.actor(actors, who);
        actor.received.pop_front().unwrap_or_else(|| panic!("line {}: nothing", self.number))
    }

    async fn receives(&self, actors: &mut BTreeMap<String, Actor>, who: &str) -> Names {
        let expected = Element::parse(&with_namespace(self.xml)).unwrap_or_else(|e| {
            panic!("line {}: the script's XML is wrong: {e}", self.number);
        });
        let actor = self.actor(actors, who);
        let got = loop {
            let got = match actor.received.pop_front() {
                Some(got) => got,
                // Not settled by pings: what follows an event elsewhere, such as a cut connection.
                None => actor.line.next().await.expect("the stream is open"),
            };
            // When the daemon asks for an acknowledgement depends on the time.
            if !got.is("r", ns::SM) || expected.is("r", ns::SM) {
                break got;
            }
        };
        if let Err(why) = fits(&expected, &got) {
            panic!(
                "line {}: {who}: {why}\nexpected {}\ngot {}",
                self.number,
                self.xml,
                got.to_xml("")
            );
        }
        let mut names = Names::new();
        learn(&expected, &got, &mut names);
        names
    }
}

/// The message in a copy (XEP-0280).
fn forwarded(copy: &Element) -> Option<&Element> {
    copy.children().next()?.children().next()?.children().next()
}

/// Is `got` what was `sent`? Addresses are the server's, as are names and times that it adds.
fn untouched(sent: &Element, got: &Element) -> bool {
    let bare = |element: &Element| {
        let mut bare = element.clone();
        bare.remove_attr("to");
        bare.remove_attr("from");
        bare.retain(|node| match node {
            xmpp::Node::Element(e) => {
                !e.is("stanza-id", ns::STANZA_ID) && !e.is("delay", ns::DELAY)
            }
            xmpp::Node::Text(_) => true,
        });
        bare
    };
    bare(sent) == bare(got)
}

/// Takes the values of names out of `got`, which fits.
fn learn(expected: &Element, got: &Element, names: &mut Names) {
    for attr in expected.attrs().iter().filter(|attr| attr.value.starts_with('$')) {
        let value = got.attr(&attr.name).unwrap_or_default();
        names.insert(attr.value.clone(), value.to_owned());
    }
    if expected.text().starts_with('$') {
        names.insert(expected.text().into_owned(), got.text().into_owned());
    }
    for child in expected.children() {
        if let Some(found) = got.children().find(|c| fits(child, c).is_ok()) {
            learn(child, found, names);
        }
    }
}

/// Lets every client receive what the daemon has for it, twice: what the first round caused is
/// there after the second.
async fn settle(home: &Home, actors: &mut BTreeMap<String, Actor>) {
    for _ in 0..2 {
        // What waits for the disk goes on first; pings alone could overtake it.
        server::settle::finish(&home.running.daemon).await;
        // Nobody else has a session to ask in.
        for actor in actors.values_mut().filter(|actor| actor.line.has_session()) {
            actor.received.extend(actor.line.settle().await);
        }
    }
}

fn with_namespace(xml: &str) -> String {
    if xml.find("xmlns=").is_some_and(|at| !xml[..at].contains('>')) {
        return xml.to_owned();
    }
    let end = xml.find([' ', '/', '>']).unwrap_or(xml.len());
    format!("{} xmlns='jabber:client'{}", &xml[..end], &xml[end..])
}

fn fits(expected: &Element, got: &Element) -> Result<(), String> {
    if !got.is(expected.name(), expected.ns()) {
        return Err(format!("<{}/> is not <{}/>", got.name(), expected.name()));
    }
    for attr in expected.attrs() {
        let value = match &attr.ns {
            Some(ns) => got.attr_ns(&attr.name, ns),
            None => got.attr(&attr.name),
        };
        let right = match attr.value.as_str() {
            "*" => value.is_some(),
            "-" => value.is_none(),
            name if name.starts_with('$') => value.is_some(),
            exact => value == Some(exact),
        };
        if !right {
            return Err(format!("{}={value:?}, not {:?}", attr.name, attr.value));
        }
    }
    let text = expected.text();
    let any = text == "*" || text.starts_with('$');
    if any && got.text().is_empty() {
        return Err("no text".to_owned());
    }
    if !any && !text.trim().is_empty() && got.text() != text {
        return Err(format!("text {:?}, not {text:?}", got.text()));
    }
    for child in expected.children() {
        if child.text() == "-" {
            let mut unwanted = child.clone();
            unwanted.retain(|_| false);
            if got.children().any(|c| fits(&unwanted, c).is_ok()) {
                return Err(format!("<{}/> is there", child.name()));
            }
            continue;
        }
        let candidates: Vec<_> =
            got.children().filter(|c| c.is(child.name(), child.ns())).collect();
        let tried: Vec<_> = candidates.iter().map(|c| fits(child, c)).collect();
        if !tried.iter().any(Result::is_ok) {
            let why = tried.into_iter().find_map(Result::err).unwrap_or_else(|| "absent".into());
            return Err(format!("<{}/>: {why}", child.name()));
        }
    }
    Ok(())
}
