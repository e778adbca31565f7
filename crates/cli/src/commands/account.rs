//! `snug account`: people's accounts.

use std::process::ExitCode;

use admin_api::accounts::{self, Account, Added, Role, State};
use clap::{Args, Subcommand, ValueEnum};

use crate::confirm::confirm;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::{password, when};

/// Longest grace period, in days, that makes sense to offer.
const GRACE_DAYS_MAX: i64 = 365;

/// What to do with accounts.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an account
    ///
    /// Asks for the password twice, without showing it. A password has at least 8 characters.
    #[command(after_long_help = "\
Examples:
  snug account add ann --display-name 'Ann Example'
  snug account add tim --generate       snugd makes a password, shown once
  pass show tim | snug account add tim --password-stdin
  snug account add kim --admin          manages the home in the panel")]
    Add(Add),
    /// Delete an account
    ///
    /// For 14 days, or as many as --grace-days says, nobody can log in to it, nobody else gets
    /// its name, and `snug account restore` brings it back with everything in it. After that it
    /// is gone for good. The last administrator cannot be deleted.
    #[command(after_long_help = "\
Examples:
  snug account delete tim
  snug account delete tim --grace-days 30
  snug account delete tim --now --yes   at once, for good, without asking")]
    Delete(Delete),
    /// List all accounts
    #[command(after_long_help = "\
Examples:
  snug account list
  snug account list --json | jq -r '.[].jid'")]
    List,
    /// Lock an account: no log-in, its clients are disconnected, nothing is lost
    #[command(after_long_help = "\
Examples:
  snug account lock tim")]
    Lock(Name),
    /// Set a new password
    ///
    /// Clients that are connected stay; each needs the new password when it connects again.
    #[command(after_long_help = "\
Examples:
  snug account password ann
  snug account password tim --generate")]
    Password(Password),
    /// Bring back a deleted account within its grace period
    #[command(after_long_help = "\
Examples:
  snug account restore tim")]
    Restore(Name),
    /// Make somebody an administrator, or no longer
    ///
    /// Administrators manage everything in the panel; members see their own. The last administrator
    /// stays.
    #[command(after_long_help = "\
Examples:
  snug account role kim admin
  snug account role kim member")]
    Role(SetRole),
    /// Show one account
    #[command(after_long_help = "\
Examples:
  snug account show ann")]
    Show(Name),
    /// Unlock an account that was locked
    #[command(after_long_help = "\
Examples:
  snug account unlock tim")]
    Unlock(Name),
}

/// One account.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// Name (ann) or address (ann@home.example)
    name: String,
}

/// A new account.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Name (ann) or address (ann@home.example)
    name: String,

    /// The name shown to people
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    display_name: String,

    /// Make the person an administrator
    #[arg(long)]
    admin: bool,

    #[command(flatten)]
    source: password::Source,
}

/// A new password.
#[derive(Debug, Args)]
pub(crate) struct Password {
    /// Name (ann) or address (ann@home.example)
    name: String,

    #[command(flatten)]
    source: password::Source,
}

/// An account to delete.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Name (ann) or address (ann@home.example)
    name: String,

    /// Days in which it can be restored, 1 to 365
    #[arg(long, value_name = "DAYS", conflicts_with = "now",
          value_parser = clap::value_parser!(u16).range(1..=GRACE_DAYS_MAX))]
    grace_days: Option<u16>,

    /// Remove it at once and for good
    #[arg(long)]
    now: bool,

    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// A new role.
#[derive(Debug, Args)]
pub(crate) struct SetRole {
    /// Name (ann) or address (ann@home.example)
    name: String,

    /// The new role
    role: RoleName,
}

/// What an account may do in the panel.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Manages people and settings
    Admin,
    /// Chats
    Member,
}

pub(crate) fn run(command: Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Add(add) => self::add(add, context),
        Command::Delete(delete) => self::delete(delete, context),
        Command::List => list(context),
        Command::Lock(Name { name }) => {
            change(context, accounts::Lock { name, locked: true }, "is locked")
        }
        Command::Password(password) => self::password(password, context),
        Command::Restore(Name { name }) => change(context, accounts::Restore { name }, "is back"),
        Command::Role(SetRole { name, role }) => {
            let (role, words) = match role {
                RoleName::Admin => (Role::Admin, "is an administrator"),
                RoleName::Member => (Role::Member, "is a member"),
            };
            change(context, accounts::SetRole { name, role }, words)
        }
        Command::Show(Name { name }) => {
            let account = context.daemon()?.call(accounts::Show { name })?;
            context.out.show(&account, show)
        }
        Command::Unlock(Name { name }) => {
            change(context, accounts::Lock { name, locked: false }, "is unlocked")
        }
    }
}

/// A call that answers with the account, and what to say of it.
fn change<C>(context: &mut Context, call: C, words: &str) -> Result<ExitCode, Failure>
where
    C: admin_api::Call<Reply = Account>,
{
    let account = context.daemon()?.call(call)?;
    context.out.show(&account, |out, a| out.line(&format!("{} {words}.", a.jid)))
}

fn add(add: Add, context: &mut Context) -> Result<ExitCode, Failure> {
    let daemon = context.daemon()?;
    let password = add.source.read(&add.name)?;
    let role = if add.admin { Role::Admin } else { Role::Member };
    let added = daemon.call(accounts::Add {
        name: add.name,
        display_name: add.display_name,
        password,
        role,
    })?;
    context.out.show(&added, |out, added| told(out, added, "is ready"))
}

fn password(password: Password, context: &mut Context) -> Result<ExitCode, Failure> {
    let daemon = context.daemon()?;
    let new = password.source.read(&password.name)?;
    let changed = daemon.call(accounts::SetPassword { name: password.name, password: new })?;
    context.out.show(&changed, |out, changed| told(out, changed, "has a new password"))
}

fn told(out: &mut Output, added: &Added, words: &str) -> Result<(), Failure> {
    out.line(&format!("{} {words}.", added.account.jid))?;
    if let Some(password) = &added.generated_password {
        // The person asked for it; it is shown once and kept nowhere.
        out.line(&format!("Password: {}", password.expose()))?;
        out.line("It is not shown again.")?;
    }
    Ok(())
}

fn delete(delete: Delete, context: &mut Context) -> Result<ExitCode, Failure> {
    let daemon = context.daemon()?;
    // Shows whom it is about, and fails before the question if there is nobody.
    let account = daemon.call(accounts::Show { name: delete.name })?;
    let question = if delete.now {
        format!("Delete {} and everything in it, now and for good?", account.jid)
    } else {
        format!("Delete {}?", account.jid)
    };
    confirm(delete.yes, &question)?;
    let grace_days = if delete.now { Some(0) } else { delete.grace_days };
    let account = daemon.call(accounts::Delete { name: account.jid, grace_days })?;
    context.out.show(&account, |out, account| match account.state {
        State::Deleted { until } if !delete.now => out.line(&format!(
            "{} is deleted. Until {} `snug account restore` brings it back.",
            account.jid,
            when::minute(until)
        )),
        _ => out.line(&format!("{} is gone for good.", account.jid)),
    })
}

fn list(context: &mut Context) -> Result<ExitCode, Failure> {
    let accounts = context.daemon()?.call(accounts::List {})?;
    context.out.show(&accounts, |out, accounts| {
        let rows: Vec<[String; 7]> = accounts
            .iter()
            .map(|a| {
                [
                    a.jid.clone(),
                    a.display_name.clone(),
                    role(a.role).to_owned(),
                    state(a.state),
                    last_login(a),
                    a.sessions.to_string(),
                    a.fingerprints.to_string(),
                ]
            })
            .collect();
        let heads = ["ADDRESS", "NAME", "ROLE", "STATE", "LAST LOG-IN", "CLIENTS", "FINGERPRINTS"];
        out.table(heads, &rows, "There are no accounts yet; `snug account add` makes one.")
    })
}

fn show(out: &mut Output, a: &Account) -> Result<(), Failure> {
    out.pairs(&[
        ("Address", a.jid.clone()),
        ("Name", a.display_name.clone()),
        ("Role", role(a.role).to_owned()),
        ("State", state(a.state)),
        ("Made", when::minute(a.created)),
        ("Last log-in", last_login(a)),
        ("Clients", a.sessions.to_string()),
        ("Fingerprints", a.fingerprints.to_string()),
    ])
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Member => "member",
    }
}

fn state(state: State) -> String {
    match state {
        State::Active => "active".to_owned(),
        State::Deleted { until } => format!("deleted, until {}", when::day(until)),
        State::Locked => "locked".to_owned(),
    }
}

fn last_login(account: &Account) -> String {
    account.last_login_day.map_or_else(|| "never".to_owned(), when::day)
}
