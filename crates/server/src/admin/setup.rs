//! First run: a one-time code from the console lets one person choose the domain and become the
//! first administrator.
//!
//! Invariants: the code has 128 random bits and only its hash is stored; it works until it was
//! used to finish, until another one is made, or for a day; finishing writes domain, account,
//! session and the end of the code in one batch, so that it happens as a whole or not at all,
//! and once.

use std::sync::{Arc, PoisonError};

use admin_api::panel::SignedIn;
use admin_api::setup::{Code, Finish, State, StateReply};
use admin_api::{Problem, ProblemKind, Secret, accounts as api};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use store::Batch;

use super::panel::{self, Fresh, Origin};
use super::store_problem;
use crate::accounts::change::{credentials, display_name, not_reserved};
use crate::accounts::{self, Accounts, Record, Role};
use crate::daemon::{Daemon, Now};
use crate::limits::SETUP_CODE_SECONDS_MAX;
use crate::settings::{self, SetupCode};
use crate::{concierge, random};

/// Makes a code; the one before stops working.
pub(super) async fn code(daemon: &Daemon) -> Result<Code, Problem> {
    unfinished(daemon)?;
    let text = URL_SAFE_NO_PAD.encode(random::bytes::<16>());
    let until = Now::read().unix + SETUP_CODE_SECONDS_MAX;
    let mut batch = Batch::new();
    settings::put_setup_code(&mut batch, Some(&SetupCode { hash: panel::hash(&text), until }));
    daemon.durability.wait(daemon.durability.commit(batch)).await?;
    tracing::info!("a set-up code was made");
    Ok(Code { code: Secret::new(text), until })
}

/// Is set-up done, and is the code right?
pub(super) fn state(daemon: &Daemon, call: &State) -> Result<StateReply, Problem> {
    let domain = daemon.domain().map(|d| d.to_string());
    let code_ok = match &call.code {
        Some(code) if domain.is_none() => is_right(daemon, code)?,
        _ => false,
    };
    Ok(StateReply { domain, code_ok })
}

/// Finishes set-up and signs the first administrator in.
pub(super) async fn finish(daemon: &Arc<Daemon>, call: &Finish) -> Result<SignedIn, Problem> {
    unfinished(daemon)?;
    must_be_right(daemon, &call.code)?;
    let domain: Arc<str> = settings::check_domain(&call.domain)
        .map_err(|e| Problem::new(ProblemKind::Invalid, e.to_string()))?
        .into();
    let jid = accounts::address_at(&call.name, &domain)?;
    not_reserved(&jid)?;
    let display_name = display_name(&call.display_name)?.to_owned();
    let credentials = credentials(daemon, &jid, Some(&call.password), Role::Admin).await?;

    let turn = daemon.accounts.turn().await;
    // Somebody else may have finished while the password was hashed.
    unfinished(daemon)?;
    must_be_right(daemon, &call.code)?;
    let now = Now::read().unix;
    let record = Record {
        display_name: display_name.clone(),
        role: Role::Admin,
        state: accounts::State::Active,
        created: now,
        scram: credentials.scram,
        panel_hash: credentials.panel_hash,
    };
    let local = jid.local().unwrap_or_default();
    let session =
        Fresh::new((local, accounts::Role::Admin), Origin::new(&call.address, &call.agent), now);
    let mut batch = Batch::new();
    settings::put_domain(&mut batch, &domain);
    settings::put_setup_code(&mut batch, None);
    Accounts::put_into(&mut batch, &jid, &record);
    session.write(&mut batch);
    daemon.accounts.write(daemon, batch, &[local]).await?;
    open(daemon, &domain);
    drop(turn);
    tracing::info!("set-up is finished");
    // The directory needs the domain.
    tokio::spawn(concierge::prepare(Arc::clone(daemon)));
    let person = admin_api::panel::Person {
        jid: jid.to_string(),
        display_name,
        role: api::Role::Admin,
        domain: domain.to_string(),
    };
    Ok(SignedIn { token: session.token, person })
}

/// The domain is durable: from now on people can log in.
fn open(daemon: &Daemon, domain: &Arc<str>) {
    daemon.accounts.set_domain(Arc::clone(domain));
    if let Err(e) = daemon.tls.set_domain(domain) {
        // The old certificate still serves, and the health page tells what to do.
        tracing::error!(error = %e, "there is no certificate for the domain yet");
    }
    *daemon.domain.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(domain));
}

fn unfinished(daemon: &Daemon) -> Result<(), Problem> {
    if daemon.domain().is_none() {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::Setup, "Set-up is finished already."))
}

fn must_be_right(daemon: &Daemon, code: &Secret) -> Result<(), Problem> {
    if is_right(daemon, code)? {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::SignIn,
        "This set-up link does not work any more; make a new one on the server.",
    ))
}

fn is_right(daemon: &Daemon, code: &Secret) -> Result<bool, Problem> {
    if !daemon.auth.may_try_code(Now::read()) {
        return Err(Problem::new(
            ProblemKind::Throttled,
            "Too many wrong set-up links; try again in a minute.",
        ));
    }
    let kept = settings::setup_code(&daemon.store).map_err(store_problem)?;
    // Hashes are compared, so that the time of the comparison tells nothing of the code.
    let right =
        kept.is_some_and(|k| k.until > Now::read().unix && k.hash == panel::hash(code.expose()));
    if !right {
        daemon.auth.code_failed(Now::read());
    }
    Ok(right)
}
