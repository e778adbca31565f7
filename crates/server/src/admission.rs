//! Who may connect: limits per address, before a byte is read.
//!
//! Invariants: a connection holds one [`Place`] from accept to end; dropping it gives the place
//! back, whatever happened; IPv6 addresses count by their /64, which is one household.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::HALF_OPEN_PER_ADDRESS_MAX;

/// An address as limits count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(u128);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u128::from(u32::from(v4))),
            IpAddr::V6(v6) => Self((u128::from(v6) >> 64 << 64) | 1 << 63),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    half_open: u32,
    all: usize,
}

/// The counts of all addresses with a connection.
#[derive(Debug)]
pub struct Admission {
    per_address_max: usize,
    counts: Mutex<HashMap<Origin, Counts>>,
}

impl Admission {
    /// With the operator's limit of connections per address.
    #[must_use]
    pub fn new(per_address_max: usize) -> Arc<Self> {
        Arc::new(Self { per_address_max, counts: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Origin, Counts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection from `address`, or `None` past the limits.
    #[must_use]
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let origin = Origin::from(address);
        let mut all = self.lock();
        let counts = all.entry(origin).or_default();
        if counts.half_open >= HALF_OPEN_PER_ADDRESS_MAX || counts.all >= self.per_address_max {
            return None;
        }
        counts.half_open += 1;
        counts.all += 1;
        Some(Place { admission: Arc::clone(self), origin, half_open: true })
    }
}

/// One connection's place.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    origin: Origin,
    half_open: bool,
}

impl Place {
    /// The connection has logged in: it no longer counts as half-open.
    pub fn logged_in(&mut self) {
        if std::mem::take(&mut self.half_open)
            && let Some(counts) = self.admission.lock().get_mut(&self.origin)
        {
            counts.half_open = counts.half_open.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.logged_in();
        let mut all = self.admission.lock();
        if let Some(counts) = all.get_mut(&self.origin) {
            counts.all = counts.all.saturating_sub(1);
            if counts.all == 0 {
                all.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn half_open_places_run_out_and_come_back() {
        let admission = Admission::new(1_000);
        let mut places: Vec<_> =
            (0..HALF_OPEN_PER_ADDRESS_MAX).map(|_| admission.enter(HOME).unwrap()).collect();
        assert!(admission.enter(HOME).is_none());
        assert!(admission.enter("192.0.2.1".parse().unwrap()).is_some());
        places[0].logged_in();
        let again = admission.enter(HOME);
        assert!(again.is_some());
        drop(again);
        drop(places);
        assert!(admission.lock().is_empty());
    }

    #[test]
    fn logged_in_connections_have_their_own_limit() {
        let admission = Admission::new(2);
        let mut places: Vec<_> = (0..2).map(|_| admission.enter(HOME).unwrap()).collect();
        places.iter_mut().for_each(Place::logged_in);
        assert!(admission.enter(HOME).is_none());
    }

    #[test]
    fn a_household_is_one_origin() {
        let [a, b, c]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::ffff", "2001:db8:0:1::1"].map(|a| a.parse().unwrap());
        assert_eq!(Origin::from(a), Origin::from(b));
        assert_ne!(Origin::from(a), Origin::from(c));
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
        assert_eq!(Origin::from(mapped), Origin::from(HOME));
    }
}
