//! Under which names and addresses the panel is reached.
//!
//! They go into its certificate and into the text of the pages. Invariant: only names that a
//! certificate can hold, at most [`CERTIFICATE_NAMES_MAX`], each once, the most useful first.

use std::net::IpAddr;

use admin_api::tls::is_host_name;

use crate::lan::OwnAddress;
use crate::limits::CERTIFICATE_NAMES_MAX;

/// This machine's host name without its domain, in lower case; `snug` if it has none.
#[must_use]
pub fn host_name() -> String {
    let full = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let first = full.as_deref().and_then(|name| name.split('.').next()).unwrap_or_default();
    let lower = first.to_ascii_lowercase();
    if is_host_name(&lower) { lower } else { "snug".to_owned() }
}

/// Every name for the certificate.
#[must_use]
pub fn of_certificate(host: &str, domain: Option<&str>, own: &[OwnAddress]) -> Vec<String> {
    let mut names = vec![host.to_owned(), format!("{host}.local")];
    names.extend(domain.map(str::to_ascii_lowercase));
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    names.extend(lan_addresses(own).iter().map(ToString::to_string));
    let mut seen = Vec::new();
    for name in names {
        let fits = name.parse::<IpAddr>().is_ok() || is_host_name(&name);
        if fits && !seen.contains(&name) && seen.len() < CERTIFICATE_NAMES_MAX {
            seen.push(name);
        }
    }
    seen
}

/// The addresses that people on the home's network type: IPv4 and unique local IPv6. Global
/// IPv6 addresses change daily (RFC 8981) and nobody types them.
#[must_use]
pub fn lan_addresses(own: &[OwnAddress]) -> Vec<IpAddr> {
    let mut found: Vec<IpAddr> = own.iter().map(|one| one.address).collect();
    found.retain(|address| match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local() && !v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    });
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(address: &str) -> OwnAddress {
        OwnAddress { address: address.parse().unwrap(), prefix_bits: 24 }
    }

    #[test]
    fn what_people_type_is_in_the_certificate() {
        let own = [
            own("127.0.0.1"),
            own("192.168.1.7"),
            own("192.168.1.7"),
            own("169.254.3.4"),
            own("fe80::1"),
            own("fd12::7"),
            own("2001:db8::7"),
        ];
        let names = of_certificate("pi", Some("Home.Example"), &own);
        let expected = [
            "pi",
            "pi.local",
            "home.example",
            "localhost",
            "127.0.0.1",
            "::1",
            "192.168.1.7",
            "fd12::7",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_name_that_no_certificate_can_hold_is_left_out() {
        assert!(
            !of_certificate("pi", Some("bücher.example"), &[])
                .contains(&"bücher.example".to_owned())
        );
        assert!(
            !is_host_name("a_b")
                && !is_host_name("-a")
                && !is_host_name("")
                && !is_host_name("a..b")
        );
        assert!(is_host_name("a-b.c1") && !is_host_name("7") && !is_host_name("a.7"));
        let many: Vec<_> = (0..99).map(|i| own(&format!("10.0.0.{i}"))).collect();
        assert_eq!(of_certificate("pi", None, &many).len(), CERTIFICATE_NAMES_MAX);
    }

    #[test]
    fn this_machine_has_a_host_name() {
        assert!(is_host_name(&host_name()));
    }
}
