//! Removes what has had its time: deleted accounts past their grace, panel sessions, devices, set-up codes,
//! wrong passwords of long ago, registry entries that nobody uses.

use std::sync::Arc;
use std::time::Duration;

use store::Batch;
use xmpp::jid::BareJid;

use super::{Run, Service};
use crate::accounts::State;
use crate::admin::panel;
use crate::daemon::{Daemon, Now};
use crate::{devices, settings};

/// Every ten minutes: nothing here is urgent, since what is over is not used either way.
pub(super) const SERVICE: Service =
    Service { name: "cleanup", every: Duration::from_secs(600), run };

fn run(daemon: Arc<Daemon>) -> Run {
    Box::pin(async move {
        let now = Now::read();
        daemon.auth.sweep(now);
        daemon.registry.sweep();
        panel::sweep(&daemon, now.unix).map_err(|e| e.to_string())?;
        devices::sweep(&daemon, now.unix).map_err(|e| e.to_string())?;
        expire_setup_code(&daemon, now)?;
        remove_accounts(&daemon, now).await
    })
}

fn expire_setup_code(daemon: &Daemon, now: Now) -> Result<(), String> {
    let code = settings::setup_code(&daemon.store).map_err(|e| e.to_string())?;
    if code.is_some_and(|c| c.until <= now.unix) {
        let mut batch = Batch::new();
        settings::put_setup_code(&mut batch, None);
        daemon.durability.commit(batch);
    }
    Ok(())
}

async fn remove_accounts(daemon: &Arc<Daemon>, now: Now) -> Result<(), String> {
    let Some(domain) = daemon.domain() else { return Ok(()) };
    let mut over = Vec::new();
    let look = |local: &str, record: &crate::accounts::Record| {
        if matches!(record.state, State::Deleted { until, .. } if until <= now.unix) {
            over.push(local.to_owned());
        }
    };
    daemon.accounts.for_each(look).map_err(|e| e.to_string())?;
    for local in over {
        let jid = BareJid::from_parts(&local, &domain).map_err(|e| e.to_string())?;
        if daemon.accounts.remove(daemon, &jid).await.map_err(|e| e.to_string())? {
            tracing::info!("a deleted account was removed for good");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use admin_api::accounts::{Add, Role};
    use admin_api::{ProblemKind, Secret, panel as api};

    use super::*;
    use crate::limits::PANEL_SESSION_SECONDS_MAX;
    use crate::settings::SetupCode;
    use crate::testing::Home;

    async fn add(home: &Home, name: &str) -> BareJid {
        let add = Add {
            name: name.to_owned(),
            display_name: String::new(),
            password: Some(Secret::new("battery staple")),
            role: Role::Member,
        };
        BareJid::parse(&home.operator().call(add).await.unwrap().account.jid).unwrap()
    }

    #[tokio::test]
    async fn only_accounts_past_their_grace_are_removed() {
        let (home, _) = Home::set_up().await;
        let (over, still) = (add(&home, "bob").await, add(&home, "cy").await);
        let (daemon, now) = (home.daemon(), Now::read().unix);
        daemon.accounts.delete(daemon, &over, now).await.unwrap();
        daemon.accounts.delete(daemon, &still, now + 60).await.unwrap();
        run(Arc::clone(daemon)).await.unwrap();
        assert!(daemon.accounts.lookup(&over).unwrap().is_none());
        assert!(daemon.accounts.lookup(&still).unwrap().is_some());
        // Too late: half of it might be gone.
        daemon.accounts.restore(daemon, &still).await.unwrap();
        daemon.accounts.delete(daemon, &still, now).await.unwrap();
        assert!(daemon.accounts.restore(daemon, &still).await.is_err());
    }

    #[tokio::test]
    async fn what_is_over_is_forgotten() {
        let (home, token) = Home::set_up().await;
        let daemon = home.daemon();
        run(Arc::clone(daemon)).await.unwrap();
        assert!(home.panel().call_as(token.clone(), api::Who {}).await.is_ok());
        panel::sweep(daemon, Now::read().unix + PANEL_SESSION_SECONDS_MAX).unwrap();
        let who = home.panel().call_as(token, api::Who {}).await;
        assert_eq!(who.unwrap_err().kind, ProblemKind::SignIn);

        let mut batch = Batch::new();
        let code = SetupCode { hash: "00".to_owned(), until: Now::read().unix };
        settings::put_setup_code(&mut batch, Some(&code));
        daemon.store.commit_blocking(batch).unwrap();
        run(Arc::clone(daemon)).await.unwrap();
        assert_eq!(settings::setup_code(&daemon.store).unwrap(), None);
    }
}
