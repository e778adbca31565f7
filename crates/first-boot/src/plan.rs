//! From wishes to steps: what is written where, and what is switched on. No I/O.
//!
//! Invariant: every step may be done again and again and leaves the same; a cut of power between
//! any two of them is made good by doing all of them at the next start.

use std::fmt::Write;

use crate::wishes::{Address, Login, Wifi, WifiKey, Wishes};

/// One thing to do. Paths are absolute, below the root that is applied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The file has this text and these rights.
    File { path: String, mode: u32, text: String },
    /// Where the file has the line `from`, it has the line `to`.
    Line { path: String, from: String, to: String },
    /// The path leads there.
    Link { path: String, target: String },
    /// The running system has this name.
    HostName { name: String },
    /// There is such a user, who may become root, with this password hash if any.
    User { name: String, password_hash: Option<String> },
    /// The folder of keys belongs to the user.
    Owned { path: String, user: String },
    /// The machine has host keys for SSH; those that are there stay.
    HostKeys,
    /// The unit is on, now and at each start.
    On { unit: String },
}

/// What the announcement on the screen and the set-up page are told.
const FACTS_FILE: &str = "/etc/snug/first-boot.env";

/// What `snug firewall` makes rules from.
const SETTINGS_FILE: &str = "/etc/snug/snug.toml";

/// The steps, in an order in which each finds what it needs.
pub(crate) fn plan(wishes: &Wishes) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(name) = &wishes.hostname {
        host_name(name, &mut steps);
    }
    if let Some(zone) = &wishes.timezone {
        let target = format!("/usr/share/zoneinfo/{zone}");
        steps.push(Step::Link { path: "/etc/localtime".into(), target });
    }
    if let Some(address) = &wishes.address {
        steps.push(file("/etc/systemd/network/70-fixed.network", 0o644, network(address)));
    }
    if let Some(wifi) = &wishes.wifi {
        let path = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf";
        steps.push(file(path, 0o600, supplicant(wifi)));
        steps.push(Step::On { unit: "wpa_supplicant@wlan0.service".into() });
    }
    if let Some(login) = &wishes.login {
        self::login(login, &mut steps);
    }
    if let Some(text) = facts(wishes) {
        steps.push(file(FACTS_FILE, 0o644, text));
    }
    steps
}

fn file(path: &str, mode: u32, text: String) -> Step {
    Step::File { path: path.to_owned(), mode, text }
}

fn host_name(name: &str, steps: &mut Vec<Step>) {
    steps.push(file("/etc/hostname", 0o644, format!("{name}\n")));
    let hosts = format!(
        "127.0.0.1\tlocalhost\n127.0.1.1\t{name}\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    );
    steps.push(file("/etc/hosts", 0o644, hosts));
    steps.push(Step::HostName { name: name.to_owned() });
}

/// systemd.network(5). The number sorts it before the file that asks by DHCP.
fn network(address: &Address) -> String {
    let mut text = format!(
        "[Match]\nName=en* eth*\n\n[Network]\nAddress={}/{}\nGateway={}\n",
        address.ip, address.bits, address.gateway
    );
    for server in &address.name_servers {
        text.push_str(&format!("DNS={server}\n"));
    }
    text.push_str("LinkLocalAddressing=ipv6\n");
    text
}

/// wpa_supplicant.conf(5). The name is written in hexadecimal digits, which need no quoting.
fn supplicant(wifi: &Wifi) -> String {
    let mut name = String::new();
    for byte in wifi.name.bytes() {
        // Writing to a string does not fail.
        let _ = write!(name, "{byte:02x}");
    }
    let secret = match &wifi.password {
        None => "key_mgmt=NONE".to_owned(),
        // Everything between the first quote and the last on the line counts, quotes as well.
        Some(WifiKey::Password(password)) => {
            format!("key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE\n\tieee80211w=1\n\tpsk=\"{password}\"")
        }
        Some(WifiKey::Key(key)) => format!("key_mgmt=WPA-PSK WPA-PSK-SHA256\n\tpsk={key}"),
    };
    let hidden = if wifi.hidden { "\tscan_ssid=1\n" } else { "" };
    format!(
        "ctrl_interface=DIR=/run/wpa_supplicant\ncountry={}\nnetwork={{\n\tssid={name}\n{hidden}\t\
         {secret}\n}}\n",
        wifi.country
    )
}

fn login(login: &Login, steps: &mut Vec<Step>) {
    let user = &login.user;
    steps.push(Step::User { name: user.clone(), password_hash: login.password_hash.clone() });
    // Whoever has no password cannot be asked for it.
    if login.password_hash.is_none() {
        let text = format!("{user} ALL=(ALL:ALL) NOPASSWD: ALL\n");
        steps.push(file("/etc/sudoers.d/snug-keeper", 0o440, text));
    }
    if login.keys.is_empty() {
        return;
    }
    let folder = format!("/home/{user}/.ssh");
    let mut keys = login.keys.join("\n");
    keys.push('\n');
    steps.push(file(&format!("{folder}/authorized_keys"), 0o600, keys));
    steps.push(Step::Owned { path: folder, user: user.clone() });
    steps.push(Step::HostKeys);
    // The firewall is made from the settings, which have this line as they come.
    let (from, to) = ("ssh = false".to_owned(), "ssh = true".to_owned());
    steps.push(Step::Line { path: SETTINGS_FILE.into(), from, to });
    steps.push(Step::On { unit: "ssh.service".into() });
}

/// Lines of the shell; the values hold nothing that a shell would look at ([`crate::wishes`]).
fn facts(wishes: &Wishes) -> Option<String> {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            text.push_str(&format!("{name}={value}\n"));
        }
    };
    line("SNUG_HOME", wishes.home.as_deref());
    line("SNUG_ADMIN", wishes.admin.as_deref());
    line("SNUG_LANGUAGE", wishes.language.map(crate::wishes::Language::code));
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::Language;

    fn text_of<'a>(steps: &'a [Step], wanted: &str) -> &'a str {
        steps
            .iter()
            .find_map(|step| match step {
                Step::File { path, text, .. } if path == wanted => Some(text.as_str()),
                _ => None,
            })
            .unwrap_or_else(|| panic!("{wanted} is not written: {steps:?}"))
    }

    #[test]
    fn nothing_wished_nothing_done() {
        assert_eq!(plan(&Wishes::default()), []);
    }

    #[test]
    fn wifi_is_written_for_its_service_alone() {
        let wifi = |password| Wishes {
            wifi: Some(Wifi {
                name: "a \"b\"\\".into(),
                password,
                country: "DE".into(),
                hidden: true,
            }),
            ..Wishes::default()
        };
        let steps = plan(&wifi(Some(WifiKey::Password("pass \"word".into()))));
        let text = text_of(&steps, "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
        assert!(text.contains("\tssid=61202262225c\n\tscan_ssid=1\n"), "{text}");
        assert!(text.contains("\tpsk=\"pass \"word\"\n}"), "{text}");
        assert!(steps.iter().any(|s| matches!(s, Step::File { mode: 0o600, .. })));
        assert!(steps.contains(&Step::On { unit: "wpa_supplicant@wlan0.service".into() }));
        let open = plan(&wifi(None));
        let text = text_of(&open, "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
        assert!(text.contains("key_mgmt=NONE\n}"), "{text}");
        let key = plan(&wifi(Some(WifiKey::Key("ab".repeat(32)))));
        let text = text_of(&key, "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf");
        assert!(text.contains(&format!("psk={}\n", "ab".repeat(32))), "{text}");
    }

    #[test]
    fn ssh_is_on_only_with_keys() {
        let with = |keys: Vec<String>, password_hash| {
            let login = Login { user: "ann".into(), password_hash, keys };
            plan(&Wishes { login: Some(login), ..Wishes::default() })
        };
        let on = Step::On { unit: "ssh.service".into() };
        let steps = with(vec!["ssh-ed25519 A".into()], None);
        assert!(steps.contains(&on) && steps.contains(&Step::HostKeys));
        assert_eq!(text_of(&steps, "/home/ann/.ssh/authorized_keys"), "ssh-ed25519 A\n");
        assert!(text_of(&steps, "/etc/sudoers.d/snug-keeper").starts_with("ann "));
        let steps = with(Vec::new(), Some("$6$x".into()));
        assert!(!steps.contains(&on) && !format!("{steps:?}").contains("NOPASSWD"));
    }

    #[test]
    fn names_and_address() {
        let steps = plan(&Wishes {
            hostname: Some("attic".into()),
            home: Some("home.example".into()),
            admin: Some("ann".into()),
            language: Some(Language::German),
            timezone: Some("Europe/Berlin".into()),
            address: Some(Address {
                ip: [192, 168, 1, 20].into(),
                bits: 24,
                gateway: [192, 168, 1, 1].into(),
                name_servers: vec![[192, 168, 1, 1].into()],
            }),
            ..Wishes::default()
        });
        assert_eq!(text_of(&steps, "/etc/hostname"), "attic\n");
        assert_eq!(
            text_of(&steps, FACTS_FILE),
            "SNUG_HOME=home.example\nSNUG_ADMIN=ann\nSNUG_LANGUAGE=de\n"
        );
        let network = text_of(&steps, "/etc/systemd/network/70-fixed.network");
        assert!(network.contains("Address=192.168.1.20/24\nGateway=192.168.1.1\nDNS=192.168.1.1"));
        let target = "/usr/share/zoneinfo/Europe/Berlin".to_owned();
        assert!(steps.contains(&Step::Link { path: "/etc/localtime".into(), target }));
    }
}
