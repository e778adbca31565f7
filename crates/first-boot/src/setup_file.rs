//! `snug-setup.toml`: the file that a person may put on the card's boot partition, with any editor
//! on any computer.
//!
//! Invariants: unknown keys and sections are refused by name, never skipped; all wrong values are
//! told at once, each with its line; a Wi-Fi password or SSH key is never repeated in a fault. A
//! byte-order mark and Windows' line ends are as good as none.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;
use toml::Spanned;

use crate::wishes::{
    Address, DEFAULT_USER, Fault, Language, Login, NAME_SERVERS_MAX, SSH_KEYS_MAX, Wifi, Wishes,
    is_chat_name, is_country, is_domain, is_hostname, is_ssh_key, is_user, is_wifi_name,
    is_zone_name, wifi_key,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    home: Option<Home>,
    wifi: Option<WifiTable>,
    network: Option<Network>,
    ssh: Option<Ssh>,
}

type Text = Option<Spanned<String>>;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Home {
    hostname: Text,
    name: Text,
    admin: Text,
    language: Text,
    timezone: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WifiTable {
    name: Spanned<String>,
    password: Text,
    country: Spanned<String>,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    address: Spanned<String>,
    gateway: Spanned<String>,
    #[serde(default)]
    name_servers: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ssh {
    user: Text,
    keys: Spanned<Vec<Spanned<String>>>,
}

/// What the bytes of the file wish for. `zone_exists` knows the time zones of the disk.
///
/// # Errors
/// All faults found, at least one.
pub(crate) fn parse(
    bytes: &[u8],
    zone_exists: &dyn Fn(&str) -> bool,
) -> Result<Wishes, Vec<Fault>> {
    let text = text_of(bytes).map_err(|fault| vec![fault])?;
    let file: File = toml::from_str(text).map_err(|e| {
        let line = e.span().map(|span| line_of(text, span.start));
        vec![Fault { line, text: e.message().trim().replace('\n', "; ") }]
    })?;
    let mut reader = Reader { text, faults: Vec::new() };
    let wishes = reader.wishes(file, zone_exists);
    if reader.faults.is_empty() { Ok(wishes) } else { Err(reader.faults) }
}

/// The file as text, without a byte-order mark.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Fault> {
    let without = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(without).map_err(|e| {
        let before = without.get(..e.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        let text = "this is not UTF-8; save the file again with the encoding UTF-8".to_owned();
        Fault { line: Some(line), text }
    })
}

/// The line, from 1, that byte `at` of `text` is on.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

/// Reads values and collects what is wrong with them.
struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, at: usize, text: String) {
        self.faults.push(Fault { line: Some(line_of(self.text, at)), text });
    }

    /// The value, if `right` says so; else a fault that names `key` and what it must be.
    fn checked(
        &mut self,
        key: &str,
        value: Spanned<String>,
        right: impl Fn(&str) -> bool,
        must: &str,
    ) -> Option<String> {
        if right(value.get_ref()) {
            return Some(value.into_inner());
        }
        self.fault(value.span().start, format!("`{key}` must be {must}"));
        None
    }

    fn wishes(&mut self, file: File, zone_exists: &dyn Fn(&str) -> bool) -> Wishes {
        let home = file.home.unwrap_or_default();
        Wishes {
            hostname: home.hostname.and_then(|v| {
                let must = "a name of small letters, digits and hyphens, such as \"snug\"";
                self.checked("home.hostname", v, is_hostname, must)
            }),
            home: home.name.and_then(|v| {
                let must = "a domain in small letters, such as \"snug.local\"";
                self.checked("home.name", v, is_domain, must)
            }),
            admin: home.admin.and_then(|v| {
                let must = "a chat name in small letters, such as \"ann\"";
                self.checked("home.admin", v, is_chat_name, must)
            }),
            language: home.language.and_then(|v| self.language(&v)),
            timezone: home.timezone.and_then(|v| {
                let must = "a time zone such as \"Europe/Berlin\"";
                self.checked("home.timezone", v, |z| is_zone_name(z) && zone_exists(z), must)
            }),
            wifi: file.wifi.and_then(|w| self.wifi(w)),
            address: file.network.and_then(|n| self.address(n)),
            login: file.ssh.and_then(|s| self.login(s)),
        }
    }

    fn language(&mut self, value: &Spanned<String>) -> Option<Language> {
        match value.get_ref().as_str() {
            "en" => Some(Language::English),
            "de" => Some(Language::German),
            _ => {
                self.fault(value.span().start, "`home.language` must be \"en\" or \"de\"".into());
                None
            }
        }
    }

    fn wifi(&mut self, table: WifiTable) -> Option<Wifi> {
        let must = "the name of the network, of 1 to 32 bytes";
        let name = self.checked("wifi.name", table.name, is_wifi_name, must);
        let must = "the country's two capital letters, such as \"DE\"";
        let country = self.checked("wifi.country", table.country, is_country, must);
        let password = match table.password {
            None => None,
            Some(value) => {
                let key = wifi_key(value.get_ref());
                if key.is_none() {
                    let must = "`wifi.password` must have 8 to 63 characters without accents \
                                (or be 64 hexadecimal digits); leave the line out for an open \
                                network";
                    self.fault(value.span().start, must.to_owned());
                    return None;
                }
                key
            }
        };
        Some(Wifi { name: name?, password, country: country?, hidden: table.hidden })
    }

    fn address(&mut self, table: Network) -> Option<Address> {
        let at = table.address.span().start;
        let Some((ip, bits)) = ip_and_bits(table.address.get_ref()) else {
            let must = "`network.address` must be an address with the bits of its network, such \
                        as \"192.168.1.20/24\"";
            self.fault(at, must.to_owned());
            return None;
        };
        let gateway = table.gateway.get_ref().parse::<Ipv4Addr>().ok();
        let mask = u32::MAX << (32 - u32::from(bits));
        let same = |g: &Ipv4Addr| u32::from(*g) & mask == u32::from(ip) & mask && *g != ip;
        let Some(gateway) = gateway.filter(same) else {
            let must = "`network.gateway` must be the router's address in the same network, such \
                        as \"192.168.1.1\"";
            self.fault(table.gateway.span().start, must.to_owned());
            return None;
        };
        let mut name_servers = Vec::new();
        for server in table.name_servers {
            match server.get_ref().parse::<IpAddr>() {
                Ok(server) if name_servers.len() < NAME_SERVERS_MAX => name_servers.push(server),
                _ => {
                    let must = "`network.name_servers` must be up to three addresses, such as \
                                [\"192.168.1.1\"]";
                    self.fault(server.span().start, must.to_owned());
                    return None;
                }
            }
        }
        // A router at home answers for names as well.
        if name_servers.is_empty() {
            name_servers.push(gateway.into());
        }
        Some(Address { ip, bits, gateway, name_servers })
    }

    fn login(&mut self, table: Ssh) -> Option<Login> {
        let user = match table.user {
            None => Some(DEFAULT_USER.to_owned()),
            Some(v) => {
                let must = "a new user's name in small letters, such as \"keeper\"";
                self.checked("ssh.user", v, is_user, must)
            }
        };
        let mut keys = Vec::new();
        if table.keys.get_ref().is_empty() {
            let must = "`ssh.keys` is empty; name a public key, or leave [ssh] out";
            self.fault(table.keys.span().start, must.to_owned());
        }
        for key in table.keys.into_inner() {
            if keys.len() >= SSH_KEYS_MAX || !is_ssh_key(key.get_ref().trim()) {
                let must = "`ssh.keys` must be up to 20 public keys, each as in a file such as \
                            id_ed25519.pub";
                self.fault(key.span().start, must.to_owned());
                return None;
            }
            keys.push(key.into_inner().trim().to_owned());
        }
        Some(Login { user: user?, password_hash: None, keys })
    }
}

fn ip_and_bits(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (ip, bits) = text.split_once('/')?;
    let (ip, bits) = (ip.parse::<Ipv4Addr>().ok()?, bits.parse::<u8>().ok()?);
    let usable = !ip.is_loopback() && !ip.is_multicast() && !ip.is_unspecified();
    (usable && (8..=30).contains(&bits)).then_some((ip, bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::WifiKey;

    const WHOLE: &str = "\
[home]
hostname = \"attic\"
name = \"home.example\"
admin = \"ann\"
language = \"de\"
timezone = \"Europe/Berlin\"

[wifi]
name = \"Our home\"
password = \"a good password\"
country = \"DE\"

[network]
address = \"192.168.1.20/24\"
gateway = \"192.168.1.1\"

[ssh]
keys = [\"ssh-ed25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA ann@desk\"]
";

    fn parsed(bytes: &[u8]) -> Result<Wishes, Vec<Fault>> {
        parse(bytes, &|zone| zone == "Europe/Berlin")
    }

    fn faults(text: &str) -> Vec<String> {
        parsed(text.as_bytes()).unwrap_err().iter().map(Fault::to_string).collect()
    }

    #[test]
    fn a_whole_file() {
        let wishes = parsed(WHOLE.as_bytes()).unwrap();
        assert_eq!(wishes.home.as_deref(), Some("home.example"));
        assert_eq!(wishes.language, Some(Language::German));
        let wifi = wishes.wifi.unwrap();
        assert_eq!(wifi.password, Some(WifiKey::Password("a good password".into())));
        assert_eq!(wishes.address.unwrap().name_servers, [IpAddr::from([192, 168, 1, 1])]);
        assert_eq!(wishes.login.unwrap().user, DEFAULT_USER);
        assert_eq!(parsed(b"").unwrap(), Wishes::default());
    }

    #[test]
    fn as_other_computers_save_it() {
        let wanted = parsed(WHOLE.as_bytes()).unwrap();
        let windows = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
        assert_eq!(parsed(windows.as_bytes()).unwrap(), wanted);
        let wide: Vec<u8> = std::iter::once(0xfeff)
            .chain(WHOLE.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(parsed(&wide).unwrap_err()[0].to_string().contains("UTF-8"));
        let latin = b"[wifi]\nname = \"Caf\xe9\"\n";
        assert_eq!(parsed(latin).unwrap_err()[0].line, Some(2));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, line, word) in [
            ("[home]\nname = snug.local\n", "line 2", ""),
            ("[home\n", "line 1", ""),
            ("[home]\nnmae = \"a.b\"\n", "line 2", "nmae"),
            ("\n[hoem]\nname = \"a.b\"\n", "line 2", "hoem"),
            ("[home]\nname = 7\n", "line 2", "string"),
            ("[home]\nname = \"Home\"\n", "line 2", "home.name"),
            ("[home]\nlanguage = \"fr\"\n", "line 2", "home.language"),
            ("[home]\n\ntimezone = \"Moon/Crater\"\n", "line 3", "home.timezone"),
            ("[home]\ntimezone = \"../../etc/passwd\"\n", "line 2", "home.timezone"),
            ("[wifi]\nname = \"x\"\n", "line 1", "country"),
            ("[wifi]\nname = \"x\"\ncountry = \"de\"\n", "line 3", "wifi.country"),
            ("[network]\naddress = \"10.0.0.2\"\ngateway = \"10.0.0.1\"\n", "line 2", "address"),
            ("[network]\naddress = \"10.0.0.2/24\"\ngateway = \"10.0.1.1\"\n", "line 3", "gateway"),
            ("[ssh]\nkeys = []\n", "line 2", "ssh.keys"),
            ("[ssh]\nkeys = [\n\"secret\"]\n", "line 3", "ssh.keys"),
        ] {
            let faults = faults(text);
            assert_eq!(faults.len(), 1, "{text}: {faults:?}");
            assert!(faults[0].starts_with(line) && faults[0].contains(word), "{text}: {faults:?}");
        }
    }

    #[test]
    fn all_mistakes_at_once_and_no_secret_among_them() {
        let text = "[home]\nname = \"X\"\nadmin = \"A b\"\n\
                    [wifi]\nname = \"x\"\npassword = \"geheim\"\ncountry = \"DE\"\n";
        let faults = faults(text);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(faults[2].starts_with("line 6: `wifi.password`"), "{faults:?}");
        assert!(!faults.concat().contains("geheim"));
    }
}
