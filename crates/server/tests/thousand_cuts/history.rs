//! What one device has of the conversation, as a good client keeps it.
//!
//! Messages are told apart by the name that the account's archive gave them (XEP-0359), and those
//! that this person's devices sent by the name that the sender gave them. Invariant: a message is
//! added once; whatever else comes is counted by what it was.

use std::collections::BTreeMap;

/// How a message came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As it was said.
    Live,
    /// In a page of the archive.
    Page,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its `origin-id`.
    pub(crate) origin: String,
    /// Its name in the account's archive; `None` = no archive.
    pub(crate) name: Option<String>,
    pub(crate) way: Way,
}

/// What a message was to the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    New,
    /// One that this device sent: now it knows its name.
    Named,
    /// The archive and the stream overlap.
    Overlap,
    /// The same message was said to this device twice, in the same session or in another one.
    Again {
        same_session: bool,
    },
    /// The same words under another name: they are in the archive twice.
    Double,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Names by `origin-id`.
    names: BTreeMap<String, Option<String>>,
    /// Which of them came live, and in which session.
    live: BTreeMap<String, u32>,
    /// Sessions so far.
    session: u32,
    /// In the order in which they were added.
    order: Vec<String>,
    /// Up to where it is complete.
    cursor: Option<String>,
}

impl History {
    /// This device says it.
    pub(crate) fn said(&mut self, origin: &str) {
        assert!(self.names.insert(origin.to_owned(), None).is_none());
        self.order.push(origin.to_owned());
    }

    /// It comes from the daemon.
    pub(crate) fn take(&mut self, seen: &Seen) -> Taken {
        let key = seen.name.as_ref().unwrap_or(&seen.origin).clone();
        let before = match seen.way {
            Way::Live => self.live.insert(key, self.session),
            Way::Page => None,
        };
        if seen.way == Way::Page {
            self.cursor.clone_from(&seen.name);
        }
        let Some(known) = self.names.get_mut(&seen.origin) else {
            self.names.insert(seen.origin.clone(), seen.name.clone());
            self.order.push(seen.origin.clone());
            self.cursor.clone_from(&seen.name);
            return Taken::New;
        };
        match (&known, &seen.name) {
            (None, Some(_)) => {
                known.clone_from(&seen.name);
                Taken::Named
            }
            (Some(known), Some(name)) if known != name => Taken::Double,
            _ => match before {
                Some(session) => Taken::Again { same_session: session == self.session },
                None => Taken::Overlap,
            },
        }
    }

    /// A session begins, which is not the one before.
    pub(crate) fn new_session(&mut self) {
        self.session += 1;
    }

    pub(crate) fn has(&self, origin: &str) -> bool {
        self.names.contains_key(origin)
    }

    /// Is `origin` in the archive, as far as this device knows?
    pub(crate) fn is_archived(&self, origin: &str) -> bool {
        matches!(self.names.get(origin), Some(Some(_)))
    }

    /// The name of `origin` in the archive, if it is known.
    pub(crate) fn name(&self, origin: &str) -> Option<&str> {
        self.names.get(origin)?.as_deref()
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn order(&self) -> &[String] {
        &self.order
    }

    /// After which message of the archive to ask.
    pub(crate) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The archive does not know where this history ends: ask from its beginning.
    pub(crate) fn forget_cursor(&mut self) {
        self.cursor = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(origin: &str, name: &str, way: Way) -> Seen {
        Seen { origin: origin.to_owned(), name: Some(name.to_owned()), way }
    }

    #[test]
    fn what_comes_is_told_apart() {
        let mut history = History::default();
        history.said("mine");
        assert!(history.has("mine") && !history.is_archived("mine"));
        assert_eq!(history.take(&seen("a", "1", Way::Live)), Taken::New);
        assert_eq!(history.cursor(), Some("1"));
        assert_eq!(history.take(&seen("mine", "2", Way::Page)), Taken::Named);
        assert!(history.is_archived("mine"));
        assert_eq!(history.take(&seen("b", "3", Way::Page)), Taken::New);
        assert_eq!(history.take(&seen("b", "3", Way::Live)), Taken::Overlap);
        assert_eq!(history.take(&seen("b", "3", Way::Live)), Taken::Again { same_session: true });
        history.new_session();
        assert_eq!(history.take(&seen("a", "1", Way::Live)), Taken::Again { same_session: false });
        assert_eq!(history.take(&seen("b", "9", Way::Live)), Taken::Double);
        assert_eq!(history.cursor(), Some("3"), "what is known moves nothing");
        assert_eq!(history.order(), ["mine", "a", "b"]);
    }

    #[test]
    fn without_an_archive_the_senders_name_counts() {
        let mut history = History::default();
        let seen = Seen { origin: "a".to_owned(), name: None, way: Way::Live };
        assert_eq!(history.take(&seen), Taken::New);
        assert_eq!(history.take(&seen), Taken::Again { same_session: true });
    }
}
