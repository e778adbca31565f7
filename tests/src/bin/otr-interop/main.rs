//! `snug-otr-interop KEYS ROUNDS PAGE NAME=COMMAND…`: our OTR engine against those of others, message
//! by message.
//!
//! Each round, in every version that the other speaks: key exchange from both sides, texts both ways
//! with key rotation, verification with the right and the wrong secret from both sides and with a
//! question, the extra symmetric key, a renewed session, fragments, the end from both sides, a
//! restart of either program in the middle; and both sides starting at the same moment. Stops at the
//! first difference, with the round. PAGE tells people what works; it is written anew where
//! SNUG_WRITE_DOCS is set, and has to be true otherwise.

mod kinds;
mod link;
mod page;
mod peer;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use kinds::{ExtraKey, Kind, Renewal};
use link::{Link, ours};
use otr::{Event, Input, Secret, Verification, Version};

pub(crate) type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    use std::io::Write;
    match run() {
        Ok(words) => {
            // Where this cannot be written there is nobody to tell.
            let _ = writeln!(std::io::stdout(), "{words}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "snug-otr-interop: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Failure> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: snug-otr-interop KEYS ROUNDS PAGE NAME=COMMAND…";
    let keys = PathBuf::from(arguments.next().ok_or(usage)?);
    let rounds: u64 = arguments.next().ok_or(usage)?.parse()?;
    let page = PathBuf::from(arguments.next().ok_or(usage)?);
    let mut words = Vec::new();
    let mut met = Vec::new();
    for peer in arguments {
        let (name, command) = peer.split_once('=').ok_or(usage)?;
        let kind = kinds::by_name(name)?;
        let command: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let began = Instant::now();
        let mut count = Count::default();
        for round in 0..rounds {
            one_round(&kind, (&command, &keys), round, &mut count)
                .map_err(|e| format!("{name}, round {round}: {e}"))?;
        }
        let Count { sessions, verifications, again } = count;
        let seconds = began.elapsed().as_secs();
        words.push(format!(
            "{name}: {sessions} key exchanges ({again} tried again) and {verifications} \
             verifications, {seconds} s"
        ));
        met.push(kind);
    }
    page::check(&page, &met)?;
    Ok(words.join("\n"))
}

/// What was done.
#[derive(Default)]
struct Count {
    sessions: u32,
    verifications: u32,
    /// Key exchanges that took more than one try.
    again: u32,
}

fn one_round(
    kind: &Kind,
    (command, keys): (&[String], &Path),
    round: u64,
    count: &mut Count,
) -> Result<(), Failure> {
    for versions in kind.versions {
        let version = if versions.contains('3') { Version::V3 } else { Version::V2 };
        let fragment = round.is_multiple_of(3).then_some(250);
        let link = Link::start(command, keys, versions, fragment)?;
        let mut meeting = Meeting { kind, link, version, count, fresh: true };
        meeting.converse(round).map_err(|e| format!("version {versions}: {e}"))?;
        if !kind.both_at_once {
            continue;
        }
        let link = Link::start(command, keys, versions, None)?;
        let mut meeting = Meeting { kind, link, version, count, fresh: true };
        meeting.both_at_once().map_err(|e| format!("version {versions}, both at once: {e}"))?;
    }
    Ok(())
}

/// The two in one version.
struct Meeting<'a> {
    kind: &'a Kind,
    link: Link,
    version: Version,
    count: &'a mut Count,
    /// The other program has just begun.
    fresh: bool,
}

impl Meeting<'_> {
    /// Everything that the two can do together.
    fn converse(&mut self, round: u64) -> Result<(), Failure> {
        self.start(round.is_multiple_of(2))?;
        self.talk(4)?;
        for by_us in [true, false] {
            self.verify(by_us, (b"linden", b"linden"), None)?;
            self.verify(by_us, (b"linden", b"elm"), None)?;
            let words = "Müller".as_bytes();
            self.verify(by_us, (words, words), Some("Which street?"))?;
        }
        self.extra_key()?;
        if self.kind.renewal != Renewal::Nobodys {
            // A new exchange inside the session, from the other side.
            self.start(!round.is_multiple_of(2))?;
            self.talk(2)?;
        }
        self.ends()?;
        self.restarts()
    }

    fn ends(&mut self) -> Result<(), Failure> {
        self.link.theirs("end", &[])?;
        self.link.settle()?;
        demand(self.link.told.contains(&Event::PeerEnded), "we did not hear the end")?;
        let sends = !self.link.ours_refused(Input::Send(b"careless"));
        demand(!sends, "a finished session sends")?;
        ours(&mut self.link, Input::End)?;
        self.start(true)?;
        self.talk(2)?;
        ours(&mut self.link, Input::End)?;
        self.link.settle()?;
        demand(self.link.heard("disconnected"), "they did not hear the end")?;
        self.start(false)?;
        self.talk(1)
    }

    /// Either program starts again in the middle of a session; whoever notices starts anew.
    fn restarts(&mut self) -> Result<(), Failure> {
        for by_us in [true, false] {
            self.link.restart_theirs()?;
            self.fresh = true;
            ours(&mut self.link, Input::Send(b"into the void"))?;
            self.link.settle()?;
            self.start(by_us)?;
            self.talk(2)?;
            if self.kind.renewal == Renewal::Nobodys {
                continue;
            }
            self.link.restart_ours()?;
            self.link.theirs("send", &[b"into the void"])?;
            self.link.settle()?;
            self.start(by_us)?;
            self.talk(2)?;
        }
        Ok(())
    }

    fn start(&mut self, by_us: bool) -> Result<(), Failure> {
        self.count.sessions += 1;
        let fresh = std::mem::take(&mut self.fresh);
        let by_us = match self.kind.renewal {
            Renewal::Theirs if !fresh => false,
            _ => by_us,
        };
        let mut tried = Err("not tried".into());
        for attempt in 0..self.kind.tries {
            self.count.again += u32::from(attempt == 1);
            self.link.forget();
            self.link.pass_an_hour();
            if by_us {
                ours(&mut self.link, Input::Start)?;
            } else {
                self.link.theirs("query", &[])?;
            }
            self.link.settle()?;
            tried = self.same_session();
            if tried.is_ok() {
                break;
            }
        }
        tried
    }

    fn same_session(&mut self) -> Result<(), Failure> {
        let session = self.link.session().ok_or("we have no session")?;
        demand(session.version == self.version, "another version")?;
        demand(session.fingerprint == self.link.their_fingerprint, "another key")?;
        let id: String = session.session_id.iter().map(|b| format!("{b:02x}")).collect();
        let theirs = self.link.detail("secure").ok_or("they have no session")?;
        demand(theirs == id, "the session ids differ")
    }

    fn talk(&mut self, turns: usize) -> Result<(), Failure> {
        for turn in 0..turns {
            for text in [format!("Grüße {turn}"), format!("<b>{turn}</b> &amp; more")] {
                self.link.forget();
                ours(&mut self.link, Input::Send(text.as_bytes()))?;
                self.link.settle()?;
                if self.link.shown_there != [(true, text.clone())] {
                    return Err(
                        format!("for {text:?} they show {:?}", self.link.shown_there).into()
                    );
                }
                self.link.theirs("send", &[text.as_bytes()])?;
                self.link.settle()?;
                demand(self.link.shown_here == [(true, text)], "we show another text")?;
            }
        }
        Ok(())
    }

    fn verify(
        &mut self,
        by_us: bool,
        (left, right): (&[u8], &[u8]),
        question: Option<&str>,
    ) -> Result<(), Failure> {
        self.count.verifications += 1;
        let link = &mut self.link;
        link.forget();
        link.pass_an_hour();
        let secret = |words| Secret::new(words).ok_or("no secret");
        if by_us {
            ours(link, Input::Verify { secret: &secret(left)?, question })?;
            link.settle()?;
            let asked = if question.is_some() { "smp-question" } else { "smp-ask" };
            demand(link.heard(asked), "they were not asked")?;
            link.theirs("answer", &[right])?;
        } else {
            let values = [Some(left), question.map(str::as_bytes)];
            link.theirs("smp", &values.into_iter().flatten().collect::<Vec<_>>())?;
            link.settle()?;
            let question = question.map(|q| q.as_bytes().to_vec());
            let asked = Event::Verification(Verification::Asked { question });
            demand(link.told.contains(&asked), "we were not asked")?;
            ours(link, Input::Answer(&secret(right)?))?;
        }
        link.settle()?;
        let news = |v| link.told.contains(&Event::Verification(v));
        if left == right {
            let proves_peer = by_us || question.is_none();
            demand(news(Verification::Same { proves_peer }), "our verdict is another")?;
            return demand(link.heard("smp-same"), "their verdict is another");
        }
        let given_up = self.kind.gives_up_when_different && news(Verification::Aborted);
        demand(news(Verification::Different) || given_up, "our verdict is another")?;
        demand(!news(Verification::Same { proves_peer: true }), "different words are the same")?;
        demand(link.heard("smp-different") && !link.heard("smp-same"), "their verdict is another")
    }

    fn extra_key(&mut self) -> Result<(), Failure> {
        let agreed = |link: &Link| {
            let key = link.told.iter().find_map(|e| match e {
                Event::ExtraKey { key, .. } => Some(key.as_bytes()),
                _ => None,
            });
            let hex = key.map(|k| k.iter().map(|b| format!("{b:02x}")).collect::<String>());
            hex.is_some() && hex.as_deref() == link.detail("symkey")
        };
        if self.kind.extra_key == ExtraKey::Both {
            self.link.forget();
            ours(&mut self.link, Input::ExtraKey { usage: 1, data: b"x" })?;
            self.link.settle()?;
            demand(agreed(&self.link), "our extra key is another")?;
        }
        if self.kind.extra_key != ExtraKey::No {
            self.link.forget();
            self.link.theirs("extra", &[])?;
            self.link.settle()?;
            demand(agreed(&self.link), "their extra key is another")?;
        }
        Ok(())
    }

    /// Two of the others hardly ever finish when both start at once; with us they must.
    fn both_at_once(&mut self) -> Result<(), Failure> {
        self.count.sessions += 1;
        ours(&mut self.link, Input::Start)?;
        self.link.theirs("query", &[])?;
        for _ in 0..4 {
            self.link.settle()?;
            if self.same_session().is_ok() && self.talk(1).is_ok() {
                return Ok(());
            }
            self.link.wait()?;
        }
        Err("no session".into())
    }
}

fn demand(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
