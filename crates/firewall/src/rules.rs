//! The rows in the language of nft(8).
//!
//! The text replaces our table as a whole: nftables loads a file in one step or not at all, so that
//! there is no moment without rules. Every row has a counter of its name.
//!
//! Who may go out is told by the user of the program (`meta skuid`): each of our units has a user
//! of its own. The control group of a unit would be closer, but nftables looks up its number when
//! the rules are loaded, at which time the unit may not run yet, and each start of the unit gives
//! another one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use config::Network;

use crate::table::{Entry, HOME_V4, HOME_V6, OWN_USERS, Pass, Peer, Rate, Traffic, Way, rows};
use crate::{Asked, TABLE};

/// Addresses of which new connections are counted, per limit: as many as a busy evening has. When
/// it is full, a further address is not limited, but not shut out either.
const COUNTED_ADDRESSES_MAX: u32 = 4096;

/// RFC 6762 §3.
const MDNS_V4: &str = "224.0.0.251";
/// RFC 6762 §3.
const MDNS_V6: &str = "ff02::fb";

/// Takes our table away; also what a machine had before it had rules of ours.
pub const NOTHING: &str = "add table inet snug\ndelete table inet snug\n";

/// Rules that depend on nothing: for a machine on which neither the settings nor what was good
/// before can be loaded.
pub const BARE: &str = include_str!("bare.nft");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl Family {
    const BOTH: [Self; 2] = [Self::V4, Self::V6];

    const fn ip(self) -> &'static str {
        if matches!(self, Self::V4) { "ip" } else { "ip6" }
    }

    const fn digit(self) -> &'static str {
        if matches!(self, Self::V4) { "4" } else { "6" }
    }

    const fn is_of(self, network: &Network) -> bool {
        matches!(self, Self::V4) == network.address().is_ipv4()
    }
}

/// The whole file.
#[must_use]
pub fn text(asked: &Asked<'_>) -> String {
    let rows = rows(asked);
    let mut out = format!(
        "# Made by `snug firewall` from the settings; changes here are lost.\n\
         add table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n"
    );
    for (entry, _) in &rows {
        counter(&mut out, entry.id);
    }
    for id in ["in_too_many", "in_dropped", "through_dropped", "out_own", "out_dropped"] {
        counter(&mut out, id);
    }
    sets(&mut out, asked, &rows);
    input(&mut out, &rows);
    out.push_str(
        "    chain forward {\n        type filter hook forward priority filter; policy drop;\n        \
         counter name \"through_dropped\"\n    }\n",
    );
    output(&mut out, asked.users, &rows);
    out.push_str("}\n");
    out
}

fn counter(out: &mut String, id: &str) {
    line(out, 1, &format!("counter {id} {{ }}"));
}

fn line(out: &mut String, depth: usize, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{:1$}{text}", "", depth * 4);
}

fn sets(out: &mut String, asked: &Asked<'_>, rows: &[(&Entry, Pass)]) {
    for family in Family::BOTH {
        let private = if family == Family::V4 { HOME_V4 } else { HOME_V6 };
        let own = asked.config.firewall.home.iter().filter(|n| family.is_of(n));
        let all = private.iter().map(|n| (*n).to_owned()).chain(own.map(Network::to_string));
        set(out, family, "home", &all.collect::<Vec<_>>());
        for (entry, pass) in rows {
            if let Peer::HomeAnd(networks) = &pass.peer {
                let more = networks.iter().filter(|n| family.is_of(n)).map(Network::to_string);
                set(out, family, entry.id, &more.collect::<Vec<_>>());
            }
            if pass.rate.is_some() {
                let digit = family.digit();
                line(out, 1, &format!("set new_{}{digit} {{", entry.id));
                line(out, 2, &format!("type ipv{digit}_addr; flags dynamic, timeout; timeout 2m;"));
                line(out, 2, &format!("size {COUNTED_ADDRESSES_MAX};"));
                line(out, 1, "}");
            }
        }
    }
}

/// A set of networks, which may overlap. An empty one matches nothing.
fn set(out: &mut String, family: Family, name: &str, networks: &[String]) {
    let digit = family.digit();
    line(out, 1, &format!("set {name}{digit} {{"));
    line(out, 2, &format!("type ipv{digit}_addr; flags interval; auto-merge;"));
    if !networks.is_empty() {
        line(out, 2, &format!("elements = {{ {} }}", networks.join(", ")));
    }
    line(out, 1, "}");
}

fn input(out: &mut String, rows: &[(&Entry, Pass)]) {
    line(out, 1, "chain input {");
    line(out, 2, "type filter hook input priority filter; policy drop;");
    line(out, 2, "iif \"lo\" accept");
    line(out, 2, "ct state vmap { established : accept, related : accept, invalid : drop }");
    for (entry, pass) in rows.iter().filter(|(entry, _)| entry.way == Way::In) {
        for family in Family::BOTH {
            let from = peers(entry, pass, family, "saddr");
            for (from, what) in from.iter().flat_map(|from| {
                pass.traffic
                    .iter()
                    .flat_map(move |t| matches(t, Way::In, family))
                    .map(move |w| (from, w))
            }) {
                let matched = joined(&[from, &what]);
                if let Some(rate) = pass.rate {
                    line(out, 2, &format!("{matched} {}", too_many(entry.id, family, rate)));
                }
                line(out, 2, &format!("{matched} counter name \"{}\" accept", entry.id));
            }
        }
    }
    line(out, 2, "counter name \"in_dropped\"");
    line(out, 1, "}");
}

/// Drops what comes too often from one address; of IPv6 from one /64, which is one home.
fn too_many(id: &str, family: Family, rate: Rate) -> String {
    let digit = family.digit();
    let address =
        if family == Family::V4 { "ip saddr" } else { "ip6 saddr and ffff:ffff:ffff:ffff::" };
    format!(
        "update @new_{id}{digit} {{ {address} limit rate over {}/minute burst {} packets }} \
         counter name \"in_too_many\" drop",
        rate.per_minute, rate.burst
    )
}

fn output(out: &mut String, here: &[String], rows: &[(&Entry, Pass)]) {
    line(out, 1, "chain output {");
    line(out, 2, "type filter hook output priority filter; policy drop;");
    line(out, 2, "oif \"lo\" accept");
    line(out, 2, "ct state vmap { established : accept, related : accept, invalid : drop }");
    let is_here = |user: &str| here.iter().any(|one| one == user);
    let own: Vec<&str> = OWN_USERS.iter().copied().filter(|user| is_here(user)).collect();
    if !own.is_empty() {
        line(out, 2, &format!("{} counter name \"out_own\" drop", of_users(&own)));
    }
    for (entry, pass) in rows.iter().filter(|(entry, _)| entry.way == Way::Out) {
        let users: Vec<&str> = pass.users.iter().copied().filter(|user| is_here(user)).collect();
        if users.is_empty() && !pass.users.is_empty() {
            continue;
        }
        let who = if users.is_empty() { String::new() } else { of_users(&users) };
        for family in Family::BOTH {
            for what in pass.traffic.iter().flat_map(|t| matches(t, Way::Out, family)) {
                for to in peers(entry, pass, family, "daddr") {
                    // Names are asked for by multicast, which is at home by its scope.
                    let to = if pass.traffic == [Traffic::Mdns] { "" } else { &to };
                    let matched = joined(&[&who, to, &what]);
                    line(out, 2, &format!("{matched} counter name \"{}\" accept", entry.id));
                }
            }
        }
    }
    line(out, 2, "counter name \"out_dropped\"");
    line(out, 1, "}");
}

fn of_users(users: &[&str]) -> String {
    let quoted: Vec<String> = users.iter().map(|user| format!("\"{user}\"")).collect();
    format!("meta skuid {{ {} }}", quoted.join(", "))
}

fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Matches of the other end's address; each stands in a rule of its own.
fn peers(entry: &Entry, pass: &Pass, family: Family, side: &str) -> Vec<String> {
    let (ip, digit) = (family.ip(), family.digit());
    let within = |set: &str| format!("{ip} {side} @{set}{digit}");
    match &pass.peer {
        Peer::Anyone => vec![format!("meta nfproto ipv{digit}")],
        Peer::Home => vec![within("home")],
        Peer::HomeAnd(_) => vec![within("home"), within(entry.id)],
    }
}

/// Matches of the traffic itself, for one family.
fn matches(traffic: &Traffic, way: Way, family: Family) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match (traffic, way, family) {
        (Traffic::Tcp(ports), ..) => vec![format!("tcp dport {}", list(ports))],
        (Traffic::Udp(ports), ..) => vec![format!("udp dport {}", list(ports))],
        // RFC 2131 §4.1; RFC 8415 §7.2 and §16: between link-local addresses.
        (Traffic::Dhcp, Way::In, Family::V4) => one("udp sport 67 udp dport 68"),
        (Traffic::Dhcp, Way::Out, Family::V4) => one("udp sport 68 udp dport 67"),
        (Traffic::Dhcp, Way::In, Family::V6) => {
            one("ip6 saddr fe80::/10 udp sport 547 udp dport 546")
        }
        (Traffic::Dhcp, Way::Out, Family::V6) => {
            one("ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547")
        }
        (Traffic::Mdns, Way::In, _) => one("udp dport 5353"),
        // RFC 6762 §6.7: an answer to a simple resolver goes to the port that asked.
        (Traffic::Mdns, Way::Out, Family::V4) => {
            vec![format!("ip daddr {MDNS_V4} udp dport 5353"), one_home("ip", "4")]
        }
        (Traffic::Mdns, Way::Out, Family::V6) => {
            vec![format!("ip6 daddr {MDNS_V6} udp dport 5353"), one_home("ip6", "6")]
        }
        // Group membership, for switches that look into it.
        (Traffic::Neighbours, Way::In, Family::V4) => one("ip saddr @home4 ip protocol igmp"),
        (Traffic::Neighbours, Way::Out, Family::V4) => one("ip protocol igmp"),
        // RFC 4861 §6.1.2, §7.1: nothing that a router passed on is a neighbour's.
        (Traffic::Neighbours, Way::In, Family::V6) => vec![
            "ip6 hoplimit 255 icmpv6 type { nd-router-advert, nd-neighbor-solicit, \
             nd-neighbor-advert }"
                .to_owned(),
            "ip6 saddr fe80::/10 icmpv6 type { mld-listener-query, mld-listener-report, \
             mld-listener-done, mld2-listener-report }"
                .to_owned(),
        ],
        (Traffic::Neighbours, Way::Out, Family::V6) => {
            one("icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, \
             mld-listener-report, mld-listener-done, mld2-listener-report }")
        }
        (Traffic::Errors, _, Family::V4) => {
            one("icmp type { destination-unreachable, time-exceeded, parameter-problem }")
        }
        // RFC 4890 §4.4.1
        (Traffic::Errors, _, Family::V6) => {
            one("icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, \
             parameter-problem }")
        }
        (Traffic::Ping, Way::In, Family::V4) => {
            one("icmp type echo-request limit rate 10/second burst 20 packets")
        }
        (Traffic::Ping, Way::In, Family::V6) => {
            one("icmpv6 type echo-request limit rate 10/second burst 20 packets")
        }
        (Traffic::Ping, Way::Out, Family::V4) => one("icmp type echo-request"),
        (Traffic::Ping, Way::Out, Family::V6) => one("icmpv6 type echo-request"),
    }
}

/// Answers of mDNS to one device at home.
fn one_home(ip: &str, digit: &str) -> String {
    format!("{ip} daddr @home{digit} udp sport 5353")
}

fn list(ports: &BTreeSet<u16>) -> String {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    format!("{{ {} }}", ports.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Choice;
    use config::Config;

    fn made(settings: &str, choice: Choice, users: &[&str]) -> String {
        let config = Config::parse(settings, "test").unwrap();
        let users: Vec<String> = users.iter().map(|u| (*u).to_owned()).collect();
        text(&Asked { config: &config, choice, users: &users })
    }

    #[test]
    fn everything_is_dropped_unless_a_row_lets_it_pass() {
        let text = made("", Choice::Lan, &[]);
        for hook in ["input", "forward", "output"] {
            let chain = format!("type filter hook {hook} priority filter; policy drop;");
            assert!(text.contains(&chain), "{text}");
        }
        assert!(text.contains("\nadd table inet snug\ndelete table inet snug\n"), "in one step");
        assert_eq!(text.matches('{').count(), text.matches('}').count());
    }

    #[test]
    fn the_bare_rules_know_the_home_and_the_usual_ports() {
        for network in HOME_V4.iter().chain(HOME_V6) {
            assert!(BARE.contains(network), "{network}");
        }
        let usual = made("", Choice::Lan, &[]);
        assert!(usual.contains("{ 443 }") && usual.contains("{ 5222, 5223 }"));
        assert!(BARE.contains("tcp dport { 443, 5222, 5223 }") && BARE.contains("policy drop"));
        assert!(BARE.contains(NOTHING) && usual.contains(NOTHING), "both replace the table");
    }

    #[test]
    fn the_choice_changes_the_chat_rules_and_nothing_else() {
        let (lan, everywhere) = (made("", Choice::Lan, &[]), made("", Choice::Everywhere, &[]));
        let only_in = |a: &str, b: &str| -> Vec<String> {
            a.lines().filter(|l| !b.contains(l)).map(|l| l.trim().to_owned()).collect()
        };
        for line in only_in(&lan, &everywhere) {
            assert!(line.contains("saddr @home") && line.contains("{ 5222, 5223 }"), "{line}");
        }
        for line in only_in(&everywhere, &lan) {
            assert!(line.contains("meta nfproto ipv") && line.contains("{ 5222, 5223 }"), "{line}");
        }
        assert_eq!(only_in(&everywhere, &lan).len(), 4, "limit and accept, twice");
    }

    #[test]
    fn only_users_that_exist_are_named() {
        let text = made("", Choice::Lan, &["root", "systemd-timesync", "snug", "snug-admin"]);
        assert!(text.contains("meta skuid { \"systemd-timesync\" } meta nfproto ipv4 udp dport"));
        assert!(text.contains("meta skuid { \"snug\", \"snug-admin\" } counter name \"out_own\""));
        assert!(!text.contains("_apt"), "{text}");
        // Nobody keeps the time: nothing may leave for it.
        assert!(!made("", Choice::Lan, &["root"]).contains("udp dport { 123 }"));
    }

    #[test]
    fn networks_are_in_the_set_of_their_family() {
        let settings = "[firewall]\nchat_from = [\"203.0.113.0/24\", \"2001:db8:5::/48\"]\n\
                        home = [\"10.9.0.0/16\", \"2001:db8:7::/64\"]\n";
        let text = made(settings, Choice::Lan, &[]);
        for wanted in [
            "elements = { 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 10.9.0.0/16 }",
            "elements = { fc00::/7, fe80::/10, 2001:db8:7::/64 }",
            "elements = { 203.0.113.0/24 }",
            "elements = { 2001:db8:5::/48 }",
            "ip saddr @in_chat4 tcp dport { 5222, 5223 } counter name \"in_chat\" accept",
            "ip6 saddr @home6 tcp dport { 5222, 5223 } counter name \"in_chat\" accept",
        ] {
            assert!(text.contains(wanted), "{wanted}\n{text}");
        }
        let v4_only = made("[firewall]\nchat_from = [\"203.0.113.0/24\"]", Choice::Lan, &[]);
        assert!(v4_only.contains(
            "set in_chat6 {\n        type ipv6_addr; flags interval; auto-merge;\n    }"
        ));
    }
}
