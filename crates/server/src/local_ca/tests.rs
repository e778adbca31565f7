//! Tests of the authority: chains are verified by the code that clients use.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};

use super::*;
use crate::testing::TempDir;

const NOW: u64 = 1_790_000_000;

fn verify(ca: &LocalCa, chain: &[CertificateDer<'_>], name: &str, now: u64) -> bool {
    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
    verifier.verify_server_cert(&chain[0], &chain[1..], &name, &[], now).is_ok()
}

fn authority(dir: &TempDir) -> LocalCa {
    LocalCa::open(&dir.path().join("tls"), "pi", NOW).unwrap()
}

#[test]
fn the_chat_servers_certificate_verifies_for_its_domain_and_its_time() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    let leaf = ca.issue_leaf(Some("home.example"), "pi", NOW).unwrap();
    assert!(verify(&ca, &leaf.chain, "home.example", NOW));
    assert!(verify(&ca, &leaf.chain, "home.example", NOW - BACKDATED_SECONDS + 60));
    assert!(verify(&ca, &leaf.chain, "home.example", NOW + LEAF_SECONDS - 60));
    assert!(!verify(&ca, &leaf.chain, "home.example", NOW + LEAF_SECONDS + 60));
    assert!(!verify(&ca, &leaf.chain, "work.example", NOW));
    let (_, x509) = x509_parser::parse_x509_certificate(&leaf.chain[0]).unwrap();
    assert!(
        x509.validity().not_after.timestamp() - x509.validity().not_before.timestamp()
            <= 398 * 86_400
    );
    // The XMPP address stands beside the host name.
    let names = x509.subject_alternative_name().unwrap().unwrap();
    let other = names.value.general_names.iter().find_map(|n| match n {
        x509_parser::prelude::GeneralName::OtherName(oid, value) => {
            Some((oid.to_id_string(), *value))
        }
        _ => None,
    });
    let (oid, value) = other.unwrap();
    assert_eq!(oid, "1.3.6.1.5.5.7.8.5");
    assert!(value.ends_with(b"home.example"));
}

#[test]
fn the_authority_is_made_once_and_kept_with_its_certificates() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    assert!(ca.kept_leaf().is_none());
    let leaf = ca.issue_leaf(None, "pi", NOW).unwrap();
    let again = authority(&dir);
    assert_eq!(again.pem(), ca.pem());
    assert_eq!(again.der(), ca.der());
    let kept = again.kept_leaf().unwrap();
    assert_eq!(kept.chain, leaf.chain);
    assert_eq!(kept.key, leaf.key);
    assert!(verify(&again, &kept.chain, "snug.invalid", NOW));
    assert!(verify(&again, &kept.chain, "pi", NOW));
    // What it signs after it was read again still verifies.
    let next = again.issue_leaf(Some("home.example"), "pi", NOW).unwrap();
    assert!(verify(&ca, &next.chain, "home.example", NOW));
    assert_ne!(next.chain[0], leaf.chain[0]);
}

#[test]
fn the_authority_can_sign_certificates_of_servers_and_nothing_else() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    let (_, x509) = x509_parser::parse_x509_certificate(ca.der()).unwrap();
    let constraints = x509.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = x509.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && !usage.digital_signature());
    let extended = x509.extended_key_usage().unwrap().unwrap().value;
    assert!(extended.server_auth && !extended.client_auth && !extended.code_signing);
    assert!(x509.subject().to_string().starts_with("CN=Snug home authority of pi ("));
    assert!(x509.raw_serial().len() <= 20 && x509.raw_serial()[0] < 0x80);
}

#[test]
fn secrets_are_readable_by_their_owner_only() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    ca.issue_leaf(None, "pi", NOW).unwrap();
    let tls = dir.path().join("tls");
    let mode = |path: &Path| fs_mode(path) & 0o777;
    assert_eq!(mode(&tls), 0o700);
    assert_eq!(mode(&tls.join(AUTHORITY_FILE)), 0o600);
    assert_eq!(mode(&tls.join(LEAF_FILE)), 0o600);
    // A restore that opened the file to everybody is put right.
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(tls.join(AUTHORITY_FILE), open).unwrap();
    authority(&dir);
    assert_eq!(mode(&tls.join(AUTHORITY_FILE)), 0o600);
}

fn fs_mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode()
}

#[test]
fn a_damaged_authority_is_never_replaced() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    let path = dir.path().join("tls").join(AUTHORITY_FILE);
    let good = std::fs::read_to_string(&path).unwrap();
    let other = TempDir::new();
    let stranger = LocalCa::open(other.path(), "pi", NOW).unwrap();
    let mixed = good.replace(ca.pem(), stranger.pem());
    let half = &good[..good.len() / 2];
    let key_only = good.replace(ca.pem(), "");
    for bad in ["", half, &key_only, ca.pem(), &mixed, "\u{0}\u{1}"] {
        std::fs::write(&path, bad).unwrap();
        let error = LocalCa::open(&dir.path().join("tls"), "pi", NOW).unwrap_err();
        assert!(matches!(error, CaError::Damaged(..)), "{error}");
        assert!(error.to_string().contains("backup"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), bad, "it was left alone");
    }
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(LocalCa::open(&dir.path().join("tls"), "pi", NOW).is_err());
    std::fs::write(&path, &good).unwrap();
    assert_eq!(authority(&dir).pem(), ca.pem());
}

#[test]
fn a_leaf_of_another_authority_or_a_damaged_one_is_not_used() {
    let (dir, other) = (TempDir::new(), TempDir::new());
    let (ca, stranger) = (authority(&dir), authority(&other));
    stranger.issue_leaf(None, "pi", NOW).unwrap();
    let leaf = |dir: &TempDir| dir.path().join("tls").join(LEAF_FILE);
    std::fs::copy(leaf(&other), leaf(&dir)).unwrap();
    assert!(ca.kept_leaf().is_none());
    std::fs::write(leaf(&dir), "half").unwrap();
    assert!(ca.kept_leaf().is_none());
}

#[test]
fn the_panel_gets_a_certificate_for_its_own_key() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let point = P256Point::from_bytes(key.public_key_raw()).unwrap();
    let names = ["snug.local", "192.168.1.10", "fd00::10"].map(str::to_owned);
    let issued = ca.issue_panel_leaf(&point, &names, NOW).unwrap();
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(issued.chain_pem.as_bytes()).map(Result::unwrap).collect();
    assert_eq!(chain.len(), 2);
    for name in &names {
        assert!(verify(&ca, &chain, name, NOW), "{name}");
    }
    assert!(!verify(&ca, &chain, "192.168.1.11", NOW));
    assert!(!is_due(NOW, NOW + PANEL_LEAF_SECONDS, issued.renew_at - 1));
    // rustls only takes a certificate with the key that belongs to it.
    let provider = rustls::crypto::ring::default_provider();
    let der = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    assert!(rustls::sign::CertifiedKey::from_der(chain, der, &provider).is_ok());
}

#[test]
fn unusable_names_are_refused_by_name() {
    let dir = TempDir::new();
    let ca = authority(&dir);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let point = P256Point::from_bytes(key.public_key_raw()).unwrap();
    let issue = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|n| (*n).to_owned()).collect();
        ca.issue_panel_leaf(&point, &names, NOW)
    };
    for bad in ["", "*.example", "a b", "snug.local.", "-x", "ü.example", "1.2.3", "http://x"] {
        assert!(matches!(issue(&[bad]), Err(CaError::Name(n)) if n == bad), "{bad}");
    }
    assert!(issue(&[]).is_err());
    assert!(issue(&["a.example"; NAMES_MAX + 1]).is_err());
    assert!(issue(&["a.example"; NAMES_MAX]).is_ok());
    assert!(P256Point::from_bytes(&[4; 64]).is_none());
    assert!(P256Point::from_bytes(&[2; 65]).is_none());
}

#[test]
fn renewal_is_due_at_two_thirds_and_when_the_clock_is_outside() {
    assert!(!is_due(1_000, 4_000, 1_000));
    assert!(!is_due(1_000, 4_000, 2_999));
    assert!(is_due(1_000, 4_000, 3_000));
    assert!(is_due(1_000, 4_000, 9_000));
    assert!(is_due(1_000, 4_000, 999));
}

#[test]
fn a_board_without_a_clock_gets_certificates_too() {
    let dir = TempDir::new();
    let ca = LocalCa::open(dir.path(), "", 0).unwrap();
    let leaf = ca.issue_leaf(None, "", 0).unwrap();
    assert!(verify(&ca, &leaf.chain, "snug.invalid", 60));
    let later = ca.issue_leaf(Some("home.example"), "", u64::MAX / 2).unwrap();
    assert_eq!(later.chain.len(), 2);
}
