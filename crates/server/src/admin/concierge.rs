//! What panel and command line want of the concierge.

use admin_api::concierge::{Phrase, PhraseReply};
use admin_api::{Problem, ProblemKind, Secret};
use xmpp::jid::BareJid;

use crate::accounts::change::ChangeError;
use crate::concierge::NAME;
use crate::daemon::{Daemon, Now};

/// Makes a phrase.
pub(super) fn phrase(daemon: &Daemon, call: &Phrase) -> Result<PhraseReply, Problem> {
    let jid = daemon.accounts.address(&call.name)?;
    if !daemon.accounts.exists(&jid) {
        return Err(ChangeError::NotFound(jid).into());
    }
    let fingerprint = daemon
        .concierge
        .fingerprint(&daemon.store)
        .map_err(|e| Problem::new(ProblemKind::Store, format!("The concierge is ill: {e}.")))?;
    let concierge =
        BareJid::from_parts(NAME, jid.domain()).map_or_else(|_| String::new(), |j| j.to_string());
    let (phrase, until) = daemon.concierge.phrase(&jid, Now::read());
    tracing::info!("a phrase for the concierge was made");
    Ok(PhraseReply {
        concierge,
        fingerprint: fingerprint.map(|f| f.to_hex()),
        phrase: Secret::new(phrase.as_str()),
        until,
    })
}
