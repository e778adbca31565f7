//! The files that Raspberry Pi Imager leaves on the boot partition when a person has typed a host
//! name, a user, Wi-Fi or keys into it: `custom.toml` and its successor `rpi-preseed.toml`.
//!
//! The form is theirs and grows, so unknown keys are left alone; what is known and wrong is told,
//! and the rest is still done, because nobody can edit what the writer wrote. Passwords for SSH are
//! not taken over: only keys open it here.

use serde::Deserialize;

use crate::setup_file::text_of;
use crate::wishes::{
    DEFAULT_USER, Fault, Login, SSH_KEYS_MAX, Wifi, Wishes, is_country, is_hostname,
    is_password_hash, is_ssh_key, is_user, is_wifi_name, is_zone_name, wifi_key,
};

#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    system: System,
    user: Option<User>,
    ssh: Option<Ssh>,
    wlan: Option<Wlan>,
    #[serde(default)]
    locale: Locale,
}

#[derive(Default, Deserialize)]
struct System {
    hostname: Option<String>,
}

#[derive(Deserialize)]
struct User {
    name: Option<String>,
    password: Option<String>,
    #[serde(default)]
    password_encrypted: bool,
}

#[derive(Deserialize)]
struct Ssh {
    #[serde(default)]
    enabled: bool,
    #[serde(default)]
    authorized_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Wlan {
    ssid: Option<String>,
    password: Option<String>,
    country: Option<String>,
    #[serde(default)]
    hidden: bool,
}

#[derive(Default, Deserialize)]
struct Locale {
    timezone: Option<String>,
}

/// What can be taken over, and what cannot.
pub(crate) fn parse(bytes: &[u8], zone_exists: &dyn Fn(&str) -> bool) -> (Wishes, Vec<Fault>) {
    let file: File = match text_of(bytes).and_then(|text| {
        toml::from_str(text)
            .map_err(|e| Fault { line: None, text: e.message().trim().replace('\n', "; ") })
    }) {
        Ok(file) => file,
        Err(fault) => return (Wishes::default(), vec![fault]),
    };
    let mut faults = Vec::new();
    let mut wishes = Wishes {
        hostname: kept("system.hostname", file.system.hostname, is_hostname, &mut faults),
        timezone: kept(
            "locale.timezone",
            file.locale.timezone,
            |z| is_zone_name(z) && zone_exists(z),
            &mut faults,
        ),
        ..Wishes::default()
    };
    wishes.wifi = file.wlan.and_then(|w| wifi(w, &mut faults));
    wishes.login = login(file.user, file.ssh, &mut faults);
    (wishes, faults)
}

fn fault(key: &str) -> Fault {
    Fault { line: None, text: format!("`{key}` has a value that is not usable here; left out") }
}

fn kept(
    key: &str,
    value: Option<String>,
    right: impl Fn(&str) -> bool,
    faults: &mut Vec<Fault>,
) -> Option<String> {
    let value = value.filter(|v| !v.is_empty())?;
    if right(&value) {
        return Some(value);
    }
    faults.push(fault(key));
    None
}

fn wifi(table: Wlan, faults: &mut Vec<Fault>) -> Option<Wifi> {
    let name = kept("wlan.ssid", table.ssid, is_wifi_name, faults)?;
    // Without a country only channels that are allowed everywhere are used.
    let country = kept("wlan.country", table.country, is_country, faults);
    let password = match table.password.filter(|p| !p.is_empty()) {
        None => None,
        // Already hashed ones have 64 digits, whatever the switch beside them says.
        Some(password) => match wifi_key(&password) {
            None => {
                faults.push(fault("wlan.password"));
                return None;
            }
            key => key,
        },
    };
    let country = country.unwrap_or_else(|| "00".to_owned());
    Some(Wifi { name, password, country, hidden: table.hidden })
}

fn login(user: Option<User>, ssh: Option<Ssh>, faults: &mut Vec<Fault>) -> Option<Login> {
    let mut keys = Vec::new();
    if let Some(ssh) = ssh.filter(|s| s.enabled || !s.authorized_keys.is_empty()) {
        for key in ssh.authorized_keys {
            if is_ssh_key(key.trim()) && keys.len() < SSH_KEYS_MAX {
                keys.push(key.trim().to_owned());
            } else {
                faults.push(fault("ssh.authorized_keys"));
            }
        }
        if keys.is_empty() {
            let text = "SSH was asked for without a key; it stays off, because passwords do not \
                        open it here";
            faults.push(Fault { line: None, text: text.to_owned() });
        }
    }
    let (name, hash) = match user {
        None => (None, None),
        Some(user) => {
            let hash = user.password.filter(|p| user.password_encrypted && is_password_hash(p));
            (kept("user.name", user.name, is_user, faults), hash)
        }
    };
    if keys.is_empty() && hash.is_none() {
        return None;
    }
    let user = name.unwrap_or_else(|| DEFAULT_USER.to_owned());
    Some(Login { user, password_hash: hash, keys })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::WifiKey;

    fn parsed(text: &str) -> (Wishes, Vec<Fault>) {
        parse(text.as_bytes(), &|zone| zone == "Europe/Berlin")
    }

    #[test]
    fn takes_over_what_the_writer_asked() {
        let key = format!("ssh-ed25519 {} ann@desk", "A".repeat(68));
        let hash = "$6$0123456789abcdef$0123456789abcdef";
        let (wishes, faults) = parsed(&format!(
            "config_version = 1\n[system]\nhostname = \"attic\"\n\
             [user]\nname = \"ann\"\npassword = \"{hash}\"\npassword_encrypted = true\n\
             [ssh]\nenabled = true\npassword_authentication = false\n\
             authorized_keys = [\"{key}\"]\n\
             [wlan]\nssid = \"Our home\"\npassword = \"{hex}\"\npassword_encrypted = true\n\
             hidden = false\ncountry = \"GB\"\n\
             [locale]\nkeymap = \"gb\"\ntimezone = \"Europe/Berlin\"\n",
            hex = "ab".repeat(32),
        ));
        assert_eq!(faults, []);
        assert_eq!(wishes.hostname.as_deref(), Some("attic"));
        assert_eq!(wishes.timezone.as_deref(), Some("Europe/Berlin"));
        let wifi = wishes.wifi.unwrap();
        assert_eq!(wifi.password, Some(WifiKey::Key("ab".repeat(32))));
        let login = wishes.login.unwrap();
        assert_eq!((login.user.as_str(), login.keys), ("ann", vec![key]));
        assert_eq!(login.password_hash.as_deref(), Some(hash));
    }

    #[test]
    fn what_is_wrong_is_left_out_and_told() {
        let (wishes, faults) = parsed(
            "[system]\nhostname = \"Not A Name\"\n[ssh]\nenabled = true\n\
             [wlan]\nssid = \"x\"\npassword = \"short\"\n[locale]\ntimezone = \"Moon/Crater\"\n",
        );
        assert_eq!(wishes, Wishes::default());
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(!format!("{faults:?}").contains("short"), "no password in a fault");
        let (wishes, faults) = parsed("not toml");
        assert_eq!((wishes, faults.len()), (Wishes::default(), 1));
    }
}
