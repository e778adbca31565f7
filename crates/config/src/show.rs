//! What is in force, written as a file.
//!
//! Invariant: the result parses to the same [`Config`]; a test proves it.

use std::net::SocketAddr;
use std::path::Path;

use crate::{ChatFrom, Config, Network, Tls};

pub(crate) fn to_toml(c: &Config) -> String {
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(text);
        out.push('\n');
    };
    line("[server]");
    line(&format!("data_dir = {}", path(&c.server.data_dir)));
    line("\n[c2s]");
    line(&format!("starttls = {}", addresses(&c.c2s.starttls)));
    line(&format!("direct_tls = {}", addresses(&c.c2s.direct_tls)));
    line(&format!("plain = {}", c.c2s.plain));
    line("\n[tls]");
    match &c.tls {
        Tls::OwnCa => line("mode = \"own-ca\""),
        Tls::Files { certificate, key } => {
            line("mode = \"files\"");
            line(&format!("certificate = {}", path(certificate)));
            line(&format!("key = {}", path(key)));
        }
    }
    line("\n[admin]");
    line(&format!("socket = {}", path(&c.admin.socket)));
    line(&format!("panel_user = {}", quoted(&c.admin.panel_user)));
    line("\n[panel]");
    line(&format!("listen = {}", addresses(&c.panel.listen)));
    line(&format!("data_dir = {}", path(&c.panel.data_dir)));
    line(&format!("lan_only = {}", c.panel.lan_only));
    line("\n[components]");
    line(&format!("listen = {}", addresses(&c.components.listen)));
    line(&format!("secrets = {}", path(&c.components.secrets)));
    line(&format!("beyond_loopback = {}", c.components.beyond_loopback));
    line("\n[firewall]");
    line(&format!("chat_from = {}", chat_from(&c.firewall.chat_from)));
    line(&format!("home = {}", networks(&c.firewall.home)));
    line(&format!("ssh = {}", c.firewall.ssh));
    line("\n[contact]");
    line(&format!("admin = {}", list(&c.contact.admin)));
    line(&format!("abuse = {}", list(&c.contact.abuse)));
    line(&format!("support = {}", list(&c.contact.support)));
    line("\n[limits]");
    line(&format!("sessions_per_account = {}", c.limits.sessions_per_account));
    line(&format!("resume_seconds = {}", c.limits.resume_seconds));
    line(&format!("offline_messages = {}", c.limits.offline_messages));
    line(&format!("connections_per_address = {}", c.limits.connections_per_address));
    line(&format!("stanza_bytes = {}", c.limits.stanza_bytes));
    line("\n[log]");
    line(&format!("level = {}", quoted(c.log.level.as_str())));
    out
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn addresses(addresses: &[SocketAddr]) -> String {
    list(&addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>())
}

fn chat_from(from: &ChatFrom) -> String {
    let word = |word: &str| list(&[word.to_owned()]);
    match from {
        ChatFrom::Panel => word("panel"),
        ChatFrom::Lan => word("lan"),
        ChatFrom::Everywhere => word("everywhere"),
        ChatFrom::Networks(all) => networks(all),
    }
}

fn networks(networks: &[Network]) -> String {
    list(&networks.iter().map(Network::to_string).collect::<Vec<_>>())
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|i| quoted(i)).collect();
    format!("[{}]", items.join(", "))
}

/// A basic string of TOML. Values have no control characters ([`crate::check`]).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
