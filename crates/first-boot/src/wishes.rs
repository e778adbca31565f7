//! What a person may wish for before the card's first start, whatever file it was written in.
//!
//! Invariant: a [`Wishes`] is checked. No value of it can break out of the files it is written
//! into: quotes, line ends and control characters have been refused.

use std::net::{IpAddr, Ipv4Addr};

/// Longest file that is read; a set-up file has some hundred bytes.
pub(crate) const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Keys for SSH; a person has a handful.
pub(crate) const SSH_KEYS_MAX: usize = 20;

/// Longest line of a key; RSA with 16384 bits has 2,800 characters.
pub(crate) const SSH_KEY_BYTES_MAX: usize = 4_096;

/// Name servers; the resolver of the C library reads three.
pub(crate) const NAME_SERVERS_MAX: usize = 3;

/// Who may log in by SSH when the file names nobody.
pub(crate) const DEFAULT_USER: &str = "keeper";

/// Everything that may be wished for. Absent = as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Name on the network, without `.local`.
    pub(crate) hostname: Option<String>,
    /// Domain that the set-up page suggests.
    pub(crate) home: Option<String>,
    /// First administrator that the set-up page suggests.
    pub(crate) admin: Option<String>,
    /// Of the texts on the screen.
    pub(crate) language: Option<Language>,
    /// Such as `Europe/Berlin`.
    pub(crate) timezone: Option<String>,
    /// Wi-Fi.
    pub(crate) wifi: Option<Wifi>,
    /// A fixed address for the cable.
    pub(crate) address: Option<Address>,
    /// Somebody who may log in.
    pub(crate) login: Option<Login>,
}

/// Languages that the screen speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// A wireless network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wifi {
    /// 1 to 32 bytes.
    pub(crate) name: String,
    /// Absent = an open network.
    pub(crate) password: Option<WifiKey>,
    /// ISO 3166 code: which channels may be used.
    pub(crate) country: String,
    /// Does the network keep its name to itself?
    pub(crate) hidden: bool,
}

/// What opens a wireless network (IEEE 802.11i, Annex H.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WifiKey {
    /// 8 to 63 printable characters of ASCII.
    Password(String),
    /// 64 hexadecimal digits.
    Key(String),
}

/// An address that does not come by DHCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) ip: Ipv4Addr,
    /// Bits of the network, 8 to 30.
    pub(crate) bits: u8,
    pub(crate) gateway: Ipv4Addr,
    /// At least one.
    pub(crate) name_servers: Vec<IpAddr>,
}

/// Who may log in, and how. A password is for the console; SSH takes keys only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    /// As in `/etc/shadow`.
    pub(crate) password_hash: Option<String>,
    /// Lines of `authorized_keys`. With at least one of them SSH is switched on.
    pub(crate) keys: Vec<String>,
}

/// A name for a machine: one label of RFC 1123 §2.1.
pub(crate) fn is_hostname(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && !text.ends_with('-')
}

/// A domain that a home may have: labels with dots between them.
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// A chat name as the set-up page takes it; the daemon has the last word there.
pub(crate) fn is_chat_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// A name for a system user, as `useradd` takes it.
pub(crate) fn is_user(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
        && text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
        && !TAKEN_USERS.contains(&text)
}

/// Users that the system has, and that nobody may log in as.
const TAKEN_USERS: [&str; 8] =
    ["root", "snug", "snug-admin", "daemon", "bin", "sys", "nobody", "messagebus"];

/// Of the form of a time zone's name; whether there is such a zone the disk knows.
pub(crate) fn is_zone_name(text: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_".contains(&b))
            && !p.starts_with('-')
    };
    text.len() <= 64 && text.split('/').all(part)
}

/// Two capital letters (ISO 3166-1).
pub(crate) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase())
}

/// A name of a wireless network that can be written down: no control characters.
pub(crate) fn is_wifi_name(text: &str) -> bool {
    (1..=32).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The key that `text` stands for, if any.
pub(crate) fn wifi_key(text: &str) -> Option<WifiKey> {
    if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Some(WifiKey::Key(text.to_ascii_lowercase()));
    }
    let printable = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    ((8..=63).contains(&text.len()) && printable).then(|| WifiKey::Password(text.to_owned()))
}

/// One line of `authorized_keys` without options: a kind, the key, and perhaps a comment.
pub(crate) fn is_ssh_key(text: &str) -> bool {
    const KINDS: [&str; 6] = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
    ];
    let mut words = text.split(' ');
    let kind = words.next().is_some_and(|k| KINDS.contains(&k));
    let key = words.next().is_some_and(|k| {
        k.len() >= 40 && k.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b))
    });
    kind && key && text.len() <= SSH_KEY_BYTES_MAX && !text.chars().any(char::is_control)
}

/// A hash as `/etc/shadow` has it (crypt(5)).
pub(crate) fn is_password_hash(text: &str) -> bool {
    let of_crypt = |b: u8| b.is_ascii_alphanumeric() || b"./$=,-_".contains(&b);
    text.starts_with('$') && (20..=300).contains(&text.len()) && text.bytes().all(of_crypt)
}

/// A mistake in a file, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// From 1; absent where no line is at fault.
    pub(crate) line: Option<usize>,
    /// What is wrong and what to do. Never repeats a secret.
    pub(crate) text: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        type Form = fn(&str) -> bool;
        let table: [(Form, &[&str], &[&str]); 7] = [
            (is_hostname, &["snug", "a", "our-home2"], &["", "-a", "a-", "A", "1a", "a.b", "a b"]),
            (is_domain, &["snug.local", "a.b-c.d"], &["", "snug", "a..b", "-a.b", "A.b", "a.b\n"]),
            (is_chat_name, &["ann", "0", "a.b_c"], &["", "Ann", ".a", "a@b", "a b", "a\"b"]),
            (is_user, &["pi", "keeper"], &["", "root", "snug", "Pi", "1a", "a:b", "-a"]),
            (is_zone_name, &["UTC", "Europe/Berlin"], &["", "../x", "/etc", "a//b", "a b", "a/"]),
            (is_country, &["DE", "GB"], &["", "de", "DEU", "D1"]),
            (is_wifi_name, &["Home", "Café"], &["", "a\nb", "012345678901234567890123456789012"]),
        ];
        for (n, (form, right, wrong)) in table.iter().enumerate() {
            for text in *right {
                assert!(form(text), "{n}: {text:?}");
            }
            for text in *wrong {
                assert!(!form(text), "{n}: {text:?}");
            }
        }
    }

    #[test]
    fn wifi_keys() {
        let hex = "0123456789ABCDEF".repeat(4);
        assert_eq!(wifi_key(&hex), Some(WifiKey::Key(hex.to_ascii_lowercase())));
        assert_eq!(wifi_key("12345678"), Some(WifiKey::Password("12345678".into())));
        assert_eq!(wifi_key(&"x".repeat(63)), Some(WifiKey::Password("x".repeat(63))));
        for wrong in ["", "1234567", "pässword1", "tab\tinside", &"x".repeat(64)] {
            assert_eq!(wifi_key(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn ssh_keys() {
        let key = format!("ssh-ed25519 {} ann@desk", "A".repeat(68));
        assert!(is_ssh_key(&key));
        for wrong in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 short",
            &format!("command=\"x\" {key}"),
            &format!("{key}\nssh-rsa x"),
            &format!("ssh-dss {}", "A".repeat(68)),
        ] {
            assert!(!is_ssh_key(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn password_hashes() {
        assert!(is_password_hash(
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WB9W.zEaK"
        ));
        for wrong in ["", "secret", "$6$a:0:0", "$6$with space and more of it"] {
            assert!(!is_password_hash(wrong), "{wrong:?}");
        }
    }
}
