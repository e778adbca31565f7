//! Status, health facts with the real log-in, certificates.

use admin_api::accounts::{Role, State};
use admin_api::daemon::{Facts, Status};
use admin_api::tls::{Authority, PanelLeaf, Reload};
use admin_api::{ProblemKind, sessions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{add, done, kind};
use crate::services::probe;
use crate::testing::Home;

#[tokio::test]
async fn before_set_up_nobody_can_log_in_and_the_facts_say_so() {
    let home = Home::fresh().await;
    let facts = home.panel().call(Facts {}).await.unwrap();
    assert_eq!((facts.domain, facts.loopback_login), (None, None));
    assert!(facts.store_write.unwrap().is_ok());
    assert_eq!(facts.certificate.unwrap().names[0], "snug.invalid");
    assert_eq!(facts.ports.len(), 2);
    assert!(facts.ports.iter().all(|p| p.listening));
}

#[tokio::test]
async fn the_health_log_in_is_real_and_leaves_no_trace() {
    let (home, _) = Home::set_up().await;
    let facts = home.panel().call(Facts {}).await.unwrap();
    assert!(facts.loopback_login.clone().unwrap().is_ok(), "{:?}", facts.loopback_login);
    assert_eq!(facts.domain.as_deref(), Some("home.example"));
    assert!(facts.store_bytes > 0);
    assert_eq!(facts.panics, 0);
    // Its result is given again while it is fresh.
    let again = home.panel().call(Facts {}).await.unwrap();
    assert_eq!(again.loopback_login, facts.loopback_login);
    assert!(done(&home, sessions::List { name: None }).await.is_empty());
    let accounts = done(&home, admin_api::accounts::List {}).await;
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0].state, State::Active);
}

#[tokio::test]
async fn many_who_ask_for_health_share_one_log_in() {
    let (home, _) = Home::set_up().await;
    let daemon = home.daemon();
    let all = tokio::join!(probe::result(daemon), probe::result(daemon), probe::result(daemon));
    assert!(all.0.clone().unwrap().is_ok(), "{:?}", all.0);
    assert!(all.0 == all.1 && all.1 == all.2, "the same result, to the millisecond");
}

#[tokio::test]
async fn strangers_learn_only_ports_and_version() {
    let (home, token) = Home::set_up().await;
    add(&home, "bob", "battery staple", Role::Member).await;
    let bare = home.panel().call(Status {}).await.unwrap();
    assert_eq!((bare.accounts, bare.sessions), (0, 0));
    assert!(bare.counters.is_empty());
    assert!(bare.ports.starttls > 0 && bare.ports.direct_tls > 0);
    let full = home.panel().call_as(token, Status {}).await.unwrap();
    assert_eq!(full.accounts, 2);
    assert_eq!(full.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(done(&home, Status {}).await.accounts, 2);
}

#[tokio::test]
async fn the_panel_gets_a_certificate_of_the_authority() {
    let home = Home::fresh().await;
    let authority = home.panel().call(Authority {}).await.unwrap();
    let pem = authority.pem.unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"));
    assert_eq!(authority.sha256.len(), 64);
    let status = home.panel().call(Status {}).await.unwrap();
    assert_eq!(status.certificate_sha256, authority.sha256);

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let leaf = |key: &[u8], name: &str| PanelLeaf {
        public_key: STANDARD.encode(key),
        names: vec![name.to_owned()],
    };
    let issued = home.panel().call(leaf(key.public_key_raw(), "snug.local")).await.unwrap();
    assert!(issued.chain_pem.ends_with(&pem));
    assert!(issued.renew_at > crate::daemon::Now::read().unix);
    for bad in [leaf(&[4; 65], "snug.local"), leaf(key.public_key_raw(), "no name")] {
        assert_eq!(kind(home.panel().call(bad).await), ProblemKind::Invalid);
    }
    done(&home, Reload {}).await;
}
