//! `snug setup`: the first run.

use std::net::SocketAddr;
use std::process::ExitCode;

use admin_api::setup;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::{qr, when};

/// Port of HTTPS, left out of links.
const HTTPS: u16 = 443;

/// How to set up the home.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a link and a QR code with which the home is set up in a browser
    ///
    /// The link holds a one-time code. Whoever opens it first chooses the domain and becomes the
    /// first administrator, so show it to nobody else. A new link makes the one before useless.
    /// Once the home is set up, there are no more links.
    #[command(after_long_help = "\
Examples:
  snug setup link
  snug setup link --panel-url https://192.168.1.20
  snug setup link --domain home.example --admin ann")]
    Link(Link),
}

/// A set-up link.
#[derive(Debug, Args)]
pub(crate) struct Link {
    /// Where the panel is reached; by default this machine's name with .local, as the settings
    /// name the port
    #[arg(long, value_name = "URL")]
    panel_url: Option<String>,

    /// Domain that the page suggests for the home
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,

    /// Chat name that the page suggests for the first administrator
    #[arg(long, value_name = "NAME")]
    admin: Option<String>,
}

#[derive(Serialize)]
struct Made {
    url: String,
    until: admin_api::UnixTime,
}

pub(crate) fn run(command: &Command, context: &mut Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Link(link) => self::link(link, context),
    }
}

fn link(link: &Link, context: &mut Context) -> Result<ExitCode, Failure> {
    let panel = match &link.panel_url {
        Some(url) => checked(url)?,
        None => panel_url(&host_name(), &context.config()?.panel.listen),
    };
    let code = context.daemon()?.call(setup::NewCode {})?;
    // The link is what this command is for; it goes to the person who asked and nowhere else.
    let mut url = format!("{panel}/setup?code={}", percent_encoded(code.code.expose()));
    for (key, value) in [("domain", &link.domain), ("name", &link.admin)] {
        if let Some(value) = value {
            url.push_str(&format!("&{key}={}", percent_encoded(value)));
        }
    }
    let coloured = context.out.is_terminal();
    context.out.show(&Made { url, until: code.until }, |out, made| {
        let until = when::minute(made.until);
        out.line(&format!("Open this link in a browser of your home network, until {until}:"))?;
        out.line("")?;
        out.line(&format!("  {}", made.url))?;
        out.line("")?;
        for line in qr::lines(&made.url, coloured).unwrap_or_default() {
            out.raw(line.as_bytes())?;
            out.raw(b"\n")?;
        }
        out.line("")?;
        out.line("The browser will warn of an unknown certificate; that is expected this once.")
    })
}

/// A URL that a path can be put behind.
fn checked(url: &str) -> Result<String, Failure> {
    let url = url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let usable = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || "?#\"<>".contains(c))
    });
    if usable {
        return Ok(url.to_owned());
    }
    Err(Failure::Usage(format!(
        "--panel-url is {url:?}; it must be a URL such as https://192.168.1.20 or \
         https://snug.local:8443"
    )))
}

fn host_name() -> String {
    nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "snug".to_owned())
}

/// The name under which the machine announces itself (RFC 6762 §3), unless it has a domain.
fn panel_url(host: &str, listen: &[SocketAddr]) -> String {
    let host = if host.contains('.') { host.to_owned() } else { format!("{host}.local") };
    match listen.first().map_or(HTTPS, SocketAddr::port) {
        HTTPS | 0 => format!("https://{host}"),
        port => format!("https://{host}:{port}"),
    }
}

/// RFC 3986 §2.1, all but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_panel() {
        let at = |port| vec![SocketAddr::from(([0, 0, 0, 0], port))];
        assert_eq!(panel_url("snug", &at(443)), "https://snug.local");
        assert_eq!(panel_url("snug", &at(8443)), "https://snug.local:8443");
        assert_eq!(panel_url("pi.home.example", &at(443)), "https://pi.home.example");
        assert_eq!(panel_url("snug", &[]), "https://snug.local");
    }

    #[test]
    fn a_url_is_checked() {
        assert_eq!(checked("https://192.168.1.20/").unwrap(), "https://192.168.1.20");
        for url in ["", "192.168.1.20", "ftp://x", "https://", "https://a b", "https://a?b"] {
            assert!(matches!(checked(url), Err(Failure::Usage(_))), "{url}");
        }
    }

    #[test]
    fn codes_are_encoded() {
        assert_eq!(percent_encoded("AZaz09-._~"), "AZaz09-._~");
        assert_eq!(percent_encoded("a+b/ é"), "a%2Bb%2F%20%C3%A9");
    }
}
