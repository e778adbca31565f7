//! Removing an account for good, with everything that anybody stored of it.
//!
//! Each feature deletes its own rows (`removed` in `features`); what is left here is the account
//! itself. Invariants: the account cannot log in any more and its clients are gone before its
//! data goes; all of it goes in one atomic batch, under the account's lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::Batch;
use xmpp::jid::BareJid;

use super::change::{ChangeError, disconnect};
use super::{ACCOUNTS, Accounts, LAST_LOG_IN, State};
use crate::admin::panel;
use crate::daemon::{Daemon, Now};
use crate::deliver;
use crate::directory;
use crate::durability::Ticket;
use crate::features::archive::purge::{self, Whose};
use crate::features::{self, Cx};
use crate::limits::REMOVAL_WAIT_MAX;
use crate::registry::{self, Slots};

/// How often to look whether the clients are gone.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Accounts {
    /// Removes `jid` for good, if it is deleted and its time is over. `false` if it is not.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn remove(&self, daemon: &Arc<Daemon>, jid: &BareJid) -> Result<bool, ChangeError> {
        if !self.is_over(jid)? {
            return Ok(false);
        }
        // By far the most, so in steps and before others have to wait. Nobody can restore it any more.
        purge::run(daemon, Whose::Of(jid.as_str()), u64::MAX).await?;
        let _turn = self.turn().await;
        if !self.is_over(jid)? {
            return Ok(false);
        }
        disconnect(daemon, jid, "The account was removed by an administrator.");
        let deadline = Instant::now() + REMOVAL_WAIT_MAX;
        while is_connected(daemon, jid) && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let ticket = self.erase(daemon, jid)?;
        daemon.durability.wait(ticket).await?;
        self.count_hashes()?;
        Ok(true)
    }

    fn is_over(&self, jid: &BareJid) -> Result<bool, ChangeError> {
        let now = Now::read().unix;
        let state = self.existing(jid)?.state;
        Ok(matches!(state, State::Deleted { until, .. } if until <= now))
    }

    fn erase(&self, daemon: &Arc<Daemon>, jid: &BareJid) -> Result<Ticket, ChangeError> {
        let local = jid.local().unwrap_or_default();
        let now = Now::read();
        let mut own = Batch::new();
        own.delete(&ACCOUNTS, local);
        own.delete(&LAST_LOG_IN, local);
        panel::end_all_of(&daemon.store, &mut own, jid)?;
        directory::remove_all_of(&mut own, jid);
        daemon.protection.remove_all_of(&mut own, jid);
        let mut list = VecDeque::new();
        let ticket = {
            let entry = daemon.registry.entry(jid);
            let mut account = registry::lock(&entry);
            let mut cx = Cx::new(daemon, now, &mut account, None);
            features::on_removed(&mut cx);
            let mut effects = cx.effects;
            effects.writes.append(own);
            // Nothing of the account may be believed any more.
            account.slots = Slots::default();
            let mut cache = self.cache();
            cache.remove(local);
            deliver::carry_out(daemon, &mut account, effects, 0, &mut list)
        };
        deliver::route_all(daemon, now, list.into());
        Ok(ticket)
    }
}

fn is_connected(daemon: &Daemon, jid: &BareJid) -> bool {
    daemon.registry.find(jid).is_some_and(|e| !registry::lock(&e).sessions.is_empty())
}
