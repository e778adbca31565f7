//! The page that tells people which implementations work with ours: `docs/otr-interop.md`.

use std::fmt::Write;
use std::path::Path;

use crate::Failure;
use crate::kinds::{ExtraKey, Kind};

const HEAD: &str = "# OTR with other implementations

Made by `./just test-otr`, which lets the OTR engine of this project (`crates/otr`) talk with the
implementations of others, message by message, and stops at the first difference. With each of them,
in each version named: key exchanges begun by either side, and by both at once; texts both ways while
keys rotate; a renewed exchange inside a session; verification (SMP) asked by either side, with the
same and with different words, and with a question; the end from either side; and a restart of either
program in the middle. What one of them cannot do is said below. Pidgin, Profanity and mcabber are tried as whole programs besides; see
`tests/e2e`.

| implementation | versions | extra symmetric key |
|---|---|---|
";

/// Is the page true? Writes it where the environment asks for that.
pub(crate) fn check(path: &Path, met: &[Kind]) -> Result<(), Failure> {
    let wanted = text(met);
    if std::env::var_os("SNUG_WRITE_DOCS").is_some() {
        std::fs::write(path, wanted)?;
        return Ok(());
    }
    let found = std::fs::read_to_string(path)?;
    let line =
        |of: &str, kind: &Kind| of.lines().find(|l| l.contains(kind.title)).map(str::to_owned);
    // Not every Debian has all of them, so the lines of those that were met have to be right.
    let right = met.iter().all(|kind| line(&found, kind) == line(&wanted, kind));
    if right && found.starts_with(HEAD) {
        return Ok(());
    }
    Err(format!("{} is out of date: run this with SNUG_WRITE_DOCS=1", path.display()).into())
}

fn text(met: &[Kind]) -> String {
    let mut out = HEAD.to_owned();
    for kind in met {
        let versions: Vec<&str> = ["2", "3"]
            .into_iter()
            .filter(|v| kind.versions.iter().any(|spoken| spoken.contains(v)))
            .collect();
        let extra = match kind.extra_key {
            ExtraKey::No => "not tried: it has none to ask for",
            ExtraKey::Own => "the same, asked for by it",
            ExtraKey::Both => "the same, asked for by either",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {} | {extra} |", kind.title, versions.join(", "));
    }
    for kind in met.iter().filter(|k| !k.remark.is_empty()) {
        let _ = write!(out, "\n**{}**: {}\n", kind.title, kind.remark);
    }
    out
}
