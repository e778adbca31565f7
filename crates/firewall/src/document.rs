//! `docs/firewall.md`, from the table.

use std::fmt::Write as _;

use config::Config;

use crate::table::{ALL, Entry, HOME_V4, HOME_V6, Pass, Peer, Rate, Traffic, Way};
use crate::{Asked, Choice};

/// The page, for the settings as they are when nobody has changed any.
#[must_use]
pub fn page() -> String {
    let config = Config::default();
    let asked = Asked { config: &config, choice: Choice::Lan, users: &[] };
    let mut out = "# Firewall\n\nWhat may pass, with the settings as they come. Made from the table \
                   in `crates/firewall/src/table.rs` by `just docs-generate`; a test fails when it is \
                   out of date, and another scans a machine with these rules and compares.\n\nWhat is \
                   not here is dropped: in, out and through, IPv4 and IPv6. Answers pass, and what \
                   stays within the machine. *Home* means private, link-local and unique local \
                   addresses ("
        .to_owned();
    let all: Vec<&str> = HOME_V4.iter().chain(HOME_V6).copied().collect();
    let _ = writeln!(
        out,
        "{}) and the networks of `firewall.home`. `snug firewall show` tells what holds on a \
         machine, with its counters.",
        all.join(", ")
    );
    table(&mut out, &asked, Way::In, "In");
    out.push_str(
        "\nThe limit is per address, of IPv6 per /64; beyond it, new connections are dropped.\n",
    );
    table(&mut out, &asked, Way::Out, "Out");
    out.push_str(AFTER);
    out
}

const AFTER: &str = "\n\
Snug's own programs (users snug and snug-admin) make no connection to the outside at all; the \
counter `out_own` tells of tries. Programs are told apart by their user: each unit has a user of \
its own. That is best effort in one point: whoever has root on the machine can be any user.\n\n\
A device with a global IPv6 address does not count as being at home by that address; it gets in by \
IPv4 or by its link-local or unique local address, or its network stands in `firewall.home`.\n";

fn table(out: &mut String, asked: &Asked<'_>, way: Way, title: &str) {
    let (peer, limit) = match way {
        Way::In => ("from", "limit"),
        Way::Out => ("to", "by"),
    };
    let _ = write!(
        out,
        "\n## {title}\n\n| what | traffic | {peer} | {limit} | why | settings |\n|---|---|---|---|---|---|\n"
    );
    for entry in ALL.iter().filter(|entry| entry.way == way) {
        let _ = writeln!(out, "{}", row(entry, (entry.pass)(asked).as_ref()));
    }
}

fn row(entry: &Entry, pass: Option<&Pass>) -> String {
    let (what, peer, more) = match pass {
        None => ("closed".to_owned(), "-".to_owned(), "-".to_owned()),
        Some(pass) => {
            let more = match entry.way {
                Way::In => pass.rate.map_or_else(|| "-".to_owned(), rate),
                Way::Out if pass.users.is_empty() => "all".to_owned(),
                Way::Out => pass.users.join(", "),
            };
            (traffic(&pass.traffic), peer(&pass.peer), more)
        }
    };
    let settings: Vec<String> = entry
        .settings
        .split(", ")
        .filter(|setting| !setting.is_empty())
        .map(|setting| format!("`{setting}`"))
        .collect();
    let settings = settings.join(", ");
    format!("| {} | {what} | {peer} | {more} | {} | {settings} |", entry.title, entry.why)
}

/// Kinds of traffic, for a person: `TCP 5222, 5223`.
#[must_use]
pub fn traffic(kinds: &[Traffic]) -> String {
    let one = |traffic: &Traffic| match traffic {
        Traffic::Tcp(ports) => format!("TCP {}", list(ports)),
        Traffic::Udp(ports) => format!("UDP {}", list(ports)),
        Traffic::Dhcp => "UDP 68 (DHCP), 546 (DHCPv6)".to_owned(),
        Traffic::Mdns => "UDP 5353 (mDNS)".to_owned(),
        Traffic::Neighbours => "ICMPv6 (neighbours, routers, groups), IGMP".to_owned(),
        Traffic::Errors => "ICMP, ICMPv6 (errors)".to_owned(),
        Traffic::Ping => "ICMP, ICMPv6 (echo)".to_owned(),
    };
    kinds.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn list(ports: &std::collections::BTreeSet<u16>) -> String {
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// The other end, for a person.
#[must_use]
pub fn peer(peer: &Peer) -> String {
    match peer {
        Peer::Anyone => "anywhere".to_owned(),
        Peer::Home => "home".to_owned(),
        Peer::HomeAnd(networks) => {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            format!("home, {}", networks.join(", "))
        }
    }
}

/// A limit, for a person.
#[must_use]
pub fn rate(rate: Rate) -> String {
    format!("{} a minute, {} at once", rate.per_minute, rate.burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/firewall.md");
        if std::env::var_os("SNUG_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap();
        assert!(kept == page(), "docs/firewall.md is out of date; run `just docs-generate`");
    }

    #[test]
    fn every_entry_has_its_row() {
        let page = page();
        for entry in ALL {
            assert!(page.contains(&format!("| {} |", entry.title)), "{}", entry.id);
        }
        assert!(page.contains("| Chat clients | TCP 5222, 5223 | home | 60 a minute"), "{page}");
        assert!(page.contains("| SSH | closed |"), "{page}");
    }
}
