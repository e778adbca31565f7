//! The implementations of other people that the engine is tried against, and what each can do.

use crate::Failure;

/// Which side can tell its extra symmetric key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtraKey {
    No,
    /// Only its own; it does not tell the one that it was given.
    Own,
    Both,
}

/// Whose query leads to a further key exchange, where a session stands or has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    Either,
    Theirs,
    /// It has to begin anew as a whole.
    Nobodys,
}

/// One implementation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// Its name on the page, with where it comes from.
    pub(crate) title: &'static str,
    /// What it is started with, each in turn: the versions it may speak.
    pub(crate) versions: &'static [&'static str],
    pub(crate) extra_key: ExtraKey,
    /// It gives up where the words differ, and the one who asked hears of that alone.
    pub(crate) gives_up_when_different: bool,
    pub(crate) renewal: Renewal,
    /// It gets a session although both began at the same moment.
    pub(crate) both_at_once: bool,
    /// How often a key exchange is tried; more than once for an implementation that fails by
    /// itself now and then.
    pub(crate) tries: u32,
    /// What people should know of it; for the page.
    pub(crate) remark: &'static str,
}

/// All of them, in the order of the page.
pub(crate) const ALL: &[Kind] = &[
    Kind {
        name: "libotr",
        title: "libotr 4.1 (Debian: Pidgin, mcabber)",
        versions: &["2", "3", "23"],
        extra_key: ExtraKey::Both,
        gives_up_when_different: false,
        renewal: Renewal::Either,
        both_at_once: true,
        tries: 1,
        remark: "",
    },
    Kind {
        name: "go",
        title: "otr3 (Debian, Go)",
        versions: &["2", "3", "23"],
        extra_key: ExtraKey::Own,
        gives_up_when_different: true,
        renewal: Renewal::Theirs,
        both_at_once: false,
        tries: 1,
        remark: "Where the words differ it gives up instead of saying so. For a minute after a key \
                 exchange it does not answer queries; a further exchange begins with its own. Where \
                 both begin at the same moment it may be stuck for that minute, so this is not tried.",
    },
    Kind {
        name: "potr",
        title: "python-potr 1.0.2",
        versions: &["2"],
        extra_key: ExtraKey::No,
        gives_up_when_different: true,
        renewal: Renewal::Either,
        both_at_once: true,
        tries: 1,
        remark: "Version 2 alone. Where the words differ it gives up instead of saying so. Its cryptography toolkit is gone; the test gives it another.",
    },
    Kind {
        name: "npm",
        title: "otr 0.2.16 (npm)",
        versions: &["2", "23"],
        extra_key: ExtraKey::No,
        gives_up_when_different: false,
        renewal: Renewal::Nobodys,
        both_at_once: true,
        tries: 6,
        remark: "A key exchange that it answers to our query fails once in sixteen, by a fault of its \
                 own (a random number that begins with a zero is written too short): it is tried again. \
                 It cannot renew a session: it goes on with old keys.",
    },
];

/// The one called `name`.
pub(crate) fn by_name(name: &str) -> Result<Kind, Failure> {
    let found = ALL.iter().find(|kind| kind.name == name);
    Ok(*found.ok_or_else(|| format!("nothing is known of {name}"))?)
}
