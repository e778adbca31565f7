//! Health, status, settings, set-up, certificates, completions and help.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::fake::{Fake, ok, problem, snug};
use admin_api::daemon::{Ports, StatusReply};
use admin_api::panel::Done;
use admin_api::setup::Code;
use admin_api::tls::AuthorityReply;
use admin_api::{ProblemKind, Reply, Request, Secret};
use health::{CertificateFacts, DaemonFacts, PortFacts};

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn facts() -> DaemonFacts {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    DaemonFacts {
        domain: Some("home.example".to_owned()),
        loopback_login: Some(Ok(40)),
        certificate: Some(CertificateFacts {
            not_before: now - 86_400,
            not_after: now + 60 * 86_400,
            names: vec!["home.example".to_owned()],
            last_error: None,
        }),
        store_write: Some(Ok(5)),
        store_bytes: 1_000,
        store_path: "/".to_owned(),
        ports: vec![PortFacts {
            purpose: "chat".to_owned(),
            address: "[::]:5222".to_owned(),
            listening: true,
        }],
        last_backup: Some(now),
        keys_joined: 0,
        omemo_harmed: 0,
        panics: 0,
    }
}

fn answer(request: &Request) -> Reply {
    match request {
        Request::DaemonFacts(_) => ok(facts()),
        Request::DaemonStatus(_) => ok(StatusReply {
            version: "0.1.0".to_owned(),
            domain: Some("home.example".to_owned()),
            started: 1_795_449_842,
            accounts: 3,
            sessions: 2,
            certificate_sha256: "ab01".to_owned(),
            ports: Ports { starttls: 5222, direct_tls: 0 },
            counters: [("login.ok".to_owned(), 7)].into(),
        }),
        Request::SetupCode(_) => ok(Code { code: Secret::new("A B+C"), until: 1_795_449_842 }),
        Request::TlsAuthority(_) => {
            ok(AuthorityReply { pem: Some(PEM.to_owned()), sha256: "ab01".to_owned() })
        }
        Request::TlsReload(_) => ok(Done {}),
        _ => problem(ProblemKind::Invalid, "unexpected call"),
    }
}

/// The lines about one check, as one.
fn line(out: &str, title: &str) -> String {
    let mut lines = out.lines().skip_while(|l| !l.contains(&format!("  {title}: ")));
    let first = lines.next().unwrap_or_default().to_owned();
    lines.take_while(|l| l.starts_with(' ')).fold(first, |all, l| all + " " + l.trim())
}

#[test]
fn health_judges_what_the_daemon_says() {
    let fake = Fake::new(answer);
    let ran = fake.snug(&["health"]);
    for title in ["Chat server", "Chat log-in", "Open ports", "Store"] {
        assert!(line(&ran.out, title).starts_with("pass"), "{ran:?}");
    }
    let fake = Fake::new(|request| match request {
        Request::DaemonFacts(_) => {
            ok(DaemonFacts { loopback_login: Some(Err("TLS failed".to_owned())), ..facts() })
        }
        other => answer(other),
    });
    let ran = fake.snug(&["health", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["status"], "fail");
    let login = json["checks"].as_array().unwrap().iter().find(|c| c["id"] == "login").unwrap();
    assert_eq!(login["status"], "fail");
    assert!(login["sentence"].as_str().unwrap().contains("TLS failed"));
    assert!(login["remedy"].is_string());
}

#[test]
fn health_works_while_the_daemon_is_down_and_says_so() {
    let fake = Fake::down();
    let ran = fake.snug(&["health"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(line(&ran.out, "Chat server").starts_with("fail"), "{ran:?}");
    assert!(line(&ran.out, "Memory").contains('%'), "{ran:?}");
    assert!(line(&ran.out, "Chat server").contains("systemctl status snugd"), "{ran:?}");
    let ran = fake.snug(&["health", "--metrics"]);
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("\nsnug_up 0\n"), "{ran:?}");
    assert!(ran.out.contains("# TYPE snug_health_status gauge"), "{ran:?}");
}

#[test]
fn health_names_a_fault_in_the_settings() {
    let fake = Fake::down();
    let file = fake.file("snug.toml", "[c2s]\nstartls = []\n");
    let ran = fake.snug(&["health", "--config", file.to_str().unwrap()]);
    assert_eq!(ran.code, 1);
    assert!(line(&ran.out, "Chat server").contains("line 2"), "{ran:?}");
    assert!(line(&ran.out, "Chat server").contains("did you mean `starttls`?"), "{ran:?}");
}

#[test]
fn status_is_told() {
    let fake = Fake::new(answer);
    let out = fake.snug(&["status"]).ok();
    for wanted in ["home.example", "port 5222", "off", "AB:01", "login.ok  7"] {
        assert!(out.contains(wanted), "{wanted}\n{out}");
    }
    assert_eq!(fake.snug(&["status", "--json"]).json()["ports"]["starttls"], 5222);
}

#[test]
fn settings_are_checked_without_a_daemon() {
    let fake = Fake::down();
    let good = fake.file("good.toml", "[log]\nlevel = \"warn\"\n");
    let good = good.to_str().unwrap();
    let out = fake.snug(&["config", "check", "--config", good]).ok();
    assert!(out.contains("level = \"warn\"") && out.contains("listen = [\"[::]:443\"]"), "{out}");
    assert_eq!(config::Config::parse(&out, "shown").unwrap().log.level, config::Level::Warn);
    let json = fake.snug(&["config", "check", "--json", "--config", good]).json();
    assert_eq!(json["config"]["log"]["level"], "warn");
    assert_eq!(json["config"]["tls"]["mode"], "own-ca");
    assert_eq!(json["config"]["c2s"]["starttls"][0], "[::]:5222");
    let bad = fake.file("bad.toml", "[log]\nlevel = \"loud\"\n");
    let err = fake.snug(&["config", "check", "--config", bad.to_str().unwrap()]).failed(2);
    assert!(err.contains("bad.toml, line 2: `log.level` is \"loud\""), "{err}");
    let err = fake.snug(&["config", "check", "--config", "/none.toml"]).failed(2);
    assert!(err.contains("/none.toml: cannot be read"), "{err}");
}

#[test]
fn the_settings_name_the_socket() {
    let fake = Fake::new(answer);
    let text = format!("[admin]\nsocket = \"{}\"\n", fake.path("admin.sock").display());
    let file = fake.file("snug.toml", &text);
    snug(&["--config", file.to_str().unwrap(), "status"]).ok();
    assert_eq!(fake.heard().len(), 1);
}

#[test]
fn a_setup_link_has_the_code_and_a_qr_code() {
    let fake = Fake::new(answer);
    let args = ["setup", "link", "--panel-url", "https://192.168.1.20/"];
    let out = fake.snug(&args).ok();
    assert!(out.contains("\n  https://192.168.1.20/setup?code=A%20B%2BC\n"), "{out}");
    assert!(out.contains("2026-11-23 16:04 UTC"), "{out}");
    assert!(out.lines().filter(|l| l.starts_with("████")).count() > 10, "{out}");
    assert!(!out.contains('\u{1b}'), "no colours in a pipe");
    let json = fake.snug(&["setup", "link", "--json"]).json();
    let url = json["url"].as_str().unwrap();
    assert!(url.starts_with("https://") && url.ends_with("/setup?code=A%20B%2BC"), "{url}");
    fake.heard();
    fake.snug(&["setup", "link", "--panel-url", "snug.local"]).failed(2);
    assert!(fake.heard().is_empty(), "no code is made for a link that cannot be");
}

#[test]
fn the_authority_is_a_pem_file() {
    let fake = Fake::new(answer);
    let ran = fake.snug(&["tls", "authority"]);
    assert_eq!(ran.err, "SHA-256 AB:01\n");
    assert_eq!(ran.ok(), PEM);
    fake.snug(&["tls", "reload"]).ok();
    let fake = Fake::new(|_| ok(AuthorityReply { pem: None, sha256: String::new() }));
    let err = fake.snug(&["tls", "authority"]).failed(2);
    assert!(err.contains("tls.mode"), "{err}");
    assert!(fake.snug(&["tls", "authority", "--json"]).json()["pem"].is_null());
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let out = snug(&["completions", shell]).ok();
        assert!(out.contains("fingerprint") && out.contains("without-messages"), "{shell}");
    }
    snug(&["completions", "basic"]).failed(2);
}

#[test]
fn help_tells_exit_codes_and_examples() {
    let out = snug(&["--help"]).ok();
    assert!(out.contains("Exit codes:") && out.contains("Examples:"), "{out}");
    let out = snug(&["account", "add", "--help"]).ok();
    assert!(out.contains("--password-stdin") && out.contains("pass show tim"), "{out}");
    let out = snug(&["--version"]).ok();
    assert_eq!(out, format!("snug {}\n", env!("CARGO_PKG_VERSION")));
    snug(&[]).failed(2);
    snug(&["acount"]).failed(2);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    use std::process::{Command, Stdio};
    // More than a pipe holds, so that the write meets a closed end.
    let mut child = Command::new(env!("CARGO_BIN_EXE_snug"))
        .args(["completions", "zsh"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
}
