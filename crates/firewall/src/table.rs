//! What may pass: one [`Entry`] each, in [`ALL`].
//!
//! To let something else pass: one entry here, then `just docs-generate`. Spec: RFC 4890 §4.4
//! (ICMPv6 that a host needs), RFC 4861, RFC 2131 §4.1, RFC 8415 §7.2, RFC 6762 §11.
//!
//! Invariants: an entry lets in what its own service listens on, by the settings of that service;
//! a service on loopback alone opens nothing; the order is that of the document and of the rules.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use config::{ChatFrom, Network};
use serde::Serialize;

use crate::{Asked, Choice};

/// Private, link-local and unique local addresses: the home's own network. The same list stands in
/// `snug-admin.service`. RFC 1918 §3, RFC 3927 §2.1.
pub const HOME_V4: &[&str] = &["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];

/// RFC 4193 §3.1, RFC 4291 §2.5.6.
pub const HOME_V6: &[&str] = &["fc00::/7", "fe80::/10"];

/// Users of Debian whose programs the rows name.
pub const USERS: &[&str] =
    &["_apt", "_chrony", "ntpsec", "root", "systemd-resolve", "systemd-timesync"];

/// Users of our own units, as in `systemd/snug.sysusers`.
pub const OWN_USERS: &[&str] = &["snug", "snug-admin"];

/// A row of the table as it can be.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Name of its counter and of its limit.
    pub id: &'static str,
    /// Which way.
    pub way: Way,
    /// What it is, for a person.
    pub title: &'static str,
    /// Why it may pass, and for whom.
    pub why: &'static str,
    /// Settings that change it; empty = none.
    pub settings: &'static str,
    /// What passes; `None` = nothing, by these settings.
    pub pass: fn(&Asked<'_>) -> Option<Pass>,
}

/// Which way a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To this machine.
    In,
    /// From this machine.
    Out,
}

/// What passes, and to or from whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pass {
    /// What.
    pub traffic: Vec<Traffic>,
    /// To or from whom.
    pub peer: Peer,
    /// Only for programs of these users; empty = for all.
    pub users: &'static [&'static str],
    /// Most new connections of one address.
    pub rate: Option<Rate>,
}

/// A kind of traffic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Traffic {
    /// These TCP ports.
    Tcp(BTreeSet<u16>),
    /// These UDP ports.
    Udp(BTreeSet<u16>),
    /// Getting an address from the router, DHCP and DHCPv6.
    Dhcp,
    /// Being found by name, mDNS.
    Mdns,
    /// Finding neighbours and routers, and joining groups: ICMPv6 and IGMP.
    Neighbours,
    /// News about one's own packets: not delivered, too big, too old. ICMP and ICMPv6.
    Errors,
    /// Being asked whether one is there.
    Ping,
}

/// To or from whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Peer {
    /// Anybody.
    Anyone,
    /// The home's own network.
    Home,
    /// The home's own network and these.
    HomeAnd(#[serde(serialize_with = "as_texts")] Vec<Network>),
}

fn as_texts<S: serde::Serializer>(all: &[Network], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(Network::to_string))
}

/// A bucket of new connections per address (IPv6: per /64, which is one home).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many come into the bucket each minute.
    pub per_minute: u32,
    /// How many it holds.
    pub burst: u32,
}

/// A browser opens six connections at once and many per page; a family behind one address does so
/// several times over.
const PANEL_RATE: Rate = Rate { per_minute: 300, burst: 200 };

/// All devices of a family may come back at once, from one address, when a network returns.
const CHAT_RATE: Rate = Rate { per_minute: 60, burst: 100 };

/// A gateway keeps one connection.
const COMPONENT_RATE: Rate = Rate { per_minute: 30, burst: 30 };

/// For a person at a keyboard; too slow for guessing.
const SSH_RATE: Rate = Rate { per_minute: 6, burst: 12 };

/// Every entry.
pub const ALL: &[Entry] = &[
    Entry {
        id: "in_panel",
        way: Way::In,
        title: "Web panel and health page",
        why: "The family's own pages, over HTTPS.",
        settings: "panel.listen, panel.lan_only",
        pass: panel,
    },
    Entry {
        id: "in_chat",
        way: Way::In,
        title: "Chat clients",
        why: "XMPP over TLS.",
        settings: "c2s.starttls, c2s.direct_tls, firewall.chat_from",
        pass: chat,
    },
    Entry {
        id: "in_components",
        way: Way::In,
        title: "Components on other machines",
        why: "Gateways that do not run on this machine, if `components.beyond_loopback` allows any.",
        settings: "components.listen",
        pass: components,
    },
    Entry {
        id: "in_ssh",
        way: Way::In,
        title: "SSH",
        why: "For whoever looks after the machine by a terminal.",
        settings: "firewall.ssh",
        pass: |asked| {
            let ssh =
                || Pass { rate: Some(SSH_RATE), ..Pass::of(Traffic::Tcp([22].into()), Peer::Home) };
            asked.config.firewall.ssh.then(ssh)
        },
    },
    Entry {
        id: "in_mdns",
        way: Way::In,
        title: "Being found as snug.local",
        why: "Questions to the home's names, mDNS.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Mdns, Peer::Home)),
    },
    Entry {
        id: "in_dhcp",
        way: Way::In,
        title: "An address from the router",
        why: "The router's answers.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Dhcp, Peer::Anyone)),
    },
    Entry {
        id: "in_neighbours",
        way: Way::In,
        title: "Neighbours and routers",
        why: "Without them IPv6 does not work at all; and keeping groups together, for mDNS.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Neighbours, Peer::Anyone)),
    },
    Entry {
        id: "in_errors",
        way: Way::In,
        title: "News about own packets",
        why: "Without them long messages get stuck on the way.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Errors, Peer::Anyone)),
    },
    Entry {
        id: "in_ping",
        way: Way::In,
        title: "Ping",
        why: "Is the box there? Ten a second in all.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Ping, Peer::Anyone)),
    },
    Entry {
        id: "out_names",
        way: Way::Out,
        title: "Looking up names",
        why: "For the two below.",
        settings: "",
        pass: |_| {
            let traffic = vec![Traffic::Tcp([53].into()), Traffic::Udp([53].into())];
            Some(Pass { users: USERS, traffic, peer: Peer::Anyone, rate: None })
        },
    },
    Entry {
        id: "out_time",
        way: Way::Out,
        title: "The time of day",
        why: "By the system: certificates need a clock that is right.",
        settings: "",
        pass: |_| {
            let users = &["_chrony", "ntpsec", "systemd-timesync"];
            Some(Pass { users, ..Pass::of(Traffic::Udp([123].into()), Peer::Anyone) })
        },
    },
    Entry {
        id: "out_updates",
        way: Way::Out,
        title: "Security updates",
        why: "By the system, from where its sources are.",
        settings: "",
        pass: |_| {
            let users = &["_apt", "root"];
            Some(Pass { users, ..Pass::of(Traffic::Tcp([80, 443].into()), Peer::Anyone) })
        },
    },
    Entry {
        id: "out_mdns",
        way: Way::Out,
        title: "Being found as snug.local",
        why: "Answers about the home's names.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Mdns, Peer::Home)),
    },
    Entry {
        id: "out_dhcp",
        way: Way::Out,
        title: "An address from the router",
        why: "Asking for one.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Dhcp, Peer::Anyone)),
    },
    Entry {
        id: "out_neighbours",
        way: Way::Out,
        title: "Neighbours and routers",
        why: "As above.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Neighbours, Peer::Anyone)),
    },
    Entry {
        id: "out_errors",
        way: Way::Out,
        title: "News about others' packets",
        why: "As above.",
        settings: "",
        pass: |_| Some(Pass::of(Traffic::Errors, Peer::Anyone)),
    },
    Entry {
        id: "out_ping",
        way: Way::Out,
        title: "Ping",
        why: "Is the network there? For whoever looks for a fault.",
        settings: "",
        pass: |_| Some(Pass { users: &["root"], ..Pass::of(Traffic::Ping, Peer::Anyone) }),
    },
];

/// The rows that let something pass, by what is asked.
#[must_use]
pub fn rows(asked: &Asked<'_>) -> Vec<(&'static Entry, Pass)> {
    ALL.iter().filter_map(|entry| Some((entry, (entry.pass)(asked)?))).collect()
}

impl Pass {
    fn of(traffic: Traffic, peer: Peer) -> Self {
        Self { traffic: vec![traffic], peer, users: &[], rate: None }
    }
}

/// Ports of listeners that other machines can reach.
fn ports(listeners: &[SocketAddr]) -> BTreeSet<u16> {
    let outside = listeners.iter().filter(|a| !a.ip().to_canonical().is_loopback());
    // Port 0 is any free port, for tests.
    outside.map(SocketAddr::port).filter(|port| *port != 0).collect()
}

fn listening(ports: BTreeSet<u16>, peer: Peer, rate: Rate) -> Option<Pass> {
    let pass = || Pass { rate: Some(rate), ..Pass::of(Traffic::Tcp(ports.clone()), peer) };
    (!ports.is_empty()).then(pass)
}

fn panel(asked: &Asked<'_>) -> Option<Pass> {
    let panel = &asked.config.panel;
    let peer = if panel.lan_only { Peer::Home } else { Peer::Anyone };
    listening(ports(&panel.listen), peer, PANEL_RATE)
}

fn chat(asked: &Asked<'_>) -> Option<Pass> {
    let c2s = &asked.config.c2s;
    let mut both = ports(&c2s.starttls);
    both.extend(ports(&c2s.direct_tls));
    let peer = match (&asked.config.firewall.chat_from, asked.choice) {
        (ChatFrom::Lan, _) | (ChatFrom::Panel, Choice::Lan) => Peer::Home,
        (ChatFrom::Everywhere, _) | (ChatFrom::Panel, Choice::Everywhere) => Peer::Anyone,
        (ChatFrom::Networks(networks), _) => Peer::HomeAnd(networks.clone()),
    };
    listening(both, peer, CHAT_RATE)
}

fn components(asked: &Asked<'_>) -> Option<Pass> {
    listening(ports(&asked.config.components.listen), Peer::Home, COMPONENT_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Config;

    fn pass(id: &str, settings: &str, choice: Choice) -> Option<Pass> {
        let config = Config::parse(settings, "test").unwrap();
        let asked = Asked { config: &config, choice, users: &[] };
        rows(&asked).into_iter().find(|(entry, _)| entry.id == id).map(|(_, pass)| pass)
    }

    /// TCP ports and the peer of a row.
    fn open(id: &str, settings: &str, choice: Choice) -> Option<(Vec<u16>, Peer)> {
        let pass = pass(id, settings, choice)?;
        let Some(Traffic::Tcp(ports)) = pass.traffic.first() else { return None };
        Some((ports.iter().copied().collect(), pass.peer))
    }

    #[test]
    fn ids_are_unique_and_say_the_way() {
        let ids: BTreeSet<&str> = ALL.iter().map(|e| e.id).collect();
        assert_eq!(ids.len(), ALL.len());
        for entry in ALL {
            let way = if entry.way == Way::In { "in_" } else { "out_" };
            assert!(entry.id.starts_with(way), "{}", entry.id);
        }
    }

    #[test]
    fn ports_follow_the_settings_of_the_services() {
        let networks = vec!["203.0.113.0/24".parse().unwrap()];
        for (id, settings, choice, wanted) in [
            ("in_panel", "", Choice::Everywhere, Some((vec![443], Peer::Home))),
            ("in_panel", "[panel]\nlan_only = false", Choice::Lan, Some((vec![443], Peer::Anyone))),
            (
                "in_panel",
                "[panel]\nlisten = [\"0.0.0.0:8443\", \"[::1]:443\"]",
                Choice::Lan,
                Some((vec![8443], Peer::Home)),
            ),
            ("in_panel", "[panel]\nlisten = [\"[::1]:443\"]", Choice::Lan, None),
            ("in_chat", "", Choice::Lan, Some((vec![5222, 5223], Peer::Home))),
            ("in_chat", "", Choice::Everywhere, Some((vec![5222, 5223], Peer::Anyone))),
            (
                "in_chat",
                "[firewall]\nchat_from = [\"lan\"]\n[c2s]\nstarttls = []",
                Choice::Everywhere,
                Some((vec![5223], Peer::Home)),
            ),
            (
                "in_chat",
                "[firewall]\nchat_from = [\"everywhere\"]",
                Choice::Lan,
                Some((vec![5222, 5223], Peer::Anyone)),
            ),
            (
                "in_chat",
                "[firewall]\nchat_from = [\"203.0.113.0/24\"]",
                Choice::Everywhere,
                Some((vec![5222, 5223], Peer::HomeAnd(networks))),
            ),
            ("in_components", "", Choice::Everywhere, None),
            (
                "in_components",
                "[components]\nlisten = [\"127.0.0.1:5347\"]",
                Choice::Everywhere,
                None,
            ),
            (
                "in_components",
                "[components]\nlisten = [\"[::]:5347\"]\nbeyond_loopback = true",
                Choice::Everywhere,
                Some((vec![5347], Peer::Home)),
            ),
            ("in_ssh", "", Choice::Everywhere, None),
            ("in_ssh", "[firewall]\nssh = true", Choice::Lan, Some((vec![22], Peer::Home))),
        ] {
            assert_eq!(open(id, settings, choice), wanted, "{id} {settings} {choice:?}");
        }
    }

    #[test]
    fn the_home_is_the_same_network_for_the_unit_of_the_panel() {
        let unit = include_str!("../../../systemd/snug-admin.service");
        let allowed = unit.lines().find_map(|l| l.strip_prefix("IPAddressAllow=")).unwrap();
        // `link-local` of systemd.resource-control(5) is 169.254.0.0/16 and fe80::/64.
        let named = ["169.254.0.0/16", "fe80::/10"];
        for network in HOME_V4.iter().chain(HOME_V6).filter(|n| !named.contains(n)) {
            assert!(allowed.split(' ').any(|word| word == *network), "{network}");
        }
        assert!(allowed.contains("link-local"));
    }

    #[test]
    fn own_users_are_those_of_the_units() {
        let sysusers = include_str!("../../../systemd/snug.sysusers");
        let users = sysusers.lines().filter_map(|l| l.strip_prefix("u ")?.split(' ').next());
        assert_eq!(users.collect::<Vec<_>>(), OWN_USERS);
    }

    #[test]
    fn snug_itself_goes_nowhere() {
        for (entry, pass) in
            rows(&Asked { config: &Config::default(), choice: Choice::Lan, users: &[] })
        {
            assert!(!pass.users.iter().any(|user| OWN_USERS.contains(user)), "{}", entry.id);
            let to_anybody = entry.way == Way::Out
                && pass.users.is_empty()
                && pass.traffic.iter().any(|t| matches!(t, Traffic::Tcp(_) | Traffic::Udp(_)));
            assert!(!to_anybody, "{} is for all users", entry.id);
        }
    }
}
