//! The clients whose files are known: what each calls its file, the protocol and an account.
//!
//! Measured with Pidgin 2.14 and pidgin-otr 4.0, Profanity 0.13 and mcabber 1.1. Invariant: a line
//! whose account or protocol is not exactly the client's own is never looked at by it, so lines
//! for several accounts do no harm.

use super::fingerprints::Known;

/// A client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// Pidgin with pidgin-otr.
    Pidgin,
    /// Profanity.
    Profanity,
    /// mcabber.
    Mcabber,
}

/// Resources that people have in Pidgin: none, which is what it offers; its own name; and what
/// early versions filled in.
const PIDGIN_RESOURCES: [&str; 3] = ["", "Pidgin", "Home"];

/// Accounts of one person in one file; each has a line for every key.
pub const ACCOUNTS_MAX: usize = 16;

impl Client {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pidgin, Self::Profanity, Self::Mcabber];

    /// The client that is called `name` in small letters.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|client| client.as_str() == name)
    }

    /// Its name in small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pidgin => "pidgin",
            Self::Profanity => "profanity",
            Self::Mcabber => "mcabber",
        }
    }

    /// Its name as its people write it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Pidgin => "Pidgin",
            Self::Profanity => "Profanity",
            Self::Mcabber => "mcabber",
        }
    }

    /// Its name of the protocol XMPP.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        match self {
            Self::Pidgin => "prpl-jabber",
            Self::Profanity => "xmpp",
            Self::Mcabber => "jabber",
        }
    }

    /// What it calls its file of known fingerprints for the account `own`, a bare JID.
    #[must_use]
    pub fn fingerprints_file(self, own: &str) -> String {
        match self {
            Self::Pidgin => "otr.fingerprints".to_owned(),
            Self::Profanity => "fingerprints.txt".to_owned(),
            Self::Mcabber => format!("{own}.fpr"),
        }
    }

    /// What it calls the account `own`, a bare JID: Pidgin puts the resource behind it that is
    /// set for the account, and a bare `/` if none is. Besides the usual ones, those of `resources`
    /// and of the lines in `known`; at most [`ACCOUNTS_MAX`].
    #[must_use]
    pub fn accounts(self, own: &str, resources: &[&str], known: &[Known]) -> Vec<String> {
        if self != Self::Pidgin {
            return vec![own.to_owned()];
        }
        let told = resources.iter().map(|resource| format!("{own}/{resource}"));
        let seen = known.iter().filter(|k| k.protocol == self.protocol() && is_of(&k.account, own));
        let usual = PIDGIN_RESOURCES.iter().map(|resource| format!("{own}/{resource}"));
        let mut all: Vec<String> = Vec::new();
        // What is known to be in use comes before what only may be.
        for account in told.chain(seen.map(|k| k.account.clone())).chain(usual) {
            if !all.contains(&account) && all.len() < ACCOUNTS_MAX {
                all.push(account);
            }
        }
        all
    }
}

/// Is `account`, as a client calls it, the account `own`?
#[must_use]
pub fn is_of(account: &str, own: &str) -> bool {
    let bare = account.split('/').next().unwrap_or_default();
    bare.eq_ignore_ascii_case(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::fingerprints::read;

    #[test]
    fn pidgin_is_asked_what_it_calls_the_account() {
        let file = "bob@x\tAnn@home.example/Den\tprpl-jabber\t1111111111111111111111111111111111111111\t\n\
                    bob@x\tann@home.example/Sofa\txmpp\t1111111111111111111111111111111111111111\t\n\
                    bob@x\tcy@home.example/Den\tprpl-jabber\t1111111111111111111111111111111111111111\t\n";
        let known = read(file).unwrap();
        let own = "ann@home.example";
        let expected = ["Desk", "Den", "", "Pidgin", "Home"].map(|r| match r {
            "Den" => "Ann@home.example/Den".to_owned(),
            r => format!("{own}/{r}"),
        });
        assert_eq!(Client::Pidgin.accounts(own, &["Desk", ""], &known), {
            let mut sorted = expected.to_vec();
            sorted.swap(1, 2);
            sorted
        });
        assert_eq!(Client::Profanity.accounts(own, &["Desk"], &known), [own]);
        assert_eq!(Client::Mcabber.accounts(own, &[], &known), [own]);
        let many: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(Client::Pidgin.accounts(own, &many, &[]).len(), ACCOUNTS_MAX);
    }

    #[test]
    fn clients_are_found_by_name() {
        for client in Client::ALL {
            assert_eq!(Client::named(client.as_str()), Some(client));
            assert_eq!(client.title().to_lowercase(), client.as_str());
        }
        assert_eq!(Client::named("finch"), None);
        assert_eq!(Client::Mcabber.fingerprints_file("ann@home.example"), "ann@home.example.fpr");
    }
}
