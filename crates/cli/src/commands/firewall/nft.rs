//! Running nft(8), which speaks with the kernel.
//!
//! Invariant: rules come to it by standard input and never as an argument.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::failure::Failure;

/// Bytes of what nft said that are repeated: its first error and where it is.
const SAID_CHARS_MAX: usize = 400;

/// Lets nftables judge `rules`; nothing changes.
pub(super) fn check(rules: &str) -> Result<(), Failure> {
    feed(&["--check", "--file", "-"], rules).map_err(|why| {
        Failure::Unusable(format!("nftables refuses the rules; nothing was changed: {why}"))
    })
}

/// Puts `rules` in force, in one step or not at all.
pub(super) fn load(rules: &str) -> Result<(), Failure> {
    feed(&["--file", "-"], rules)
        .map_err(|why| Failure::Unusable(format!("nftables does not load the rules: {why}")))
}

/// How many packets each counter of our table has seen; `None` if that cannot be known.
pub(super) fn counters() -> Option<BTreeMap<String, u64>> {
    let mut arguments = vec!["--json", "list", "counters", "table"];
    arguments.extend(firewall::TABLE.split(' '));
    let done = Command::new("nft").args(arguments).stdin(Stdio::null()).output().ok()?;
    if !done.status.success() {
        return None;
    }
    let json: Value = serde_json::from_slice(&done.stdout).ok()?;
    let all = json.get("nftables")?.as_array()?.iter().filter_map(|item| {
        let counter = item.get("counter")?;
        Some((counter.get("name")?.as_str()?.to_owned(), counter.get("packets")?.as_u64()?))
    });
    Some(all.collect())
}

/// Runs nft with `rules` as its input; an error is what it said.
fn feed(arguments: &[&str], rules: &str) -> Result<(), String> {
    let run = || -> std::io::Result<Output> {
        let mut child = Command::new("nft")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(rules.as_bytes())?;
        }
        child.wait_with_output()
    };
    match run() {
        Ok(done) if done.status.success() => Ok(()),
        Ok(done) => Err(said(&String::from_utf8_lossy(&done.stderr))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err("the program nft is missing; install the package nftables".to_owned())
        }
        Err(e) => Err(format!("nft cannot be run: {e}")),
    }
}

/// What a program said on standard error, on one line.
pub(super) fn said(stderr: &str) -> String {
    let words: Vec<&str> = stderr.split_whitespace().collect();
    let text: String = words.join(" ").chars().take(SAID_CHARS_MAX).collect();
    if text.is_empty() { "it does not say why".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nft_said_is_one_short_line() {
        assert_eq!(
            said("/dev/stdin:1:1-4: Error: syntax\n  tabel\n"),
            "/dev/stdin:1:1-4: Error: syntax tabel"
        );
        assert_eq!(said(""), "it does not say why");
        assert_eq!(said(&"word ".repeat(1000)).chars().count(), SAID_CHARS_MAX);
    }
}
