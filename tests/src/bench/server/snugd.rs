//! snugd: the release build, set up and filled through its admin socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use admin_api::archive::{self, Keep};
use admin_api::transfer::{Credentials, Existing, Import, PAGE_ACCOUNTS_MAX, Record, ScramKeys};
use admin_api::{Call, Client, Problem, ProblemKind, Role, Secret, setup};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::super::failure::{Doing, Failure, Result};
use super::super::{DOMAIN, PASSWORD, user};
use super::{START_SECONDS_MAX, Start};

fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace().join("target"), PathBuf::from);
    target.join("release/snugd")
}

/// Whether it was built.
pub(super) fn present() -> Result<()> {
    let program = program();
    if program.exists() {
        Ok(())
    } else {
        Err(Failure::new(format!("{} is missing; `./just bench` builds it", program.display())))
    }
}

/// Where the admin socket of a server in `folder` is.
pub(super) fn socket(folder: &Path) -> PathBuf {
    folder.join("admin.sock")
}

/// Starts it, finishes its set-up and imports the accounts.
pub(super) async fn start(plan: &Start<'_>) -> Result<Child> {
    let data = plan.folder.join("data");
    std::fs::create_dir(&data).doing(|| data.display().to_string())?;
    let socket = socket(plan.folder);
    let config = plan.write("snug.toml", &config(plan, &socket))?;
    let mut command = Command::new(program());
    command.arg("--config").arg(config);
    let child = plan.spawn(command).await?;
    let client = Client::new(socket, Role::Operator);
    set_up(&client).await?;
    let keep = if plan.archive { Keep::ForEver } else { Keep::Off };
    call(&client, archive::Set { keep }).await?;
    let names: Vec<String> = (0..plan.accounts).map(user).collect();
    for page in names.chunks(PAGE_ACCOUNTS_MAX) {
        let records = page.iter().map(|name| record(plan, name)).collect();
        call(&client, Import { records, existing: Existing::Refuse }).await?;
    }
    Ok(child)
}

fn config(plan: &Start<'_>, socket: &Path) -> String {
    let folder = plan.folder.display();
    let (address, socket) = (plan.address, socket.display());
    format!(
        r#"[server]
data_dir = "{folder}/data"
[c2s]
starttls = ["{address}"]
direct_tls = []
[tls]
mode = "files"
certificate = "{folder}/chain.pem"
key = "{folder}/key.pem"
[admin]
socket = "{socket}"
[limits]
connections_per_address = 10000
[log]
level = "warn"
"#
    )
}

async fn set_up(client: &Client) -> Result<()> {
    // The admin socket may appear a little later than the port for clients.
    let code = timeout(Duration::from_secs(START_SECONDS_MAX), async {
        loop {
            match client.call(setup::NewCode {}).await {
                Err(Problem { kind: ProblemKind::Daemon, .. }) => {
                    sleep(Duration::from_millis(20)).await;
                }
                answer => return answer,
            }
        }
    })
    .await
    .map_err(|_| Failure::new("the admin socket does not answer"))?
    .doing(|| "the set-up code".to_owned())?;
    let finish = setup::Finish {
        code: code.code,
        domain: DOMAIN.to_owned(),
        name: "admin".to_owned(),
        display_name: String::new(),
        password: Secret::new(PASSWORD),
        address: "127.0.0.1".to_owned(),
        agent: "bench".to_owned(),
    };
    call(client, finish).await?;
    Ok(())
}

async fn call<C: Call>(client: &Client, call: C) -> Result<C::Reply> {
    client.call(call).await.doing(|| "the admin socket".to_owned())
}

fn record(plan: &Start<'_>, name: &str) -> Record {
    let keys = ScramKeys {
        mechanism: plan.keys.hash().mechanism().to_owned(),
        iterations: plan.keys.iterations(),
        salt: STANDARD.encode(plan.keys.salt()),
        server_key: Secret::new(STANDARD.encode(plan.keys.server_key())),
        stored_key: Secret::new(STANDARD.encode(plan.keys.stored_key())),
    };
    Record {
        name: name.to_owned(),
        display_name: String::new(),
        card_name: None,
        credentials: Credentials::Scram(vec![keys]),
        roster: Vec::new(),
        offline: Vec::new(),
    }
}
