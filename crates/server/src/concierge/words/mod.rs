//! What the concierge says and understands, one file per language.
//!
//! State: none. Invariants: every language has every sentence, with the same places to fill in, and
//! a word for every command (both tested).

mod de;
mod en;

use super::command::Verb;

/// A language.
#[derive(Debug)]
pub(in crate::concierge) struct Words {
    /// As in `xml:lang`.
    pub(in crate::concierge) code: &'static str,
    /// Words for commands, in lower case; a word may be used in one language only.
    pub(in crate::concierge) commands: &'static [(&'static str, Verb)],
    /// Sentences.
    pub(in crate::concierge) says: &'static Sentences,
}

/// Sentences, each for what its name says; English is the reference. `{name}`, `{key}` and so on are
/// filled in.
#[derive(Debug)]
pub(in crate::concierge) struct Sentences {
    pub(in crate::concierge) invitation: &'static str,
    pub(in crate::concierge) attested: &'static str,
    pub(in crate::concierge) seen_again: &'static str,
    pub(in crate::concierge) revoked_key: &'static str,
    pub(in crate::concierge) not_recorded: &'static str,
    pub(in crate::concierge) help: &'static str,
    pub(in crate::concierge) unknown: &'static str,
    pub(in crate::concierge) your_key: &'static str,
    pub(in crate::concierge) compare: &'static str,
    pub(in crate::concierge) named: &'static str,
    pub(in crate::concierge) name_how: &'static str,
    pub(in crate::concierge) list_line: &'static str,
    pub(in crate::concierge) list_empty: &'static str,
    pub(in crate::concierge) history: &'static str,
    pub(in crate::concierge) history_empty: &'static str,
    pub(in crate::concierge) revoke_how: &'static str,
    pub(in crate::concierge) revoked: &'static str,
    pub(in crate::concierge) no_such_key: &'static str,
    pub(in crate::concierge) no_phrase: &'static str,
    pub(in crate::concierge) verifying: &'static str,
    pub(in crate::concierge) verified: &'static str,
    pub(in crate::concierge) different: &'static str,
    pub(in crate::concierge) count_on: &'static str,
    pub(in crate::concierge) count_off: &'static str,
    pub(in crate::concierge) alarm: &'static str,
    pub(in crate::concierge) alarm_admin: &'static str,
    pub(in crate::concierge) device_joined: &'static str,
    pub(in crate::concierge) device_joined_admin: &'static str,
    pub(in crate::concierge) device_changed: &'static str,
    pub(in crate::concierge) device_changed_admin: &'static str,
    pub(in crate::concierge) revoked_back: &'static str,
    pub(in crate::concierge) revoked_back_admin: &'static str,
    pub(in crate::concierge) failed: &'static str,
    pub(in crate::concierge) state_revoked: &'static str,
    pub(in crate::concierge) state_seen: &'static str,
    pub(in crate::concierge) state_declared: &'static str,
    pub(in crate::concierge) state_attested: &'static str,
    pub(in crate::concierge) state_compared: &'static str,
}

/// Every language; the first is for whoever speaks none of them.
pub(in crate::concierge) static ALL: &[&Words] = &[&en::WORDS, &de::WORDS];

/// The language with this `xml:lang`, if it is one of ours.
#[must_use]
pub(in crate::concierge) fn by_code(code: &str) -> Option<&'static Words> {
    let primary = code.split(['-', '_']).next().unwrap_or_default();
    ALL.iter().copied().find(|words| words.code.eq_ignore_ascii_case(primary))
}

/// `sentence` with `{name}` and so on filled in. Braces in what is filled in stay as they are.
#[must_use]
pub(in crate::concierge) fn fill(sentence: &str, places: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sentence.len() + 64);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((place, behind)) = after.split_once('}') else { break };
        let value = places.iter().find(|(name, _)| *name == place).map(|(_, value)| *value);
        out.push_str(value.unwrap_or_default());
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Each sentence with its name, by what `Debug` shows of the struct.
    fn sentences(says: &Sentences) -> Vec<(String, BTreeSet<String>)> {
        let shown = format!("{says:#?}");
        let lines = shown.lines().filter_map(|line| line.trim().split_once(": \""));
        lines
            .map(|(name, text)| {
                assert!(text.trim_end_matches([',', '"']).len() > 1, "{name} is empty");
                let places = text.split('{').skip(1).filter_map(|p| p.split('}').next());
                (name.to_owned(), places.map(str::to_owned).collect())
            })
            .collect()
    }

    #[test]
    fn every_language_says_everything() {
        let reference = sentences(en::WORDS.says);
        assert!(reference.len() > 25, "the sentences are seen: {}", reference.len());
        for words in ALL {
            assert_eq!(sentences(words.says), reference, "{}", words.code);
        }
    }

    #[test]
    fn every_command_has_a_word_and_no_word_two_meanings() {
        let mut seen = BTreeSet::new();
        for words in ALL {
            for verb in Verb::ALL {
                let known = words.commands.iter().any(|(_, v)| v == verb);
                assert!(known, "{}: {verb:?}", words.code);
            }
            for (word, _) in words.commands {
                assert_eq!(*word, word.to_lowercase());
                assert!(seen.insert(*word), "{word} is there twice");
            }
        }
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(fill("{a} and {b}.", &[("a", "{b}"), ("b", "2")]), "{b} and 2.");
        assert_eq!(fill("none", &[]), "none");
        assert_eq!(by_code("de-AT").unwrap().code, "de");
        assert!(by_code("fr").is_none());
    }
}
