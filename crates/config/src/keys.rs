//! Every key there is, with the form of its value; and what to say about one that there is not.
//!
//! Invariant: [`KEYS`] and the fields of [`crate::file`] are the same set; a test proves it.

/// One key of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// `section.key`
    pub path: &'static str,
    /// What its value must be, for an error.
    pub must: &'static str,
}

const ADDRESSES: &str = "a list of addresses with port, such as [\"[::]:5222\"] for all \
                         addresses or [\"192.168.1.2:5222\"] for one";
const LOOPBACK: &str =
    "a list of addresses with port of this machine itself, such as [\"127.0.0.1:5347\"]";
const BOOL: &str = "true or false";
const CONTACTS: &str = "a list of at most 10 URIs, such as [\"mailto:ann@home.example\", \
                        \"xmpp:ann@home.example\"]";
const DIRECTORY: &str = "an absolute directory, such as \"/var/lib/snug\"";
const CHAT_FROM: &str = "[\"panel\"], [\"lan\"], [\"everywhere\"], or a list of at most 32 networks, such \
                         as [\"203.0.113.0/24\", \"2001:db8:5::/48\"]";
const NETWORKS: &str = "a list of at most 32 networks, such as [\"203.0.113.0/24\", \
                        \"2001:db8:5::/48\"]";
const FILE: &str = "an absolute path, such as \"/etc/snug/certificate.pem\"";

/// Every key, in the order of the example file.
pub const KEYS: &[Key] = &[
    Key { path: "server.data_dir", must: DIRECTORY },
    Key { path: "c2s.starttls", must: ADDRESSES },
    Key { path: "c2s.direct_tls", must: ADDRESSES },
    Key { path: "c2s.plain", must: BOOL },
    Key { path: "tls.mode", must: "\"own-ca\" or \"files\"" },
    Key { path: "tls.certificate", must: FILE },
    Key { path: "tls.key", must: FILE },
    Key { path: "admin.socket", must: "an absolute path of at most 100 bytes" },
    Key { path: "admin.panel_user", must: "the name of a system user, such as \"snug-admin\"" },
    Key { path: "panel.listen", must: ADDRESSES },
    Key { path: "panel.data_dir", must: DIRECTORY },
    Key { path: "panel.lan_only", must: BOOL },
    Key { path: "components.listen", must: LOOPBACK },
    Key { path: "components.secrets", must: FILE },
    Key { path: "components.beyond_loopback", must: BOOL },
    Key { path: "firewall.chat_from", must: CHAT_FROM },
    Key { path: "firewall.home", must: NETWORKS },
    Key { path: "firewall.ssh", must: BOOL },
    Key { path: "contact.admin", must: CONTACTS },
    Key { path: "contact.abuse", must: CONTACTS },
    Key { path: "contact.support", must: CONTACTS },
    Key { path: "limits.sessions_per_account", must: "a whole number from 1 to 100" },
    Key { path: "limits.resume_seconds", must: "a whole number from 0 to 3600" },
    Key { path: "limits.offline_messages", must: "a whole number from 0 to 100000" },
    Key { path: "limits.connections_per_address", must: "a whole number from 1 to 10000" },
    Key { path: "limits.stanza_bytes", must: "a whole number from 10000 to 1048576" },
    Key { path: "log.level", must: "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"" },
];

/// Settings that people look for here and that are elsewhere.
const ELSEWHERE: &[(&str, &str)] = &[
    ("domain", "the domain is chosen in the panel at set-up"),
    ("hostname", "the domain is chosen in the panel at set-up"),
    ("admins", "administrators are named in the panel, or by `snug account role`"),
    ("administrators", "administrators are named in the panel, or by `snug account role`"),
];

/// Edits between an unknown key and the one that was probably meant, at most.
const EDITS_MAX: usize = 2;

/// Longest unknown key that is compared, which bounds the work.
const COMPARED_BYTES_MAX: usize = 64;

/// The entry of `path`.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.path == path)
}

/// Is there a section of this name?
pub(crate) fn is_section(name: &str) -> bool {
    sections().any(|s| s == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter_map(|k| k.path.split_once('.').map(|(section, _)| section))
}

/// What to say about the unknown key `name` of `section` (`None`: outside of all sections).
pub(crate) fn hint(section: Option<&str>, name: &str) -> Option<String> {
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(n, _)| *n == name) {
        return Some((*hint).to_owned());
    }
    let halves = || KEYS.iter().filter_map(|k| k.path.split_once('.').map(|(s, n)| (k.path, s, n)));
    let here = halves().filter(|(_, s, _)| Some(*s) == section).map(|(_, _, n)| n);
    let near = match section {
        Some(_) => nearest(name, here),
        None => nearest(name, sections()),
    };
    if let Some(near) = near {
        return Some(format!("did you mean `{near}`?"));
    }
    let mut homes = halves().filter(|(_, _, n)| *n == name).map(|(path, ..)| path);
    homes.next().map(|path| format!("did you mean `{path}`?"))
}

/// The known name with the fewest edits, if they are few.
fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if name.len() > COMPARED_BYTES_MAX {
        return None;
    }
    let flat = |s: &str| s.to_ascii_lowercase().replace('-', "_");
    known
        .map(|k| (edits(&flat(name), &flat(k)), k))
        .filter(|(n, k)| *n <= EDITS_MAX && *n < k.len())
        .min()
        .map(|(_, k)| k)
}

/// Levenshtein's distance, row by row.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, cb) in row.iter_mut().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(ca != *cb)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = cost;
            left = cost;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance() {
        for (a, b, n) in [
            ("", "", 0),
            ("abc", "", 3),
            ("", "ab", 2),
            ("startls", "starttls", 1),
            ("ab", "ba", 2),
        ] {
            assert_eq!(edits(a, b), n, "{a} {b}");
        }
    }

    #[test]
    fn hints() {
        for (section, name, wanted) in [
            (Some("c2s"), "startls", "did you mean `starttls`?"),
            (Some("c2s"), "direct-tls", "did you mean `direct_tls`?"),
            (Some("c2s"), "listen", "did you mean `panel.listen`?"),
            (None, "level", "did you mean `log.level`?"),
            (None, "limit", "did you mean `limits`?"),
            (Some("server"), "domain", "the domain is chosen in the panel at set-up"),
        ] {
            assert_eq!(hint(section, name).as_deref(), Some(wanted));
        }
        assert_eq!(hint(Some("c2s"), "colour"), None);
        assert_eq!(hint(Some("c2s"), &"x".repeat(10_000)), None);
    }
}
