//! How long an answer to a log-in is held back after wrong passwords.
//!
//! Pure: (state, address, account, now) -> delay. Three counts of wrong passwords matter: of this
//! address for this account (full delay), of this address for all accounts together (full delay,
//! from a higher count on, because a family shares one address), and of everybody for this
//! account (a small delay only, so that strangers cannot slow the real person down much).
//!
//! Invariants: nobody is refused, only delayed; a success forgets what that address did to that
//! account and nothing else, so a guesser with an account of their own gains nothing by logging
//! in between; one old device that repeats a wrong password counts little against its whole
//! household; every map and list has a limit.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::limits::{
    THROTTLE_ENTRIES_MAX, THROTTLE_NAMES_PER_ADDRESS_MAX, WRONG_PASSWORD_DELAY_ELSEWHERE_MAX,
    WRONG_PASSWORD_DELAY_FIRST, WRONG_PASSWORD_DELAY_MAX, WRONG_PASSWORDS_FREE,
    WRONG_PASSWORDS_FREE_PER_ADDRESS, WRONG_PASSWORDS_REMEMBERED,
};

/// Wrong passwords so far.
#[derive(Debug, Default)]
pub struct Throttle {
    addresses: HashMap<Source, Address>,
    accounts: HashMap<Box<str>, Count>,
}

/// An IPv4 address, or the /64 of an IPv6 address: a home or phone has a whole /64 to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) => Self::V4(v4),
                None => Self::V6(network(v6)),
            },
        }
    }
}

fn network(address: Ipv6Addr) -> [u16; 4] {
    let [a, b, c, d, ..] = address.segments();
    [a, b, c, d]
}

#[derive(Clone, Copy, Debug)]
struct Count {
    wrong: u32,
    last: Instant,
}

impl Count {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) < WRONG_PASSWORDS_REMEMBERED
    }

    /// One more; what is too old to matter is forgotten first.
    fn add(&mut self, now: Instant) {
        self.wrong = if self.is_fresh(now) { self.wrong.saturating_add(1) } else { 1 };
        self.last = now;
    }
}

#[derive(Debug)]
struct Address {
    /// Per account; at most [`THROTTLE_NAMES_PER_ADDRESS_MAX`].
    names: Vec<(Box<str>, Count)>,
    /// Wrong passwords for no account, or for more accounts than fit into `names`.
    rest: Count,
}

impl Address {
    fn last(&self) -> Instant {
        self.names.iter().map(|(_, c)| c.last).fold(self.rest.last, Instant::max)
    }

    fn of(&self, account: &str) -> Option<&Count> {
        self.names.iter().find(|(name, _)| **name == *account).map(|(_, count)| count)
    }

    /// Wrong passwords of the whole address, of which each account adds a few only.
    fn spread(&self, now: Instant) -> u32 {
        let rest = if self.rest.is_fresh(now) { self.rest.wrong } else { 0 };
        let fresh = self.names.iter().filter(|(_, c)| c.is_fresh(now));
        fresh.map(|(_, c)| c.wrong.min(WRONG_PASSWORDS_FREE)).fold(rest, u32::saturating_add)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.rest.is_fresh(now) || self.names.iter().any(|(_, c)| c.is_fresh(now))
    }
}

impl Throttle {
    /// How long to hold back the answer to a log-in as `account` from `address`, whether the
    /// password is right or wrong.
    #[must_use]
    pub fn delay(&self, address: IpAddr, account: &str, now: Instant) -> Duration {
        let mut own = 0;
        let mut spread = 0;
        if let Some(address) = self.addresses.get(&address.into()) {
            own = address.of(account).filter(|c| c.is_fresh(now)).map_or(0, |c| c.wrong);
            spread = address.spread(now);
        }
        let everybody = self.accounts.get(account).filter(|c| c.is_fresh(now));
        let everybody = everybody.map_or(0, |c| c.wrong);
        growing(own, WRONG_PASSWORDS_FREE)
            .max(growing(spread, WRONG_PASSWORDS_FREE_PER_ADDRESS))
            .max(growing(everybody, WRONG_PASSWORDS_FREE).min(WRONG_PASSWORD_DELAY_ELSEWHERE_MAX))
    }

    /// A wrong password came from `address`; `account` is `None` if it was for no account.
    pub fn failed(&mut self, address: IpAddr, account: Option<&str>, now: Instant) {
        let source = Source::from(address);
        make_room(&mut self.addresses, &source, Address::last);
        let never = Count { wrong: 0, last: now };
        let address =
            self.addresses.entry(source).or_insert(Address { names: Vec::new(), rest: never });
        let Some(account) = account else {
            address.rest.add(now);
            return;
        };
        if let Some((_, count)) = address.names.iter_mut().find(|(name, _)| **name == *account) {
            count.add(now);
        } else if address.names.len() < THROTTLE_NAMES_PER_ADDRESS_MAX {
            address.names.push((account.into(), Count { wrong: 1, last: now }));
        } else {
            address.rest.add(now);
        }
        make_room(&mut self.accounts, account, |c| c.last);
        self.accounts.entry(account.into()).or_insert(never).add(now);
    }

    /// `account` logged in from `address` with the right password.
    pub fn succeeded(&mut self, address: IpAddr, account: &str) {
        let Entry::Occupied(mut address) = self.addresses.entry(address.into()) else { return };
        let names = &mut address.get_mut().names;
        let Some(at) = names.iter().position(|(name, _)| **name == *account) else { return };
        let (_, mistakes) = names.swap_remove(at);
        if address.get().names.is_empty() && address.get().rest.wrong == 0 {
            address.remove();
        }
        if let Entry::Occupied(mut everybody) = self.accounts.entry(account.into()) {
            let count = everybody.get_mut();
            count.wrong = count.wrong.saturating_sub(mistakes.wrong);
            if count.wrong == 0 {
                everybody.remove();
            }
        }
    }

    /// Forgets what is too old to matter.
    pub fn sweep(&mut self, now: Instant) {
        self.addresses.retain(|_, address| address.is_fresh(now));
        self.accounts.retain(|_, count| count.is_fresh(now));
    }
}

/// Nothing for the first `free`, then doubling up to the longest delay.
fn growing(wrong: u32, free: u32) -> Duration {
    match wrong.checked_sub(free + 1) {
        None => Duration::ZERO,
        Some(beyond) => WRONG_PASSWORD_DELAY_FIRST
            .saturating_mul(2_u32.saturating_pow(beyond))
            .min(WRONG_PASSWORD_DELAY_MAX),
    }
}

/// Drops the entry that was quiet for the longest if `key` needs a new one and there is no room.
fn make_room<K, Q, V>(map: &mut HashMap<K, V>, key: &Q, last: impl Fn(&V) -> Instant)
where
    K: Hash + Eq + Clone + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    if map.len() < THROTTLE_ENTRIES_MAX || map.contains_key(key) {
        return;
    }
    if let Some(oldest) = map.iter().min_by_key(|(_, v)| last(v)).map(|(k, _)| k.clone()) {
        map.remove(oldest.borrow());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20));
    const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));
    const ANN: &str = "ann@home.example";
    const BOB: &str = "bob@home.example";

    fn fail(t: &mut Throttle, address: IpAddr, account: &str, times: u32, now: Instant) {
        for _ in 0..times {
            t.failed(address, Some(account), now);
        }
    }

    #[test]
    fn a_few_mistakes_cost_nothing_and_more_cost_ever_more() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        fail(&mut t, HOME, ANN, WRONG_PASSWORDS_FREE, now);
        assert_eq!(t.delay(HOME, ANN, now), Duration::ZERO);
        let mut before = Duration::ZERO;
        for _ in 0..4 {
            t.failed(HOME, Some(ANN), now);
            let delay = t.delay(HOME, ANN, now);
            assert!(delay > before, "{delay:?} after {before:?}");
            before = delay;
        }
        fail(&mut t, HOME, ANN, 100_000, now);
        assert_eq!(t.delay(HOME, ANN, now), WRONG_PASSWORD_DELAY_MAX);
    }

    #[test]
    fn a_stranger_slows_the_real_person_only_a_little() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        fail(&mut t, STRANGER, ANN, 1_000, now);
        assert_eq!(t.delay(STRANGER, ANN, now), WRONG_PASSWORD_DELAY_MAX);
        assert_eq!(t.delay(HOME, ANN, now), WRONG_PASSWORD_DELAY_ELSEWHERE_MAX);
        assert_eq!(t.delay(HOME, BOB, now), Duration::ZERO);
    }

    #[test]
    fn success_clears_the_own_mistakes_and_nobody_elses() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        fail(&mut t, HOME, ANN, 20, now);
        t.succeeded(HOME, ANN);
        assert_eq!(t.delay(HOME, ANN, now), Duration::ZERO);

        // A guesser with an own account logs in between the guesses.
        fail(&mut t, STRANGER, ANN, 20, now);
        t.succeeded(STRANGER, BOB);
        assert_eq!(t.delay(STRANGER, ANN, now), WRONG_PASSWORD_DELAY_MAX);

        // The real person's success does not help the guesser either.
        t.succeeded(HOME, ANN);
        assert_eq!(t.delay(STRANGER, ANN, now), WRONG_PASSWORD_DELAY_MAX);
    }

    #[test]
    fn guessing_across_accounts_slows_the_address() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        for n in 0..200 {
            t.failed(STRANGER, Some(&format!("person{n}@home.example")), now);
        }
        t.succeeded(STRANGER, BOB);
        assert_eq!(t.delay(STRANGER, "fresh@home.example", now), WRONG_PASSWORD_DELAY_MAX);
        assert_eq!(t.delay(HOME, "person3@home.example", now), Duration::ZERO);
    }

    #[test]
    fn one_old_device_does_not_slow_its_household() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        fail(&mut t, HOME, ANN, 5_000, now);
        assert_eq!(t.delay(HOME, BOB, now), Duration::ZERO);
    }

    #[test]
    fn wrong_passwords_are_forgotten_in_time() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        fail(&mut t, HOME, ANN, 50, now);
        t.failed(HOME, None, now);
        let later = now + WRONG_PASSWORDS_REMEMBERED;
        assert_eq!(t.delay(HOME, ANN, later), Duration::ZERO);
        t.failed(HOME, Some(ANN), later);
        assert_eq!(t.delay(HOME, ANN, later), Duration::ZERO, "counting began anew");
        t.sweep(later + WRONG_PASSWORDS_REMEMBERED);
        assert!(t.addresses.is_empty() && t.accounts.is_empty());
    }

    #[test]
    fn an_ipv6_neighbourhood_is_one_address() {
        let (mut t, now) = (Throttle::default(), Instant::now());
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        fail(&mut t, at("2001:db8:1:2::1"), ANN, 20, now);
        assert_eq!(t.delay(at("2001:db8:1:2:ffff::9"), ANN, now), WRONG_PASSWORD_DELAY_MAX);
        let next_door = t.delay(at("2001:db8:1:3::1"), ANN, now);
        assert_eq!(next_door, WRONG_PASSWORD_DELAY_ELSEWHERE_MAX);
        fail(&mut t, at("::ffff:198.51.100.1"), BOB, 20, now);
        assert_eq!(t.delay(at("198.51.100.1"), BOB, now), WRONG_PASSWORD_DELAY_MAX);
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_names_does_not_hide_the_address() {
        let (mut t, mut now) = (Throttle::default(), Instant::now());
        for n in 0..THROTTLE_ENTRIES_MAX + 500 {
            now += Duration::from_millis(1);
            t.failed(STRANGER, Some(&format!("name{n}")), now);
            let other = Ipv4Addr::from(u32::try_from(n).unwrap());
            t.failed(other.into(), None, now);
            t.failed(STRANGER, Some(ANN), now);
        }
        assert!(t.addresses.len() <= THROTTLE_ENTRIES_MAX);
        assert!(t.accounts.len() <= THROTTLE_ENTRIES_MAX);
        assert!(t.addresses.values().all(|a| a.names.len() <= THROTTLE_NAMES_PER_ADDRESS_MAX));
        assert_eq!(t.delay(STRANGER, ANN, now), WRONG_PASSWORD_DELAY_MAX);
    }
}
