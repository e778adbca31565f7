//! Who is at home: which addresses may talk to the panel.
//!
//! The panel is for the home's own network (`[panel] lan_only`). A peer is at home if its
//! address is loopback (RFC 6890 §2.2), private (RFC 1918 §3), link-local (RFC 3927 §2.1,
//! RFC 4291 §2.5.6) or unique local (RFC 4193 §3.1), or lies within the prefix of one of this
//! machine's own interfaces: most homes give their devices global IPv6 addresses.
//!
//! Invariant: a prefix so short that it would take in a part of the internet is not believed.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

use crate::limits::INTERFACES_AGE_MAX;

/// Shortest IPv4 prefix that is believed to be one network.
const V4_PREFIX_BITS_MIN: u32 = 16;

/// Shortest IPv6 prefix that is believed to be one network. Providers give a home a /48 at most.
const V6_PREFIX_BITS_MIN: u32 = 48;

/// An address of this machine with the prefix of the network it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnAddress {
    /// The address.
    pub address: IpAddr,
    /// Leading bits that all neighbours share.
    pub prefix_bits: u32,
}

impl OwnAddress {
    /// Is `other` in the same network?
    #[must_use]
    pub fn is_neighbour(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) if self.prefix_bits >= V4_PREFIX_BITS_MIN => {
                let shift = 32 - self.prefix_bits.min(32);
                let (own, other) = (u32::from(own), u32::from(other));
                own.checked_shr(shift) == other.checked_shr(shift)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) if self.prefix_bits >= V6_PREFIX_BITS_MIN => {
                let shift = 128 - self.prefix_bits.min(128);
                let (own, other) = (u128::from(own), u128::from(other));
                own.checked_shr(shift) == other.checked_shr(shift)
            }
            _ => false,
        }
    }
}

/// The addresses of this machine's interfaces that are up.
///
/// # Errors
/// What the operating system answers.
pub fn own_addresses() -> std::io::Result<Vec<OwnAddress>> {
    let mut found = Vec::new();
    for interface in getifaddrs()? {
        if !interface.flags.contains(InterfaceFlags::IFF_UP) {
            continue;
        }
        let address = interface.address.as_ref().and_then(ip_of);
        let mask = interface.netmask.as_ref().and_then(ip_of);
        if let (Some(address), Some(mask)) = (address, mask) {
            let prefix_bits = match mask {
                IpAddr::V4(mask) => u32::from(mask).leading_ones(),
                IpAddr::V6(mask) => u128::from(mask).leading_ones(),
            };
            found.push(OwnAddress { address, prefix_bits });
        }
    }
    Ok(found)
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::from(*v4).ip());
    }
    address.as_sockaddr_in6().map(|v6| SocketAddr::from(*v6).ip())
}

/// Is the address of a kind that only a home's own network uses?
#[must_use]
pub fn is_home_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Decides which peers are let in.
#[derive(Debug)]
pub struct Gate {
    lan_only: bool,
    own: Mutex<Option<(Instant, Vec<OwnAddress>)>>,
}

impl Gate {
    /// With `lan_only` only peers at home are let in; without it, everybody.
    #[must_use]
    pub fn new(lan_only: bool) -> Self {
        Self { lan_only, own: Mutex::new(None) }
    }

    /// May this peer talk to the panel?
    #[must_use]
    pub fn lets_in(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        !self.lan_only || is_home_address(peer) || self.is_neighbour(peer)
    }

    fn is_neighbour(&self, peer: IpAddr) -> bool {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = own.as_ref().is_some_and(|(at, _)| at.elapsed() < INTERFACES_AGE_MAX);
        if !fresh {
            // Unknown interfaces let nobody in that is not plainly at home.
            let found = own_addresses().unwrap_or_default();
            *own = Some((Instant::now(), found));
        }
        own.as_ref().is_some_and(|(_, all)| all.iter().any(|one| one.is_neighbour(peer)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn home_addresses_are_told_from_the_internet() {
        for home in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.178.20",
            "169.254.7.7",
            "::1",
            "fd00::1",
            "fc12::1",
            "fe80::1",
        ] {
            assert!(Gate::new(true).lets_in(ip(home)), "{home}");
        }
        for away in [
            "172.32.0.1",
            "172.15.0.1",
            "192.169.0.1",
            "11.0.0.1",
            "100.64.0.1",
            "8.8.8.8",
            "2001:4860::1",
            "::ffff:8.8.8.8",
            "ff02::1",
            "0.0.0.0",
        ] {
            assert!(!Gate::new(true).lets_in(ip(away)), "{away}");
            assert!(Gate::new(false).lets_in(ip(away)), "{away}");
        }
        assert!(Gate::new(true).lets_in(ip("::ffff:192.168.1.2")), "v4 seen through a v6 socket");
    }

    #[test]
    fn neighbours_share_the_prefix() {
        let own = OwnAddress { address: ip("2001:db8:1:2::5"), prefix_bits: 64 };
        assert!(own.is_neighbour(ip("2001:db8:1:2:ffff::9")));
        assert!(!own.is_neighbour(ip("2001:db8:1:3::9")));
        assert!(!own.is_neighbour(ip("192.0.2.1")));
        let own = OwnAddress { address: ip("203.0.113.9"), prefix_bits: 29 };
        assert!(own.is_neighbour(ip("203.0.113.14")));
        assert!(!own.is_neighbour(ip("203.0.113.16")));
        let host = OwnAddress { address: ip("203.0.113.9"), prefix_bits: 32 };
        assert!(host.is_neighbour(ip("203.0.113.9")) && !host.is_neighbour(ip("203.0.113.8")));
    }

    #[test]
    fn a_prefix_that_holds_the_internet_is_not_believed() {
        for (address, prefix_bits) in
            [("203.0.113.9", 0), ("203.0.113.9", 8), ("2001:db8::1", 0), ("2001:db8::1", 32)]
        {
            let own = OwnAddress { address: ip(address), prefix_bits };
            assert!(!own.is_neighbour(ip("203.0.113.10")), "{address}/{prefix_bits}");
            assert!(!own.is_neighbour(ip("2001:db8::2")), "{address}/{prefix_bits}");
        }
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        let own = own_addresses().unwrap();
        assert!(own.iter().any(|one| one.address.is_loopback()), "{own:?}");
    }
}
