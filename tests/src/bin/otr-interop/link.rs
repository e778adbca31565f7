//! Our engine and a peer, and what both did.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use otr::rand_core::UnwrapErr;
use otr::{
    Conversation, Error, Event, Fingerprint, Input, Output, Policy, PrivateKey, SessionInfo, Setup,
    Time, Trust,
};

use crate::Failure;
use crate::peer::{Answer, Peer};

/// More messages than this in one go are a loop.
const MESSAGES_MAX: usize = 500;

pub(crate) struct Link {
    setup: Setup,
    conversation: Conversation,
    command: Vec<String>,
    versions: String,
    their_key: PathBuf,
    peer: Peer,
    now: Time,
    wake: Option<Time>,
    /// To the peer, message.
    under_way: VecDeque<(bool, Vec<u8>)>,
    pub(crate) their_fingerprint: Fingerprint,
    pub(crate) told: Vec<Event>,
    /// Texts, and whether they came encrypted.
    pub(crate) shown_here: Vec<(bool, String)>,
    pub(crate) shown_there: Vec<(bool, String)>,
    events_there: Vec<(String, String)>,
}

fn key(path: &Path) -> Result<PrivateKey, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let first = otr::files::keys::read(&text)?.into_iter().next();
    Ok(first.ok_or("no key in the file")?.key)
}

/// Our side does something.
pub(crate) fn ours(link: &mut Link, input: Input<'_>) -> Result<(), Failure> {
    link.feed(input)?;
    Ok(())
}

impl Link {
    pub(crate) fn start(
        command: &[String],
        keys: &Path,
        versions: &str,
        fragment: Option<usize>,
    ) -> Result<Self, Failure> {
        let mut rng = UnwrapErr(SysRng);
        let theirs = keys.join("bob").join("otr.private_key");
        let setup = Setup {
            key: Arc::new(key(&keys.join("alice").join("otr.private_key"))?),
            instance: otr::files::instance_tags::random(&mut rng),
            policy: Policy::manual(),
            fragment,
            invitation: String::new(),
        };
        Ok(Self {
            conversation: Conversation::new(setup.clone()).ok_or("the tag is invalid")?,
            setup,
            their_fingerprint: key(&theirs)?.fingerprint(),
            peer: Peer::start(command, &theirs, versions)?,
            command: command.to_vec(),
            versions: versions.to_owned(),
            their_key: theirs,
            now: Time::from_millis(0),
            wake: None,
            under_way: VecDeque::new(),
            told: Vec::new(),
            shown_here: Vec::new(),
            shown_there: Vec::new(),
            events_there: Vec::new(),
        })
    }

    fn feed(&mut self, input: Input<'_>) -> Result<(), Error> {
        let done = self.conversation.feed(self.now, &mut UnwrapErr(SysRng), input);
        while let Some(output) = self.conversation.poll() {
            match output {
                Output::Transmit(body) => self.under_way.push_back((true, body)),
                Output::Show { text, trust } => {
                    let private = matches!(trust, Trust::Private(_));
                    let text = String::from_utf8_lossy(&text).into_owned();
                    self.shown_here.push((private, text));
                }
                Output::Event(event) => self.told.push(event),
                Output::WakeAt(time) => self.wake = Some(time),
            }
        }
        done
    }

    /// Is this refused by our side?
    pub(crate) fn ours_refused(&mut self, input: Input<'_>) -> bool {
        self.feed(input).is_err()
    }

    /// The peer does something.
    pub(crate) fn theirs(&mut self, command: &str, values: &[&[u8]]) -> Result<(), Failure> {
        let Answer { injected, shown, events } = self.peer.command(command, values)?;
        self.under_way.extend(injected.into_iter().map(|m| (false, m)));
        self.shown_there.extend(shown);
        self.events_there.extend(events);
        Ok(())
    }

    /// Delivers until nobody has anything to say.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        for _ in 0..MESSAGES_MAX {
            match self.under_way.pop_front() {
                None => return Ok(()),
                Some((true, message)) => self.theirs("recv", &[&message])?,
                Some((false, message)) => self.feed(Input::Received(&message))?,
            }
        }
        Err("they never stop talking".into())
    }

    /// The peer's program ends without a word, and starts again with the same key.
    pub(crate) fn restart_theirs(&mut self) -> Result<(), Failure> {
        self.peer = Peer::start(&self.command, &self.their_key, &self.versions)?;
        Ok(())
    }

    /// Our side forgets everything but its key and its tag.
    pub(crate) fn restart_ours(&mut self) -> Result<(), Failure> {
        self.conversation = Conversation::new(self.setup.clone()).ok_or("the tag is invalid")?;
        self.wake = None;
        Ok(())
    }

    /// Later than every limit of a rate looks back.
    pub(crate) fn pass_an_hour(&mut self) {
        self.now = self.now + Duration::from_secs(3_600);
    }

    /// Lets time pass until our side wants to be woken.
    pub(crate) fn wait(&mut self) -> Result<(), Failure> {
        self.now = self.wake.take().ok_or("nobody waits")?;
        Ok(self.feed(Input::Deadline)?)
    }

    /// Forgets what was shown and told so far.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
        self.shown_here.clear();
        self.shown_there.clear();
        self.events_there.clear();
    }

    pub(crate) fn session(&self) -> Option<SessionInfo> {
        self.conversation.session()
    }

    pub(crate) fn heard(&self, event: &str) -> bool {
        self.events_there.iter().any(|(name, _)| name == event)
    }

    /// Detail of the last such event of the peer.
    pub(crate) fn detail(&self, event: &str) -> Option<&str> {
        let mut found = self.events_there.iter().rev().filter(|(name, _)| name == event);
        found.next().map(|(_, detail)| detail.as_str())
    }
}
