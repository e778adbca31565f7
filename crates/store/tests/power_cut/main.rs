//! Power cuts: what the store finds when the machine stops between any two system calls.
//!
//! A process writes to a store under `strace`, which notes every change of a file, every
//! flush, and every acknowledgement, in order. From that, disks are made as a cut may leave
//! them: everything flushed before it, and of what was not flushed all, nothing, or any part,
//! down to torn sectors. Each is opened by a new store and compared with what was
//! acknowledged; then one more commit is made, the store closed and opened again.
//!
//! The disk that is imitated is stricter than a journalling file system: nothing about a file
//! is safe until that file is flushed, and no name until its directory is.
//!
//! Needs `strace`: `cargo test -p snug-store --test power_cut -- --ignored --nocapture`.
#![cfg(test)]

mod disk;
mod trace;
mod work;

use std::path::PathBuf;

use disk::{Disk, Loss, Random};
use store::Store;
use trace::Event;

/// Cuts along one run, of each kind of loss.
const CUTS: usize = 100;
/// Events that belong to making or opening a store.
const STARTING: usize = 60;
/// Cuts after a flush that the device has ignored.
const LIES: usize = 90;

#[test]
#[ignore = "needs strace; see the head of this file"]
fn nothing_acknowledged_is_lost() {
    if let Some(run) = work::as_child() {
        run.work();
        return;
    }
    let dir = work::Dir::new("power-cut");
    let events = work::record(dir.path());
    let flushes = events.iter().filter(|event| matches!(event, Event::Flush(_))).count();
    let acknowledged = events.iter().filter_map(Event::acknowledged).max().unwrap_or(0);
    // How many steps share a flush is the machine's business; there are enough to cut between.
    assert!(flushes > 60 && acknowledged == 420, "{flushes} flushes, {acknowledged} steps");
    say(&format!("{} events, {flushes} flushes, {acknowledged} steps", events.len()));

    let mut random = Random::new(events.len() as u64);
    let mut images = 0;
    let spacing = events.len() / CUTS;
    for loss in [Loss::Nothing, Loss::Everything, Loss::Blocks, Loss::Sectors] {
        let mut disk = Disk::default();
        let (mut told, mut since_start, mut since_cut) = (0, 0, random.below(spacing));
        for event in &events {
            disk.take(event, false);
            told = event.acknowledged().unwrap_or(told);
            since_start = if is_start(event) { 0 } else { since_start + 1 };
            since_cut += 1;
            // While the store is made or opened, each event counts.
            if since_cut >= spacing || since_start < STARTING {
                since_cut = 0;
                compare(&disk, loss, &mut random, told);
                images += 1;
            }
        }
    }
    say(&format!("{images} images of a cut: every one opened, nothing acknowledged was missing"));
    assert!(images > 4 * CUTS);
}

fn is_start(event: &Event) -> bool {
    matches!(event, Event::Open(name, _) if name == "store.lock")
}

/// Opens a disk as a cut leaves it, and compares.
fn compare(disk: &Disk, loss: Loss, random: &mut Random, told: u64) {
    let image = work::Dir::new("image");
    disk.write_image(image.path(), loss, random);
    let first = Store::open(image.path(), &work::SCHEMA)
        .unwrap_or_else(|error| panic!("after {told} steps, {loss:?}: {error}\n{}", keep(&image)));
    let steps = work::whole_steps(&first)
        .unwrap_or_else(|what| panic!("after {told} steps, {loss:?}: {what}\n{}", keep(&image)));
    let possible = told..=told + work::AT_ONCE;
    assert!(possible.contains(&steps), "{told} were acknowledged, {loss:?}: {steps} are there");
    first.commit_blocking(work::step(steps)).unwrap();
    first.close().unwrap();
    let second = Store::open(image.path(), &work::SCHEMA).unwrap();
    assert_eq!(work::whole_steps(&second), Ok(steps + 1));
    assert_eq!(second.check().unwrap(), Vec::<String>::new());
}

/// With a device that ignores a flush, acknowledged steps may be lost, and a row may even be
/// wrong without any check noticing, as the engine's file has no checksums. That is rare, and
/// the store says whose turn it is, or goes on.
#[test]
#[ignore = "needs strace; see the head of this file"]
fn a_device_that_ignores_a_flush_is_survived() {
    if let Some(run) = work::as_child() {
        run.work();
        return;
    }
    let dir = work::Dir::new("lies");
    let events = work::record(dir.path());
    let flushes: Vec<usize> =
        (0..events.len()).filter(|index| matches!(events[*index], Event::Flush(_))).collect();
    let mut random = Random::new(77);
    let (mut whole, mut refused, mut found, mut unseen) = (0, 0, 0, 0);
    for _ in 0..LIES {
        let ignored = flushes[random.below(flushes.len())];
        let cut = (ignored + 1 + random.below(40)).min(events.len());
        let mut disk = Disk::default();
        for (index, event) in events[..cut].iter().enumerate() {
            disk.take(event, index == ignored);
        }
        let image = work::Dir::new("lie");
        disk.write_image(image.path(), Loss::Blocks, &mut random);
        match Store::open(image.path(), &work::SCHEMA) {
            Err(error) => {
                assert_eq!(error.blame(), store::Blame::Operator, "{error}");
                refused += 1;
            }
            Ok(store) => match work::whole_steps(&store) {
                Ok(_) => whole += 1,
                Err(_) if store.check().unwrap().is_empty() => unseen += 1,
                Err(_) => found += 1,
            },
        }
    }
    say(&format!(
        "{LIES} lies: {whole} whole, {refused} refused, {found} found by the check, {unseen} not"
    ));
    assert!(whole > LIES * 4 / 5 && unseen < LIES / 20);
}

/// Leaves an image that proves something where it is.
fn keep(image: &work::Dir) -> String {
    let kept = PathBuf::from(format!("{}-kept", image.path().display()));
    std::fs::rename(image.path(), &kept).unwrap();
    std::fs::create_dir(image.path()).unwrap();
    format!("kept in {}", kept.display())
}

fn say(text: &str) {
    use std::io::Write;
    writeln!(std::io::stdout(), "{text}").unwrap();
}
