//! The file with the names and secrets of components: one to a line, `name secret`.
//!
//! Apart from `snug.toml`, because the panel and whoever asks for help with it read that one.
//! Invariants: no error shows a secret; a file that strangers can read is refused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use admin_api::Secret;
use xmpp::jid::BareJid;
use zeroize::Zeroizing;

use crate::limits::COMPONENTS_MAX;

/// Bytes of a secret. Whoever hears a handshake can try secrets against it without asking anybody,
/// so that short ones are worth nothing.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 16..=256;

/// Longest file that is read; [`COMPONENTS_MAX`] lines and many comments fit.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Why the file cannot be used. `Display` is a sentence for the operator.
#[derive(Debug)]
pub struct SecretsError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Unreadable(std::io::Error),
    Open,
    Line(usize, &'static str),
    TooMany,
}

impl std::fmt::Display for SecretsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the file of components, {}", self.path.display())?;
        match &self.why {
            Why::Unreadable(e) => {
                write!(f, ", cannot be read: {e}; write it, or remove `listen` from [components]")
            }
            Why::Open => {
                f.write_str(", can be read by everybody on this machine; take that away: chmod o=")
            }
            Why::Line(number, why) => write!(f, ", line {number}: {why}"),
            Why::TooMany => write!(f, ", names more than {COMPONENTS_MAX} components"),
        }
    }
}

impl std::error::Error for SecretsError {}

/// The secrets in the file at `path`, by domain.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Secret>, SecretsError> {
    let because = |why| SecretsError { path: path.to_owned(), why };
    let mut text = Zeroizing::new(String::new());
    let mut file = File::open(path).map_err(|e| because(Why::Unreadable(e)))?;
    let mode = file.metadata().map_err(|e| because(Why::Unreadable(e)))?.permissions().mode();
    if mode & 0o007 != 0 {
        return Err(because(Why::Open));
    }
    let read = file.by_ref().take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|e| because(Why::Unreadable(e)))?;
    parse(&text).map_err(because)
}

fn parse(text: &str) -> Result<BTreeMap<String, Secret>, Why> {
    let mut all = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut words = line.split_whitespace().take_while(|word| !word.starts_with('#'));
        let Some(name) = words.next() else { continue };
        let wrong = |why| Err(Why::Line(number, why));
        let Ok(domain) = BareJid::from_domain(name) else {
            return wrong("it must begin with a domain, such as gateway.home.example");
        };
        let Some(secret) = words.next() else { return wrong("there is no secret after the name") };
        if words.next().is_some() {
            return wrong("there is more than a name and a secret");
        }
        if !SECRET_BYTES.contains(&secret.len()) {
            return wrong("the secret must have 16 to 256 characters");
        }
        if all.insert(domain.domain().to_owned(), Secret::new(secret)).is_some() {
            return wrong("this component is named above already");
        }
        if all.len() > COMPONENTS_MAX {
            return Err(Why::TooMany);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    #[test]
    fn names_and_secrets() {
        let text = "# gateways\n\nGate.Example  0123456789abcdef # the old one\n\tpush.example\tssssssssssssssss\n";
        let all = parse(text).unwrap();
        let shown: Vec<_> = all.iter().map(|(name, s)| (name.as_str(), s.expose())).collect();
        assert_eq!(
            shown,
            [("gate.example", "0123456789abcdef"), ("push.example", "ssssssssssssssss")]
        );
        assert!(!format!("{all:?}").contains("0123"), "no secret in a log");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let long = "x".repeat(257);
        for (text, wanted) in [
            ("gate.example", "line 1: there is no secret"),
            ("\ngate.example short-secret", "line 2: the secret must have 16"),
            (&format!("gate.example {long}"), "line 1: the secret must have 16"),
            ("ann@gate.example 0123456789abcdef", "line 1: it must begin with a domain"),
            ("g.example 0123456789abcdef x", "line 1: there is more than"),
            ("g.example 0123456789abcdef\nG.example 0123456789abcdeg", "line 2: this component"),
        ] {
            let why = parse(text).unwrap_err();
            let said = SecretsError { path: "/etc/snug/components".into(), why }.to_string();
            assert!(said.contains(wanted), "{said}");
            assert!(!said.contains("0123") && !said.contains("short"), "{said}");
        }
        let many: String =
            (0..=COMPONENTS_MAX).map(|n| format!("c{n}.example 0123456789abcdef\n")).collect();
        assert!(matches!(parse(&many), Err(Why::TooMany)));
    }

    #[test]
    fn strangers_must_not_read_it() {
        let dir = TempDir::new();
        let path = dir.path().join("components");
        assert!(read(&path).unwrap_err().to_string().contains("cannot be read"));
        std::fs::write(&path, "gate.example 0123456789abcdef").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o644);
        assert!(read(&path).unwrap_err().to_string().contains("chmod o="));
        mode(0o640);
        assert_eq!(read(&path).unwrap().len(), 1);
    }
}
