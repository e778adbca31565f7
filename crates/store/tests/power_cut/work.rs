//! The work that is cut short: steps that can be told whole from half, in three runs of a
//! process of its own. The first is killed, the second compacts and is closed in order, the
//! third just ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use store::{Batch, Raw, Schema, Span, Store, Table};

use crate::trace::{self, Event};

const ROWS: Table<(String, u64), Raw> = Table::new("rows");
const STEPS: Table<String, u64> = Table::new("steps");
pub(crate) const SCHEMA: Schema =
    Schema { version: 1, tables: &[ROWS.name(), STEPS.name()], migrations: &[] };

/// Steps that are under way at the same time.
pub(crate) const AT_ONCE: u64 = 4;
/// Steps of each run.
const STEPS_PER_RUN: u64 = 140;
/// Rows that are kept; each step removes older ones.
const KEPT: u64 = 25;

const DIR: &str = "SNUG_STORE_TEST_DIR";
const RUN: &str = "SNUG_STORE_TEST_RUN";

/// A fresh directory, removed when the test ends.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("snug-store-{name}-{}-{unique}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        std::fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn payload(n: u64) -> Vec<u8> {
    let times = if n % 40 == 11 { 20_000 } else { 15 };
    format!("row {n};").repeat(times).into_bytes()
}

/// Step number `n`.
pub(crate) fn step(n: u64) -> Batch {
    let mut batch = Batch::new();
    for owner in ["ann", "bob"] {
        batch.put(&ROWS, &(owner, n), &Raw(payload(n)));
        let oldest = (n + 1).saturating_sub(KEPT);
        batch.delete_span(&ROWS, &Span::under(owner).before(&(owner, oldest)));
    }
    batch.put(&STEPS, "done", &(n + 1));
    batch
}

/// How many steps the store holds, all of them whole; or what is wrong with it.
pub(crate) fn whole_steps(store: &Store) -> Result<u64, String> {
    let wrong = |error: store::StoreError| error.to_string();
    let steps = store.get(&STEPS, "done").map_err(wrong)?.unwrap_or(0);
    for owner in ["ann", "bob"] {
        let rows = store.scan(&ROWS, &Span::under(owner), usize::MAX).map_err(wrong)?;
        let numbers: Vec<u64> = rows.iter().map(|((_, n), _)| *n).collect();
        if !numbers.iter().copied().eq(steps.saturating_sub(KEPT)..steps) {
            return Err(format!("{steps} steps, but {owner} has {numbers:?}"));
        }
        if let Some(((_, n), _)) = rows.iter().find(|((_, n), Raw(bytes))| *bytes != payload(*n)) {
            return Err(format!("row {n} of {owner} is not what it was"));
        }
    }
    Ok(steps)
}

/// One run, in its own process.
pub(crate) struct Child {
    dir: PathBuf,
    run: u64,
}

/// The run that this process is for, if it is one.
pub(crate) fn as_child() -> Option<Child> {
    let dir = std::env::var_os(DIR)?.into();
    Some(Child { dir, run: std::env::var(RUN).unwrap().parse().unwrap() })
}

impl Child {
    pub(crate) fn work(&self) {
        let store = Store::open(&self.dir, &SCHEMA).unwrap();
        let start = whole_steps(&store).unwrap();
        for n in start..start + STEPS_PER_RUN {
            store.commit(step(n), move |result| {
                result.unwrap();
                // One call, so that it is one line of the trace.
                let line = format!("acknowledged {}.\n", n + 1);
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            });
            if (n + 1) % AT_ONCE == 0 {
                store.flush().unwrap();
            }
            if self.run == 1 && n % 50 == 0 {
                store.compact().unwrap();
            }
        }
        store.flush().unwrap();
        match self.run {
            0 => std::process::abort(),
            1 => store.close().unwrap(),
            _ => drop(store),
        }
    }
}

/// Lets the three runs happen and reads what they did.
pub(crate) fn record(dir: &Path) -> Vec<Event> {
    let store = dir.join("store");
    std::fs::create_dir(&store).unwrap();
    let name = std::thread::current().name().unwrap().to_owned();
    let mut events = Vec::new();
    for run in 0..3u64 {
        let log = dir.join(format!("trace-{run}"));
        let output = Command::new("strace")
            .args(["-f", "-y", "-xx", "-s", "100000000", "-e"])
            .arg(format!("trace={}", trace::CALLS))
            .arg("-o")
            .arg(&log)
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--include-ignored", "--nocapture", "--test-threads=1"])
            .env(DIR, &store)
            .env(RUN, run.to_string())
            .output()
            .unwrap_or_else(|error| panic!("strace has to be installed: {error}"));
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(&format!("acknowledged {}.", (run + 1) * STEPS_PER_RUN)), "{error}");
        events.extend(trace::read(&log, &store));
        std::fs::remove_file(&log).unwrap();
    }
    events
}
