//! `[firewall]`: who may connect from where, and networks.
//!
//! Spec: RFC 4632 §3.1 and RFC 4291 §2.3 (prefix notation). Invariant: a [`Network`] has no bits
//! set behind its prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::Serialize;

use crate::check::{At, wrong, wrong_text};
use crate::file::{self, List};

/// Networks per list. A home has one, a family with a few offices or a VPN some more.
const NETWORKS_MAX: usize = 32;

/// The rules that `snug firewall` makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Firewall {
    /// From where chat clients may connect.
    pub chat_from: ChatFrom,
    /// Networks that count as the home's own, beside the private ones.
    pub home: Vec<Network>,
    /// Let SSH in from the home's network.
    pub ssh: bool,
}

/// From where chat clients may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatFrom {
    /// As an administrator chose in the panel; the home's network until then.
    #[default]
    Panel,
    /// The home's network.
    Lan,
    /// Anywhere.
    Everywhere,
    /// The home's network and these.
    Networks(Vec<Network>),
}

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

impl Network {
    /// The first address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How many first bits are the same, 0 to 32 or 128.
    #[must_use]
    pub const fn prefix_bits(&self) -> u8 {
        self.prefix_bits
    }
}

/// The text is no network, or has bits set behind its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotANetwork;

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) = text.split_once('/').ok_or(NotANetwork)?;
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let digits = (1..=3).contains(&bits.len()) && bits.bytes().all(|b| b.is_ascii_digit());
        let prefix_bits: u8 = bits.parse().ok().filter(|_| digits).ok_or(NotANetwork)?;
        let (rest, most) = match address {
            IpAddr::V4(v4) => {
                (u32::from(v4).checked_shl(prefix_bits.into()).unwrap_or(0).into(), 32)
            }
            IpAddr::V6(v6) => (u128::from(v6).checked_shl(prefix_bits.into()).unwrap_or(0), 128),
        };
        // An IPv4 network in IPv6 clothes would match nothing.
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        if prefix_bits > most || rest != 0 || mapped {
            return Err(NotANetwork);
        }
        Ok(Self { address, prefix_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// From the file as it is written.
pub(crate) fn parse(f: file::Firewall) -> Result<Firewall, At> {
    Ok(Firewall {
        chat_from: chat_from(f.chat_from)?,
        home: networks("firewall.home", f.home)?,
        ssh: f.ssh.is_some_and(toml::Spanned::into_inner),
    })
}

/// One word, or a list of networks.
fn chat_from(value: List) -> Result<ChatFrom, At> {
    let key = "firewall.chat_from";
    let Some(list) = &value else { return Ok(ChatFrom::default()) };
    let at = list.span().start;
    match list.get_ref().as_slice() {
        [] => return Err(wrong(key, at, "an empty list")),
        [word] => match word.get_ref().as_str() {
            "panel" => return Ok(ChatFrom::Panel),
            "lan" => return Ok(ChatFrom::Lan),
            "everywhere" => return Ok(ChatFrom::Everywhere),
            _ => {}
        },
        _ => {}
    }
    Ok(ChatFrom::Networks(networks(key, value)?))
}

fn networks(key: &'static str, value: List) -> Result<Vec<Network>, At> {
    let Some(list) = value else { return Ok(Vec::new()) };
    let at = list.span().start;
    let list = list.into_inner();
    if list.len() > NETWORKS_MAX {
        return Err(wrong(key, at, &format!("a list of {}", list.len())));
    }
    list.into_iter().map(|n| n.get_ref().parse().map_err(|_| wrong_text(key, &n))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_written() {
        for text in
            ["10.0.0.0/8", "192.0.2.7/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "fe80::1/128"]
        {
            assert_eq!(text.parse::<Network>().map(|n| n.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/ 8",
            "2001:db8::1/64",
            "2001:db8::/129",
            "::ffff:10.0.0.0/104",
            "home/8",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NotANetwork), "{text}");
        }
    }
}
