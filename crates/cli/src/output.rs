//! Results on standard output: text and aligned tables for people, JSON for programs.
//!
//! Invariants: text that comes from people or other servers reaches the terminal without
//! control characters; a reader that went away (`snug … | head`) ends the command quietly.

use std::io::{ErrorKind, IsTerminal, StdoutLock, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Failure;

/// Where results go.
pub(crate) struct Output {
    stdout: StdoutLock<'static>,
    json: bool,
    terminal: bool,
}

impl Output {
    pub(crate) fn stdout(json: bool) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        Self { stdout: stdout.lock(), json, terminal }
    }

    /// Is JSON wanted?
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Does a person look at it?
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// `value` as JSON if that is wanted, or what `text` writes.
    pub(crate) fn show<T: Serialize>(
        &mut self,
        value: &T,
        text: impl FnOnce(&mut Self, &T) -> Result<(), Failure>,
    ) -> Result<ExitCode, Failure> {
        if self.json {
            let json = serde_json::to_string_pretty(value)
                .map_err(|e| Failure::Io("cannot write JSON".to_owned(), e.into()))?;
            self.raw(json.as_bytes())?;
            self.raw(b"\n")?;
        } else {
            text(self, value)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One line of text, without its control characters.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.raw(plain(text).as_bytes())?;
        self.raw(b"\n")
    }

    /// Names and values, aligned.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) -> Result<(), Failure> {
        let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in pairs {
            self.line(&format!("{name:width$}  {value}"))?;
        }
        Ok(())
    }

    /// A table with aligned columns; `empty` if there is no row.
    pub(crate) fn table<const N: usize>(
        &mut self,
        heads: [&str; N],
        rows: &[[String; N]],
        empty: &str,
    ) -> Result<(), Failure> {
        if rows.is_empty() {
            return self.line(empty);
        }
        for line in lay_out(heads, rows) {
            self.line(&line)?;
        }
        Ok(())
    }

    /// Bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stdout.write_all(bytes).map_err(failed)
    }

    /// Writes out what is still buffered, and passes `code` on.
    pub(crate) fn flush(&mut self, code: ExitCode) -> Result<ExitCode, Failure> {
        self.stdout.flush().map_err(failed)?;
        Ok(code)
    }
}

/// A remark beside the result: progress, warnings. On standard error, so that results can be
/// piped; lost without harm.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
}

fn failed(e: std::io::Error) -> Failure {
    if e.kind() == ErrorKind::BrokenPipe {
        return Failure::OutputClosed;
    }
    Failure::Io("cannot write the result".to_owned(), e)
}

/// `text` without control characters, which could command the terminal, and without the marks
/// that turn the direction of writing, which could make it show something else.
pub(crate) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// `1 account`, `2 accounts`.
pub(crate) fn counted(n: impl Into<u64>, noun: &str) -> String {
    let n = n.into();
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

fn lay_out<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Vec<String> {
    let mut widths = heads.map(|h| h.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(&heads.map(str::to_owned))];
    lines.extend(rows.iter().map(line));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = [["ann".to_owned(), "1".to_owned()], ["käthe".to_owned(), "22".to_owned()]];
        assert_eq!(lay_out(["NAME", "N"], &rows), ["NAME   N", "ann    1", "käthe  22"]);
    }

    #[test]
    fn control_characters_do_not_get_through() {
        assert_eq!(plain("a\u{1b}[2J\n\u{202e}b"), "a\u{fffd}[2J\u{fffd}\u{fffd}b");
        assert_eq!(plain("käthe ✓"), "käthe ✓");
    }
}
