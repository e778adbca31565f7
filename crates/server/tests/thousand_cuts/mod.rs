//! A thousand cuts: two people with three devices each, who talk while their sockets are cut in
//! every way there is. In the end every device has every message, once and in order.
//!
//! The daemon is a process with its store on disk; the devices are as good clients are: they
//! resume (XEP-0198), and where they cannot, they catch up from the archive (XEP-0313). They tell
//! messages apart by the names that the archive gave them, and send again only what is not there.
//!
//! `SNUG_SEED` repeats a run's dice; what the machine does in between stays its own.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the seed, for whoever looks at a failure"
)]

mod cutting;
mod device;
mod dice;
mod entering;
mod history;
mod house;
mod message;
mod wire;
mod world;

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use device::Device;
use dice::Dice;
use house::House;
use world::{DEVICES, Plan, World};

/// Of a run that is told none: the clock's.
fn seed() -> u64 {
    let told = std::env::var("SNUG_SEED").ok().map(|text| {
        u64::from_str_radix(text.trim_start_matches("0x"), 16)
            .expect("SNUG_SEED: a hexadecimal number")
    });
    told.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos()) ^ (now.as_secs() << 20)
    })
}

/// Plays `plan`; gives the devices, when all have everything.
async fn play(name: &str, plan: Plan) -> (Vec<Device>, Rc<World>) {
    println!("SNUG_SEED={:#x} {plan:?}", plan.seed);
    let house = House::start(name, &["ann", "bob"]).await;
    let world = Rc::new(World::new(house, plan));
    let began = Instant::now();
    let local = LocalSet::new();
    let mut devices = Vec::new();
    let everybody = async {
        let mut all = JoinSet::new();
        for full in DEVICES {
            all.spawn_local(Device::new(&world, full).live());
        }
        let storm = tokio::task::spawn_local(storm(Rc::clone(&world)));
        while let Some(device) = all.join_next().await {
            match device {
                Ok(device) => devices.push(device),
                Err(broken) => {
                    eprintln!("the daemon's log:\n{}", world.house.log());
                    std::panic::resume_unwind(broken.into_panic());
                }
            }
        }
        storm.await.unwrap();
    };
    local.run_until(Box::pin(everybody)).await;
    println!("{:.1} s: {:?}", began.elapsed().as_secs_f32(), world.counts());
    (devices, world)
}

/// Kills the daemon now and then.
async fn storm(world: Rc<World>) {
    let mut dice = Dice::new(!world.plan.seed);
    for kill in 1..=world.plan.kills {
        // Spread over the cuts.
        let due = world.plan.cuts * kill / (world.plan.kills + 1);
        while world.plan.cuts - world.cuts_left() < due {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.roll(30) as u64)).await;
        world.house.kill_and_start().await;
        world.count("daemon killed");
    }
}

/// `order` without what the senders in `without` said.
fn heard<'a>(order: &'a [String], without: &[&str]) -> Vec<&'a str> {
    let said_by = |origin: &str| origin.split_once(' ').map(|(by, _)| by.to_owned());
    let others =
        |origin: &&String| !without.iter().any(|by| said_by(origin).as_deref() == Some(by));
    order.iter().filter(others).map(String::as_str).collect()
}

/// What each device said came in the order it was said.
fn senders_in_order(devices: &[Device], plan: &Plan) {
    for device in devices {
        for sender in DEVICES {
            let came =
                device.history.order().iter().filter(|o| o.split_once(' ').unwrap().0 == sender);
            let came: Vec<_> = came.cloned().collect();
            let said: Vec<_> = (1..=plan.messages).map(|n| message::origin(sender, n)).collect();
            assert_eq!(came, said, "of {sender} at {}, seed {:#x}", device.full, plan.seed);
        }
    }
}

/// Sessions that always wait: nobody misses or repeats anything, with no archive's help.
async fn resumed_sessions(name: &str, cuts: usize) {
    let plan = Plan { seed: seed(), cuts, messages: cuts / 5 + 10, archive: false, kills: 0 };
    let (devices, world) = play(name, plan).await;
    senders_in_order(&devices, &plan);
    // Apart from what they said themselves, the devices of one person heard the same.
    for one in &devices {
        for other in devices.iter().filter(|other| other.owner() == one.owner()) {
            let without = [one.full, other.full];
            let (here, there) =
                (heard(one.history.order(), &without), heard(other.history.order(), &without));
            assert_eq!(here, there, "{} and {}, seed {:#x}", one.full, other.full, plan.seed);
        }
    }
    let counts = world.counts();
    assert_eq!(counts.get("new session"), Some(&DEVICES.len()), "{counts:?}");
    assert!(counts.get("resumed").copied().unwrap_or(0) >= cuts / 3, "{counts:?}");
    drop(devices);
    Rc::into_inner(world).unwrap().house.stop().await;
}

/// Sessions that come too late or are forgotten, and a daemon that is killed: the archive has it.
async fn archived(name: &str, cuts: usize, kills: usize) {
    let plan = Plan { seed: seed(), cuts, messages: cuts / 5 + 10, archive: true, kills };
    let (devices, world) = play(name, plan).await;
    senders_in_order(&devices, &plan);
    for full in ["ann/audit", "bob/audit"] {
        let audit = Device::new(&world, full).audit().await;
        let archive = &audit.history;
        assert_eq!(archive.len(), plan.total(), "{}", audit.state());
        for device in devices.iter().filter(|device| device.owner() == audit.owner()) {
            is_as_archived(device, archive.order(), &world);
            for origin in archive.order() {
                let name = device.history.name(origin);
                let same = name.is_none_or(|name| archive.name(origin) == Some(name));
                let own = origin.starts_with(device.full);
                assert!(name.is_some() || own, "{origin} has no name at {}", device.state());
                assert!(same || world.was_sent_again(origin), "{origin}: {}", device.state());
            }
        }
    }
    let counts = world.counts();
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    // No session outlives its daemon.
    let resumed = if kills == 0 { cuts / 3 } else { cuts / 20 };
    assert!(count("resumed") >= resumed, "{counts:?}");
    assert!(count("new session") >= DEVICES.len() + cuts / 20, "{counts:?}");
    assert_eq!(count("daemon killed"), kills, "{counts:?}");
    drop(devices);
    Rc::into_inner(world).unwrap().house.stop().await;
}

/// What `device` heard came in the order of the archive. What it said itself it knows from the
/// start; what was sent again is where it came first, and in the archive perhaps later.
fn is_as_archived(device: &Device, archive: &[String], world: &World) {
    let rest = |order: &[String]| {
        let others = order.iter().filter(|origin| !origin.starts_with(device.full));
        let once = others.filter(|origin| !world.was_sent_again(origin));
        once.cloned().collect::<Vec<_>>()
    };
    assert_eq!(rest(device.history.order()), rest(archive), "{}", device.state());
}

#[tokio::test]
async fn what_a_session_cannot_bring_is_in_the_archive() {
    Box::pin(archived("cuts-archived", 150, 0)).await;
}

#[tokio::test]
#[ignore = "the long form: ./just cuts"]
async fn what_a_thousand_cut_sessions_cannot_bring_is_in_the_archive() {
    Box::pin(archived("cuts-archived-long", 1_000, 0)).await;
}

#[tokio::test]
async fn a_daemon_that_is_killed_has_kept_what_it_acknowledged() {
    Box::pin(archived("cuts-killed", 60, 5)).await;
}

#[tokio::test]
#[ignore = "the long form: ./just cuts"]
async fn a_daemon_that_is_killed_again_and_again_has_kept_what_it_acknowledged() {
    Box::pin(archived("cuts-killed-long", 300, 36)).await;
}

#[tokio::test]
async fn sessions_that_are_cut_lose_and_repeat_nothing() {
    Box::pin(resumed_sessions("cuts-resumed", 150)).await;
}

#[tokio::test]
#[ignore = "the long form: ./just cuts"]
async fn sessions_that_are_cut_a_thousand_times_lose_and_repeat_nothing() {
    Box::pin(resumed_sessions("cuts-resumed-long", 1_000)).await;
}
