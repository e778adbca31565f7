//! `snug-otr-interop PEER KEYS ROUNDS`: our OTR engine against libotr, message by message.
//!
//! Each round, in both versions and started from both sides: key exchange, texts both ways with
//! key rotation, verification with the right and the wrong secret from both sides and with a
//! question, the extra symmetric key, a renewed session, fragments, the end from both sides; and
//! both sides starting at the same moment. Stops at the first difference, with the round.

mod link;
mod peer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

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
    let usage = "usage: snug-otr-interop PEER KEYS ROUNDS";
    let program = PathBuf::from(arguments.next().ok_or(usage)?);
    let keys = PathBuf::from(arguments.next().ok_or(usage)?);
    let rounds: u64 = arguments.next().ok_or(usage)?.parse()?;
    let began = Instant::now();
    let (mut sessions, mut verifications) = (0, 0);
    for round in 0..rounds {
        for (versions, version) in [("2", Version::V2), ("3", Version::V3), ("23", Version::V3)] {
            let fragment = round.is_multiple_of(3).then_some(250);
            let mut link = Link::start(&program, &keys, versions, fragment)?;
            let place = |e: Failure| format!("round {round}, version {versions}: {e}");
            converse(&mut link, version, round).map_err(place)?;
            sessions += 4;
            verifications += 6;
        }
        let mut link = Link::start(&program, &keys, "3", None)?;
        both_at_once(&mut link).map_err(|e| format!("round {round}, both at once: {e}"))?;
        sessions += 1;
    }
    let seconds = began.elapsed().as_secs();
    Ok(format!(
        "{sessions} key exchanges and {verifications} verifications with libotr, {seconds} s"
    ))
}

/// Everything that the two can do together.
fn converse(link: &mut Link, version: Version, round: u64) -> Result<(), Failure> {
    start(link, round.is_multiple_of(2), version)?;
    talk(link, 4)?;
    for by_us in [true, false] {
        verify(link, by_us, (b"linden", b"linden"), None)?;
        verify(link, by_us, (b"linden", b"elm"), None)?;
        verify(link, by_us, ("Müller".as_bytes(), "Müller".as_bytes()), Some("Which street?"))?;
    }
    extra_key(link)?;
    // A new exchange inside the session, from the other side.
    start(link, !round.is_multiple_of(2), version)?;
    talk(link, 2)?;
    link.theirs("end", &[])?;
    link.settle()?;
    demand(link.told.contains(&Event::PeerEnded), "we did not hear the end")?;
    demand(link.ours_refused(Input::Send(b"careless")), "a finished session sends")?;
    ours(link, Input::End)?;
    start(link, true, version)?;
    talk(link, 2)?;
    ours(link, Input::End)?;
    link.settle()?;
    demand(link.heard("disconnected"), "libotr did not hear the end")?;
    start(link, false, version)?;
    talk(link, 1)
}

fn demand(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

fn start(link: &mut Link, by_us: bool, version: Version) -> Result<(), Failure> {
    link.forget();
    if by_us {
        ours(link, Input::Start)?
    } else {
        link.theirs("query", &[])?
    }
    link.settle()?;
    same_session(link, version)
}

fn same_session(link: &mut Link, version: Version) -> Result<(), Failure> {
    let session = link.session().ok_or("we have no session")?;
    demand(session.version == version, "another version")?;
    demand(session.fingerprint == link.their_fingerprint, "another key")?;
    let id: String = session.session_id.iter().map(|b| format!("{b:02x}")).collect();
    let theirs = link.detail("secure").ok_or("libotr has no session")?;
    demand(theirs == id, "the session ids differ")
}

fn talk(link: &mut Link, turns: usize) -> Result<(), Failure> {
    for turn in 0..turns {
        for text in [format!("Grüße {turn}"), format!("<b>{turn}</b> &amp; more")] {
            link.forget();
            ours(link, Input::Send(text.as_bytes()))?;
            link.settle()?;
            demand(link.shown_there == [(true, text.clone())], "libotr shows another text")?;
            link.theirs("send", &[text.as_bytes()])?;
            link.settle()?;
            demand(link.shown_here == [(true, text)], "we show another text")?;
        }
    }
    Ok(())
}

fn verify(
    link: &mut Link,
    by_us: bool,
    (left, right): (&[u8], &[u8]),
    question: Option<&str>,
) -> Result<(), Failure> {
    link.forget();
    let secret = |words| Secret::new(words).ok_or("no secret");
    if by_us {
        ours(link, Input::Verify { secret: &secret(left)?, question })?;
        link.settle()?;
        let asked = if question.is_some() { "smp-question" } else { "smp-ask" };
        demand(link.heard(asked), "libotr was not asked")?;
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
    let (news, name) = if left == right {
        let proves_peer = by_us || question.is_none();
        (Verification::Same { proves_peer }, "smp-same")
    } else {
        (Verification::Different, "smp-different")
    };
    demand(link.told.contains(&Event::Verification(news)), "our verdict is another")?;
    demand(link.heard(name), "libotr's verdict is another")
}

fn extra_key(link: &mut Link) -> Result<(), Failure> {
    let agreed = |link: &Link| {
        let key = link.told.iter().find_map(|e| match e {
            Event::ExtraKey { key, .. } => Some(key.as_bytes()),
            _ => None,
        });
        let hex = key.map(|k| k.iter().map(|b| format!("{b:02x}")).collect::<String>());
        hex.is_some() && hex.as_deref() == link.detail("symkey")
    };
    link.forget();
    ours(link, Input::ExtraKey { usage: 1, data: b"x" })?;
    link.settle()?;
    demand(agreed(link), "our extra key is another")?;
    link.forget();
    link.theirs("extra", &[])?;
    link.settle()?;
    demand(agreed(link), "their extra key is another")
}

/// libotr and libotr never finish when both start at once; with us they must.
fn both_at_once(link: &mut Link) -> Result<(), Failure> {
    ours(link, Input::Start)?;
    link.theirs("query", &[])?;
    for _ in 0..4 {
        link.settle()?;
        if same_session(link, Version::V3).is_ok() && talk(link, 1).is_ok() {
            return Ok(());
        }
        link.wait()?;
    }
    Err("no session".into())
}
