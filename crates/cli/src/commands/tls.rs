//! `snug tls`: certificates.

use std::process::ExitCode;

use admin_api::tls;
use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::remark;

/// What to do with certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the certificate of the home's own authority
    ///
    /// A device that trusts it trusts this server, without a question. Its SHA-256 fingerprint
    /// goes to standard error, so that the output is a PEM file.
    #[command(after_long_help = "\
Examples:
  snug tls authority
  snug tls authority > home.pem
  snug tls authority --json | jq -r .sha256")]
    Authority,
    /// Read the certificate files again, without a restart
    ///
    /// With `tls.mode = "files"`: after a renewal. If the new files are not usable, the old
    /// certificate stays in use.
    #[command(after_long_help = "\
Examples:
  snug tls reload")]
    Reload,
}

pub(crate) fn run(command: &Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Authority => authority(context),
        Command::Reload => {
            let done = context.daemon()?.call(tls::Reload {})?;
            context.out.show(&done, |out, _| out.line("The certificate files were read again."))
        }
    }
}

fn authority(context: &mut Context) -> Result<ExitCode, Failure> {
    let authority = context.daemon()?.call(tls::Authority {})?;
    if authority.pem.is_none() && !context.out.is_json() {
        return Err(Failure::Usage(
            "this home has no authority of its own: its certificate comes from files \
             (`tls.mode` in the settings)"
                .to_owned(),
        ));
    }
    context.out.show(&authority, |out, authority| {
        remark(&format!("SHA-256 {}", shown_sha256(&authority.sha256)));
        let pem = authority.pem.as_deref().unwrap_or_default();
        pem.lines().try_for_each(|line| out.line(line))
    })
}

/// `AB:CD:…`, as browsers and systems show it.
pub(crate) fn shown_sha256(hex: &str) -> String {
    let upper = hex.to_ascii_uppercase();
    let pairs: Vec<&str> =
        (0..upper.len()).step_by(2).filter_map(|i| upper.get(i..i + 2)).collect();
    if pairs.is_empty() { "none".to_owned() } else { pairs.join(":") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn pairs() {
        assert_eq!(super::shown_sha256("ab01ff"), "AB:01:FF");
        assert_eq!(super::shown_sha256(""), "none");
    }
}
