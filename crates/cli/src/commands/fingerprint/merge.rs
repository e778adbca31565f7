//! `snug fingerprint merge`: the directory, taken into the file of a chat client.
//!
//! What becomes of the file is [`admin_api::client_file`]'s to say. Invariants: a file that holds a
//! private key is not read any further; nothing is written but to standard output.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use admin_api::client_file::{Enough, Owner, merged};
use admin_api::{accounts, fingerprints};
use clap::{Args, ValueEnum};
use otr::files::clients;
use otr::files::fingerprints::{read, write};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;

/// Whose client, and its file.
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The client's file of known fingerprints; - for none yet
    file: PathBuf,

    /// Name (ann) or address (ann@home.example) of the person whose client it is
    #[arg(long = "for", value_name = "NAME")]
    name: String,

    /// The client
    #[arg(long, value_name = "CLIENT", default_value = "pidgin")]
    client: Client,

    /// The account exactly as the client calls it, if it is unusual
    ///
    /// Pidgin calls it ann@home.example/Resource, or ann@home.example/ without a resource. The
    /// usual ones are there anyway, and what is in the file is found. The others call it
    /// ann@home.example.
    #[arg(long, value_name = "TEXT")]
    account: Option<String>,

    /// Count only what was compared in person as verified, not what the concierge attests
    #[arg(long)]
    compared_only: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Client {
    /// Pidgin: otr.fingerprints, read when Pidgin starts
    Pidgin,
    /// Profanity: fingerprints.txt
    Profanity,
    /// Mcabber: JID.fpr
    Mcabber,
}

impl From<Client> for clients::Client {
    fn from(client: Client) -> Self {
        match client {
            Client::Pidgin => Self::Pidgin,
            Client::Profanity => Self::Profanity,
            Client::Mcabber => Self::Mcabber,
        }
    }
}

#[derive(Serialize)]
struct Merged {
    /// The new content of the file.
    file: String,
}

pub(super) fn run(merge: &Merge, context: &mut Context) -> Result<ExitCode, Failure> {
    let before = content(&merge.file)?;
    super::refuse_private_key(&before)?;
    let cannot = |e: otr::files::FileError| Failure::Unusable(e.to_string());
    let before = read(&before).map_err(cannot)?;
    let daemon = context.daemon()?;
    let own = daemon.call(accounts::Show { name: merge.name.clone() })?.jid;
    let entries = daemon.call(fingerprints::List { name: None })?;
    let client = clients::Client::from(merge.client);
    let accounts = match &merge.account {
        Some(account) => vec![account.clone()],
        None => client.accounts(&own, &[], &before),
    };
    let owner = Owner { jid: &own, client, accounts: &accounts };
    let enough = if merge.compared_only { Enough::ComparedInPerson } else { Enough::Attested };
    let merged = Merged { file: write(&merged(before, &entries, &owner, enough)) };
    context.out.show(&merged, |out, merged| out.raw(merged.file.as_bytes()))
}

fn content(path: &Path) -> Result<String, Failure> {
    if path == Path::new("-") {
        return Ok(String::new());
    }
    std::fs::read_to_string(path).map_err(Failure::io(format!("cannot read {}", path.display())))
}
