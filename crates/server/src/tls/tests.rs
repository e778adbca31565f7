//! Tests of certificates in use, with real handshakes in memory.

use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;
use crate::testing::{Home, TempDir};

/// Shakes hands as the health log-in does; gives both sides' exported secrets and the ALPN.
async fn handshake(tls: &Tls, name: &str, direct: bool) -> Result<([u8; 32], [u8; 32]), String> {
    let (near, far) = tokio::io::duplex(16 * 1024);
    let connector = TlsConnector::from(tls.client_config(direct).map_err(|e| e.to_string())?);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let (client, server) =
        tokio::join!(connector.connect(name, near), tls.acceptor(direct).accept(far));
    let (client, server) = (client.map_err(|e| e.to_string())?, server.map_err(|e| e.to_string())?);
    let expected = direct.then_some(b"xmpp-client".as_slice());
    assert_eq!(server.get_ref().1.alpn_protocol(), expected);
    let label = b"EXPORTER-Channel-Binding";
    let c = client.get_ref().1.export_keying_material([0; 32], label, Some(b"")).unwrap();
    let s = server.get_ref().1.export_keying_material([0; 32], label, Some(b"")).unwrap();
    Ok((c, s))
}

fn own(dir: &TempDir, domain: Option<&str>) -> Tls {
    Tls::open(&Home::config(dir.path()), domain).unwrap()
}

/// Writes a self-signed certificate for `name` into two files.
fn write_files(dir: &Path, name: &str, algorithm: &'static rcgen::SignatureAlgorithm) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(dir.join("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

fn files(dir: &TempDir) -> Result<Tls, TlsError> {
    let mut config = Home::config(dir.path());
    config.tls = config::Tls::Files {
        certificate: dir.path().join("cert.pem"),
        key: dir.path().join("key.pem"),
    };
    Tls::open(&config, Some("home.example"))
}

#[tokio::test]
async fn clients_that_trust_the_authority_get_in_on_both_ports() {
    let dir = TempDir::new();
    let tls = own(&dir, Some("home.example"));
    for direct in [false, true] {
        let (client, server) = handshake(&tls, "home.example", direct).await.unwrap();
        assert_eq!(client, server);
    }
    assert!(handshake(&tls, "work.example", false).await.is_err());
}

#[tokio::test]
async fn the_certificate_follows_the_domain_and_survives_a_restart() {
    let dir = TempDir::new();
    let tls = own(&dir, None);
    let before = tls.facts();
    assert_eq!(before.names[0], "snug.invalid");
    assert!(handshake(&tls, "home.example", false).await.is_err());
    tls.set_domain("home.example").unwrap();
    assert!(handshake(&tls, "home.example", false).await.is_ok());
    assert_eq!(tls.facts().names, ["home.example"]);
    let again = own(&dir, Some("home.example"));
    assert_eq!(again.server_end_point(), tls.server_end_point());
    assert_eq!(again.sha256(), tls.sha256());
    assert_eq!(again.authority_pem(), tls.authority_pem());
    assert!(!again.tend().unwrap(), "nothing is due");
    assert!(again.reload().is_ok());
    // The home moved: the store was put into a board with another domain.
    assert_eq!(own(&dir, Some("new.example")).facts().names, ["new.example"]);
}

#[test]
fn the_channel_binding_is_the_hash_that_signed_the_certificate() {
    let dir = TempDir::new();
    let der = |dir: &TempDir| {
        let pem = std::fs::read(dir.path().join("cert.pem")).unwrap();
        rustls::pki_types::pem::PemObject::from_pem_slice(&pem)
            .map(|der: rustls::pki_types::CertificateDer<'_>| der.to_vec())
            .unwrap()
    };
    use sha2::{Digest, Sha256, Sha384};
    write_files(dir.path(), "home.example", &rcgen::PKCS_ECDSA_P256_SHA256);
    let tls = files(&dir).unwrap();
    assert_eq!(tls.server_end_point(), Some(Sha256::digest(der(&dir)).to_vec()));
    write_files(dir.path(), "home.example", &rcgen::PKCS_ECDSA_P384_SHA384);
    tls.reload().unwrap();
    assert_eq!(tls.server_end_point(), Some(Sha384::digest(der(&dir)).to_vec()));
    // Ed25519 has no single hash function to bind with.
    write_files(dir.path(), "home.example", &rcgen::PKCS_ED25519);
    tls.reload().unwrap();
    assert_eq!(tls.server_end_point(), None);
}

#[tokio::test]
async fn files_are_read_again_when_they_change_and_bad_ones_change_nothing() {
    let dir = TempDir::new();
    write_files(dir.path(), "home.example", &rcgen::PKCS_ECDSA_P256_SHA256);
    let tls = files(&dir).unwrap();
    assert!(handshake(&tls, "home.example", true).await.is_ok());
    assert_eq!(tls.authority_pem(), None);
    assert!(matches!(tls.panel_leaf(&[4; 65], &[]), Err(TlsError::NoAuthority)));
    assert!(!tls.tend().unwrap());
    let first = tls.sha256();

    // The new certificate is there, its key not yet.
    let old_key = std::fs::read(dir.path().join("key.pem")).unwrap();
    write_files(dir.path(), "home.example", &rcgen::PKCS_ECDSA_P256_SHA256);
    let new_key = std::fs::read(dir.path().join("key.pem")).unwrap();
    std::fs::write(dir.path().join("key.pem"), old_key).unwrap();
    assert!(matches!(tls.tend(), Err(TlsError::Unfit(..))));
    assert_eq!(tls.sha256(), first);
    assert!(tls.facts().last_error.unwrap().contains("not the key of the certificate"));
    assert!(handshake(&tls, "home.example", false).await.is_ok(), "the old one still serves");
    assert!(!tls.tend().unwrap(), "not tried again while nothing changes");

    std::fs::write(dir.path().join("key.pem"), new_key).unwrap();
    assert!(tls.tend().unwrap());
    assert_ne!(tls.sha256(), first);
    assert_eq!(tls.facts().last_error, None);
    assert!(handshake(&tls, "home.example", false).await.is_ok());

    std::fs::remove_file(dir.path().join("cert.pem")).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::File(..))));
    assert!(handshake(&tls, "home.example", false).await.is_ok());
}

#[test]
fn a_start_without_usable_files_says_which_and_why() {
    let dir = TempDir::new();
    let missing = files(&dir).unwrap_err();
    assert!(missing.to_string().contains("cert.pem"), "{missing}");
    write_files(dir.path(), "home.example", &rcgen::PKCS_ECDSA_P256_SHA256);
    std::fs::copy(dir.path().join("cert.pem"), dir.path().join("key.pem")).unwrap();
    let no_key = files(&dir).unwrap_err().to_string();
    assert!(no_key.contains("key.pem") && no_key.contains("no PEM private key"), "{no_key}");
}

#[test]
fn only_points_of_the_curve_are_certified() {
    let dir = TempDir::new();
    let tls = own(&dir, None);
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let names = ["snug.local".to_owned()];
    assert!(tls.panel_leaf(key.public_key_raw(), &names).is_ok());
    let mut off = key.public_key_raw().to_vec();
    off[40] ^= 1;
    assert!(matches!(tls.panel_leaf(&off, &names), Err(TlsError::PublicKey)));
    assert!(matches!(tls.panel_leaf(&off[..64], &names), Err(TlsError::PublicKey)));
    let bad = tls.panel_leaf(key.public_key_raw(), &["a b".to_owned()]);
    assert!(matches!(bad, Err(TlsError::Authority(CaError::Name(_)))));
}

#[test]
fn chacha_goes_first_exactly_where_aes_is_slow() {
    let first = provider().cipher_suites[0].suite();
    let chacha = first == CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    assert_eq!(chacha, !has_aes());
    let dir = TempDir::new();
    assert!(own(&dir, None).direct.ignore_client_order);
}
