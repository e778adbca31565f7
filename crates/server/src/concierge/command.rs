//! What a person wants of the concierge, read from what their client sends.
//!
//! State: none. Invariants: no panic on any text; what is given on is plain text without markup,
//! control characters and line breaks, and at most [`TEXT_CHARS_MAX`] characters long.

use super::words::{self, Words};

/// Longest text that is looked at.
const TEXT_CHARS_MAX: usize = 200;

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::concierge) enum Verb {
    /// What can I say?
    Help,
    /// Which key do you see?
    Key,
    /// How is it compared?
    Compare,
    /// Call this device …
    Name,
    /// Whose keys are which?
    List,
    /// The newest seal.
    History,
    /// Check each other by the phrase.
    Verify,
    /// A key is lost.
    Revoke,
    /// Count, or do not.
    Count,
}

impl Verb {
    /// All of them.
    #[cfg(test)]
    pub(in crate::concierge) const ALL: &'static [Self] = &[
        Self::Help,
        Self::Key,
        Self::Compare,
        Self::Name,
        Self::List,
        Self::History,
        Self::Verify,
        Self::Revoke,
        Self::Count,
    ];
}

/// A command with what stands behind it, in the language of its word.
#[derive(Clone, Debug)]
pub(in crate::concierge) struct Command {
    /// The command.
    pub(in crate::concierge) verb: Verb,
    /// The rest, as typed.
    pub(in crate::concierge) rest: String,
    /// The language of the word.
    pub(in crate::concierge) words: &'static Words,
}

/// Reads a command. Words are understood in every language, and the first that is known counts, so
/// that "my key please" is understood as well.
#[must_use]
pub(in crate::concierge) fn read(text: &[u8]) -> Option<Command> {
    let text = plain(text);
    let mut rest = text.as_str();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(' ').unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if let Some((verb, words)) = known(word) {
            return Some(Command { verb, rest: behind.trim().to_owned(), words });
        }
        rest = behind;
    }
}

fn known(word: &str) -> Option<(Verb, &'static Words)> {
    let word = word.to_lowercase();
    let trimmed = word.trim_matches(|c: char| matches!(c, '.' | '!' | ',' | ':' | '"' | '/'));
    words::ALL.iter().find_map(|words| {
        let command = words.commands.iter().find(|(known, _)| *known == trimmed);
        command.map(|(_, verb)| (*verb, *words))
    })
}

/// Text without markup: Pidgin sends HTML.
fn plain(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                out.push(' ');
            }
            _ if inside => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    for (entity, c) in entities {
        out = out.replace(entity, c);
    }
    out.chars().take(TEXT_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// `text` for a client that may take it for HTML.
#[must_use]
pub(in crate::concierge) fn harmless(text: &str) -> String {
    let safe = |c: char| {
        if matches!(c, '<' | '>' | '&') || (c.is_control() && c != '\n') { ' ' } else { c }
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<(Verb, String, &'static str)> {
        read(text.as_bytes()).map(|c| (c.verb, c.rest, c.words.code))
    }

    #[test]
    fn short_words_and_sentences_in_both_languages() {
        let rows = [
            ("help", Verb::Help, "", "en"),
            ("HELP!", Verb::Help, "", "en"),
            ("<FONT><b>help</b></FONT>", Verb::Help, "", "en"),
            ("show me my key please", Verb::Key, "please", "en"),
            ("name Ann&amp;Bob's laptop", Verb::Name, "Ann&Bob's laptop", "en"),
            ("revoke ACEFB4D6 4F3D0F4E", Verb::Revoke, "ACEFB4D6 4F3D0F4E", "en"),
            ("  hilfe\n", Verb::Help, "", "de"),
            ("Schlüssel", Verb::Key, "", "de"),
            ("liste ann", Verb::List, "ann", "de"),
        ];
        for (text, verb, rest, code) in rows {
            assert_eq!(said(text), Some((verb, rest.to_owned(), code)), "{text}");
        }
        for text in ["", " ", "<b></b>", "hello", "helpful", "<unclosed help"] {
            assert_eq!(said(text), None, "{text}");
        }
        assert!(read(&[0xff, 0, b'<', 0xfe]).is_none());
        let long = format!("name {}", "x".repeat(10_000));
        assert!(said(&long).unwrap().1.len() <= TEXT_CHARS_MAX);
    }

    #[test]
    fn nothing_is_taken_for_markup() {
        assert_eq!(harmless("a<b>&\u{7}\nc"), "a b   \nc");
    }
}
