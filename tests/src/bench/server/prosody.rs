//! Debian's Prosody: only what a small server for clients needs, accounts as files.

use std::fmt::Write;
use std::path::Path;

use tokio::process::{Child, Command};

use super::super::failure::{Doing, Failure, Result};
use super::super::{DOMAIN, user};
use super::Start;

const PROGRAM: &str = "/usr/bin/prosody";

/// Whether the package is there.
pub(super) fn present() -> Result<()> {
    if Path::new(PROGRAM).exists() {
        Ok(())
    } else {
        Err(Failure::new(format!("{PROGRAM} is missing; `./just bench` installs it")))
    }
}

/// Starts it in the foreground.
pub(super) async fn start(plan: &Start<'_>) -> Result<Child> {
    let data = plan.folder.join("data");
    let accounts = data.join(DOMAIN.replace('.', "%2e")).join("accounts");
    std::fs::create_dir_all(&accounts).doing(|| accounts.display().to_string())?;
    for number in 0..plan.accounts {
        let path = accounts.join(user(number)).with_extension("dat");
        std::fs::write(&path, account(plan)).doing(|| path.display().to_string())?;
    }
    let config = plan.write("prosody.cfg.lua", &config(plan))?;
    let mut command = Command::new(PROGRAM);
    command.arg("--config").arg(config).arg("-F");
    plan.spawn(command).await
}

fn config(plan: &Start<'_>) -> String {
    let folder = plan.folder.display();
    let port = plan.address.port();
    let archive = if plan.archive { ", \"mam\"" } else { "" };
    format!(
        r#"daemonize = false
run_as_root = true
pidfile = "{folder}/pid"
data_path = "{folder}/data"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
s2s_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "presence", "message", "iq", "ping", "offline", "smacks"{archive} }}
modules_disabled = {{ "s2s" }}
c2s_require_encryption = true
authentication = "internal_hashed"
password_hash = "SHA-256"
storage = "internal"
log = {{ warn = "*console" }}
ssl = {{ key = "{folder}/key.pem", certificate = "{folder}/chain.pem" }}
VirtualHost "{DOMAIN}"
"#
    )
}

/// What Prosody 0.12 keeps of an account.
fn account(plan: &Start<'_>) -> String {
    let salt = String::from_utf8_lossy(plan.keys.salt());
    format!(
        "return {{ [\"iteration_count\"] = {}; [\"salt\"] = \"{salt}\"; \
         [\"stored_key\"] = \"{}\"; [\"server_key\"] = \"{}\"; }};\n",
        plan.keys.iterations(),
        hex(plan.keys.stored_key()),
        hex(plan.keys.server_key()),
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
