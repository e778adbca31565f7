//! Calls over the real socket to a real daemon, as panel and command line make them.

mod accounts;
mod archive;
mod daemon;
mod fingerprints;
mod firewall;
mod panel;
mod protection;
mod sessions;
mod setup;
mod socket;
mod transfer;

use admin_api::accounts::{Account, Add, Role};
use admin_api::{Call, Problem, ProblemKind, Secret};

use crate::testing::Home;

/// The kind of problem that a call ends with.
fn kind<T: std::fmt::Debug>(result: Result<T, Problem>) -> ProblemKind {
    result.unwrap_err().kind
}

/// Adds an account as the command line does.
async fn add(home: &Home, name: &str, password: &str, role: Role) -> Account {
    let password = Some(Secret::new(password));
    let add = Add { name: name.to_owned(), display_name: String::new(), password, role };
    home.operator().call(add).await.unwrap().account
}

/// A call of the command line that must succeed.
async fn done<C: Call>(home: &Home, call: C) -> C::Reply {
    home.operator().call(call).await.unwrap()
}

/// Does `password` log `jid` in?
async fn can_log_in(home: &Home, jid: &str, password: &str) -> bool {
    let jid = xmpp::jid::BareJid::parse(jid).unwrap();
    home.daemon().auth.check_plain(home.daemon(), &jid, password).await.unwrap()
}
