//! `snug status`: what the daemon says of itself.

use std::process::ExitCode;

use admin_api::daemon::{self, StatusReply};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Output;
use crate::when;

/// Show version, domain, ports and counters of the server.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  snug status
  snug status --json | jq .counters")]
pub(crate) struct Status {}

pub(crate) fn run(_: &Status, context: &mut Context) -> Result<ExitCode, Failure> {
    let status = context.daemon()?.call(daemon::Status {})?;
    context.out.show(&status, tell)
}

fn tell(out: &mut Output, status: &StatusReply) -> Result<(), Failure> {
    let port = |port: u16| if port == 0 { "off".to_owned() } else { format!("port {port}") };
    let domain = status.domain.clone();
    out.pairs(&[
        ("Version", status.version.clone()),
        ("Domain", domain.unwrap_or_else(|| "not set up yet; see `snug setup link`".to_owned())),
        ("Running since", when::minute(status.started)),
        ("Accounts", status.accounts.to_string()),
        ("Clients", status.sessions.to_string()),
        ("STARTTLS", port(status.ports.starttls)),
        ("Direct TLS", port(status.ports.direct_tls)),
        ("Certificate", super::tls::shown_sha256(&status.certificate_sha256)),
    ])?;
    if status.counters.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.line("Since the start:")?;
    let counters: Vec<(&str, String)> =
        status.counters.iter().map(|(name, n)| (name.as_str(), n.to_string())).collect();
    out.pairs(&counters)
}
