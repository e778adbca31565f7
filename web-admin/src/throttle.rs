//! How often one address may try a password or a set-up code.
//!
//! A fixed window per address (an IPv6 address counts by its /64, which one device controls as
//! a whole). Pure: time is a parameter. Invariant: at most [`TRIES_ADDRESSES_MAX`] entries.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::limits::{TRIES_ADDRESSES_MAX, TRIES_PER_ADDRESS_MAX, TRIES_WINDOW};

/// The tries of all addresses.
#[derive(Debug, Default)]
pub struct Throttle {
    windows: HashMap<IpAddr, Window>,
}

#[derive(Debug)]
struct Window {
    since: Instant,
    tries: u32,
}

impl Throttle {
    /// Counts a try of `address`.
    ///
    /// # Errors
    /// How long to wait, if it was one too many.
    pub fn attempt(&mut self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let key = group(address);
        self.windows.retain(|_, w| now.saturating_duration_since(w.since) < TRIES_WINDOW);
        if !self.windows.contains_key(&key) && self.windows.len() >= TRIES_ADDRESSES_MAX {
            let oldest = self.windows.iter().min_by_key(|(_, w)| w.since).map(|(k, _)| *k);
            if let Some(oldest) = oldest {
                self.windows.remove(&oldest);
            }
        }
        let window = self.windows.entry(key).or_insert(Window { since: now, tries: 0 });
        if window.tries >= TRIES_PER_ADDRESS_MAX {
            return Err(TRIES_WINDOW.saturating_sub(now.saturating_duration_since(window.since)));
        }
        window.tries += 1;
        Ok(())
    }
}

fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn too_many_tries_wait_for_the_end_of_the_window() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..TRIES_PER_ADDRESS_MAX {
            assert!(throttle.attempt(ip("192.168.1.5"), start).is_ok());
        }
        let later = start + Duration::from_secs(60);
        let wait = throttle.attempt(ip("192.168.1.5"), later).unwrap_err();
        assert_eq!(wait, TRIES_WINDOW - Duration::from_secs(60));
        assert!(throttle.attempt(ip("192.168.1.6"), later).is_ok(), "another address");
        assert!(throttle.attempt(ip("192.168.1.5"), start + TRIES_WINDOW).is_ok());
    }

    #[test]
    fn one_device_cannot_use_all_of_its_ipv6_addresses() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for i in 0..TRIES_PER_ADDRESS_MAX {
            assert!(throttle.attempt(ip(&format!("fd00::{i}")), now).is_ok());
        }
        assert!(throttle.attempt(ip("fd00::ffff"), now).is_err());
        assert!(throttle.attempt(ip("fd00:0:0:1::1"), now).is_ok());
    }

    #[test]
    fn the_table_stays_small() {
        let mut throttle = Throttle::default();
        let now = Instant::now();
        for i in 0..=u8::MAX {
            for j in 0..=9 {
                assert!(throttle.attempt(IpAddr::from([10, 0, j, i]), now).is_ok());
            }
        }
        assert_eq!(throttle.windows.len(), TRIES_ADDRESSES_MAX);
    }
}
