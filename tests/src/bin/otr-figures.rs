//! `snug-otr-figures`: what the OTR engine costs one side, in processor time.
//!
//! Key exchanges, and messages with and without new keys, between two engines in memory. Prints the
//! medians, and fails if one is above what is promised. Processor time is this thread's own, as
//! the kernel counts it, so that a busy machine changes little.

use std::process::ExitCode;
use std::sync::Arc;

use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use otr::rand_core::UnwrapErr;
use otr::{Conversation, Input, Output, Policy, PrivateKey, Setup, Time};

/// Promised: one key exchange of one side, in microseconds.
const EXCHANGE_MAX: f64 = 6_000.0;

/// Promised: one message said or read under keys that are there, in microseconds.
const MESSAGE_MAX: f64 = 60.0;

const EXCHANGES: usize = 100;
const MESSAGES: usize = 500;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    use std::io::Write;
    let measured = measure();
    // Where nobody reads there is nobody to tell.
    match measured {
        Ok((words, kept)) => {
            let _ = writeln!(std::io::stdout(), "{words}");
            if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(e) => {
            let _ = writeln!(std::io::stderr(), "snug-otr-figures: {e}");
            ExitCode::FAILURE
        }
    }
}

/// Nanoseconds that this thread has run.
fn run_time() -> Result<u64, Failure> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(u64::try_from(time.num_nanoseconds())?)
}

/// One side, with the processor time it took.
struct Side {
    talk: Conversation,
    nanos: u64,
    clock: u64,
}

impl Side {
    fn new() -> Result<Self, Failure> {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let key = PrivateKey::generate(&mut rng).ok_or("no key")?;
        let setup = Setup {
            key: Arc::new(key),
            instance: otr::files::instance_tags::random(&mut rng),
            policy: Policy::manual(),
            fragment: None,
            invitation: String::new(),
        };
        let talk = Conversation::new(setup).ok_or("no instance")?;
        Ok(Self { talk, nanos: 0, clock: 0 })
    }

    /// Feeds `input` and gives what is to be sent.
    fn feed(&mut self, input: Input<'_>) -> Result<Vec<Vec<u8>>, Failure> {
        let mut rng = UnwrapErr(getrandom::SysRng);
        let began = run_time()?;
        self.talk.feed(Time::from_millis(self.clock), &mut rng, input)?;
        let mut sent = Vec::new();
        while let Some(output) = self.talk.poll() {
            if let Output::Transmit(body) = output {
                sent.push(body);
            }
        }
        self.nanos += run_time()? - began;
        Ok(sent)
    }

    fn taken(&mut self) -> f64 {
        let nanos = std::mem::take(&mut self.nanos);
        // A figure for people; what is lost below is nothing.
        f64::from(u32::try_from(nanos).unwrap_or(u32::MAX)) / 1_000.0
    }
}

/// `a` does `input`; everything is brought to and fro until there is nothing more.
fn settle(a: &mut Side, b: &mut Side, input: Input<'_>) -> Result<(), Failure> {
    let mut from_a = a.feed(input)?;
    while !from_a.is_empty() {
        let mut from_b = Vec::new();
        for body in from_a.drain(..) {
            from_b.extend(b.feed(Input::Received(&body))?);
        }
        for body in from_b {
            from_a.extend(a.feed(Input::Received(&body))?);
        }
    }
    Ok(())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}

fn measure() -> Result<(String, bool), Failure> {
    let (mut a, mut b) = (Side::new()?, Side::new()?);
    let (mut asking, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..EXCHANGES {
        // Past every limit of a rate.
        a.clock += 3_600_000;
        b.clock = a.clock;
        (a.nanos, b.nanos) = (0, 0);
        settle(&mut a, &mut b, Input::Start)?;
        if a.talk.session().is_none() {
            return Err("no session came about".into());
        }
        asking.push(a.taken());
        asked.push(b.taken());
    }
    let (mut said, mut read, mut renewed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MESSAGES {
        settle(&mut a, &mut b, Input::Send(b"Bring bread and milk, please."))?;
        said.push(a.taken());
        read.push(b.taken());
    }
    for _ in 0..MESSAGES {
        settle(&mut a, &mut b, Input::Send(b"Bring bread and milk, please."))?;
        (a.nanos, b.nanos) = (0, 0);
        settle(&mut b, &mut a, Input::Send(b"And butter?"))?;
        renewed.push(a.taken());
    }
    let [asking, asked, said, read, renewed] = [asking, asked, said, read, renewed].map(median);
    let kept = asking.max(asked) < EXCHANGE_MAX && said.max(read) < MESSAGE_MAX;
    let words = format!(
        "key exchange: {asking:.0} µs for who asks, {asked:.0} µs for who is asked \
         (promised: below {EXCHANGE_MAX:.0})\n\
         message under known keys: {said:.0} µs to say, {read:.0} µs to read \
         (promised: below {MESSAGE_MAX:.0})\n\
         message that brings new keys: {renewed:.0} µs to read"
    );
    Ok((words, kept))
}
