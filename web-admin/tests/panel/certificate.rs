//! The panel's own key and certificate.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use snug_admin::tls::{Identity, Leaf};

use crate::{Browser, Dir, Fake, Home, start};

/// Asks until `done`, for at most ten seconds.
async fn until(mut done: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !done().await {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn trusts(address: std::net::SocketAddr, pem: &str, name: &'static str) -> bool {
    Browser::trusting(address, pem).connect(name).await.is_ok()
}

#[tokio::test]
async fn the_real_certificate_replaces_the_own_one_without_a_restart() {
    let dir = Dir::new();
    let running = start(&dir.0);
    let address = running.addresses[0];
    let mut careless = Browser::careless(address);
    assert_eq!(careless.get("/health").await.status, 200, "reachable before snugd is");
    let own = careless.certificate().expect("a certificate");

    let daemon = Fake::start(&dir.0, Home::family());
    let pem = daemon.home(|home| home.authority_pem());
    until(async || trusts(address, &pem, "localhost").await).await;
    for name in ["127.0.0.1", "::1", "home.example"] {
        assert!(trusts(address, &pem, name).await, "{name}");
    }
    assert!(!trusts(address, &pem, "elsewhere.example").await);
    // A browser that comes back may resume its session without a certificate; a new one not.
    let mut newcomer = Browser::careless(address);
    newcomer.get("/health").await;
    assert_ne!(newcomer.certificate(), Some(own));
    running.stop().await;
}

#[tokio::test]
async fn the_certificate_outlives_a_restart_without_the_daemon() {
    let dir = Dir::new();
    let daemon = Fake::start(&dir.0, Home::family());
    let pem = daemon.home(|home| home.authority_pem());
    let running = start(&dir.0);
    until(async || trusts(running.addresses[0], &pem, "localhost").await).await;
    running.stop().await;
    drop(daemon);

    let running = start(&dir.0);
    assert!(trusts(running.addresses[0], &pem, "localhost").await, "at once, from its file");
    running.stop().await;
}

#[tokio::test]
async fn the_key_is_for_the_panels_user_only() {
    let dir = Dir::new();
    let names = ["localhost".to_owned()];
    let first = Identity::open(&dir.0, &names).expect("makes a key");
    let path = dir.0.join("panel-key.pem");
    let mode = || std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(), 0o600);
    assert_eq!(first.public_point().len(), 65);
    assert_eq!(first.public_point()[0], 4, "uncompressed");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let again = Identity::open(&dir.0, &names).expect("opens");
    assert_eq!(again.public_point(), first.public_point(), "the same key");
    assert_eq!(mode(), 0o600, "closed again");

    std::fs::write(&path, "nonsense").expect("writes");
    let anew = Identity::open(&dir.0, &names).expect("makes another key");
    assert_ne!(anew.public_point(), first.public_point());
    assert_eq!(mode(), 0o600);
}

#[tokio::test]
async fn a_certificate_for_another_key_is_not_used() {
    let (mine, other) = (Dir::new(), Dir::new());
    let names = ["localhost".to_owned()];
    let identity = Identity::open(&mine.0, &names).expect("opens");
    Identity::open(&other.0, &names).expect("opens");
    let stranger = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(names.to_vec()).expect("names");
    let chain_pem = params.self_signed(&stranger).expect("signs").pem();
    for chain_pem in [chain_pem, String::new(), "-----BEGIN CERTIFICATE-----\nx".to_owned()] {
        let leaf = Leaf { chain_pem, renew_at: 0, names: Vec::new() };
        assert!(identity.renew(leaf).is_err());
        assert_eq!(identity.leaf(), None);
    }
}

#[tokio::test]
async fn files_instead_of_an_authority_leave_the_own_certificate() {
    let dir = Dir::new();
    let daemon = Fake::start(&dir.0, {
        let mut home = Home::family();
        home.files = true;
        home
    });
    let running = start(&dir.0);
    until(async || daemon.home(|home| home.count("tls-panel-leaf") >= 1)).await;
    assert_eq!(Browser::careless(running.addresses[0]).get("/health").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn a_daemon_that_recovers_is_found_again() {
    let dir = Dir::new();
    let mut daemon = Fake::start(&dir.0, Home::family());
    let running = start(&dir.0);
    let mut browser = Browser::careless(running.addresses[0]);
    browser.sign_in("ann").await;
    daemon.crash();
    assert_eq!(browser.get("/people").await.status, 503);
    daemon.recover();
    assert_eq!(browser.get("/people").await.status, 200, "still signed in");
    running.stop().await;
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_daemon_that_hangs() {
    let dir = Dir::new();
    let daemon = Fake::start(&dir.0, Home::family());
    daemon.home(|home| home.delay = Duration::from_secs(60));
    let running = start(&dir.0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
