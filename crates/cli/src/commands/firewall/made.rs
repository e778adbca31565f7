//! The rules of this machine: the settings, the choice of the panel, and the users there are.
//!
//! Invariant: what the choice is read from belongs to the daemon's user and is not trusted: one of
//! two words, from a plain file, or the home's own network.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use config::Config;
use firewall::table::{OWN_USERS, USERS, rows};
use firewall::{Asked, Choice, document, rules};
use nix::fcntl::OFlag;
use nix::unistd::User;

use crate::failure::Failure;
use crate::output::remark;

/// Rules, and what they say about chat.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// For nft(8).
    pub(super) text: String,
    /// Which of the users that rules can name are here.
    pub(super) users: Vec<String>,
    /// What was chosen in the panel.
    pub(super) choice: Choice,
    /// From where chat clients may connect, for a person.
    pub(super) chat_from: String,
}

/// Makes the rules by these settings.
pub(super) fn make(config: &Config) -> Result<Made, Failure> {
    let choice = choice(config)?;
    let users = users();
    let asked = Asked { config, choice, users: &users };
    let chat = rows(&asked).into_iter().find(|(entry, _)| entry.id == "in_chat");
    let chat_from = chat.map_or_else(|| "nowhere".to_owned(), |(_, p)| document::peer(&p.peer));
    Ok(Made { text: rules::text(&asked), choice, chat_from, users })
}

/// The rules of these settings while nobody has chosen anything.
pub(super) fn of_no_choice(config: &Config) -> String {
    rules::text(&Asked { config, choice: Choice::Lan, users: &users() })
}

fn users() -> Vec<String> {
    let all = USERS.iter().chain(OWN_USERS);
    let here = all.filter(|user| matches!(User::from_name(user), Ok(Some(_))));
    here.map(|user| (*user).to_owned()).collect()
}

/// What was chosen in the panel; the home's own network as long as nothing was.
fn choice(config: &Config) -> Result<Choice, Failure> {
    let path = config.server.data_dir.join(firewall::CHOICE_FILE);
    match read(&path) {
        Ok(word) => Ok(Choice::from_word(&word).unwrap_or_else(|| {
            remark(&format!("{}: not understood; the home's network it is", path.display()));
            Choice::Lan
        })),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Choice::Lan),
        Err(e) => Err(Failure::Io(
            format!("cannot read what was chosen in the panel, {} (try sudo)", path.display()),
            e,
        )),
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    // A pipe would make us wait, a link lead elsewhere.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("not a plain file"));
    }
    let mut word = String::new();
    file.take(Choice::BYTES_MAX as u64).read_to_string(&mut word)?;
    Ok(word)
}
