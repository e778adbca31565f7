//! The home's own certificate authority, and the certificates it issues.
//!
//! Spec: RFC 5280; RFC 6120 §13.7.1.2 (names in the certificate of a server); RFC 7590 §3.4.
//! Made on the first start and kept for twenty years, so that a device which trusts it never has
//! to be asked again. It signs two kinds of certificates: the chat server's, and the panel's (for
//! a key that stays with the panel).
//!
//! The authority has no name constraints: it is made before the home's domain is chosen, and the
//! panel is reached under host names and addresses that change. What bounds it instead: it can
//! sign server certificates only (extended key usage), nothing below itself (path length 0), and
//! its key is readable by the daemon alone.
//!
//! Invariants: key and certificate are one file, written whole or not at all, so there is no
//! half of an authority; an existing file is never replaced, however damaged, because every
//! device of the home would have to trust a new one; serial numbers are random and never reused.

mod own_file;
#[cfg(test)]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use admin_api::tls::is_host_name;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PublicKeyData, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use self::own_file::{make_dir, read_own, write_own};
use crate::random;

const AUTHORITY_FILE: &str = "authority.pem";
const LEAF_FILE: &str = "chat.pem";

const DAY: u64 = 24 * 3600;

/// Life of the authority: longer than the board.
const AUTHORITY_SECONDS: u64 = 20 * 365 * DAY;

/// How far before its making a certificate begins to hold: clocks of clients differ.
const BACKDATED_SECONDS: u64 = DAY;

/// Life of the chat server's certificate. Some clients refuse more than 398 days in all, and those
/// that remember the certificate itself ask again at each renewal, so it is no shorter.
const LEAF_SECONDS: u64 = 396 * DAY;

/// Life of the panel's certificate: browsers trust the authority, so nobody notices a renewal.
const PANEL_LEAF_SECONDS: u64 = 90 * DAY;

/// Most names in one certificate.
pub const NAMES_MAX: usize = 32;

/// RFC 6120 §13.7.1.4: id-on-xmppAddr.
const ID_ON_XMPP_ADDR: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 8, 5];

/// Longest common name (RFC 5280 appendix A.1, ub-common-name).
const COMMON_NAME_CHARS_MAX: usize = 64;

/// Why the authority cannot be used. `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum CaError {
    /// The authority's file is not one of ours, or was damaged.
    Damaged(PathBuf, &'static str),
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// A key or certificate cannot be made.
    Making(rcgen::Error),
    /// A name cannot stand in a certificate.
    Name(String),
}

impl std::fmt::Display for CaError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(path, why) => write!(
                f,
                "{} cannot be used: {why}. Put it back from a backup. Only if there is none, move \
                 it away and start snugd again; it then makes a new authority, which every \
                 device of the home has to trust anew",
                path.display()
            ),
            Self::File(path, e) => {
                write!(
                    f,
                    "{}: {e}; snugd's user must be able to read and write there",
                    path.display()
                )
            }
            Self::Making(e) => write!(f, "a certificate cannot be made: {e}"),
            Self::Name(name) => {
                write!(f, "“{name}” is neither a host name nor an address; leave it out")
            }
        }
    }
}

impl std::error::Error for CaError {}

impl From<rcgen::Error> for CaError {
    fn from(e: rcgen::Error) -> Self {
        Self::Making(e)
    }
}

/// The authority.
pub struct LocalCa {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// A certificate with its key.
pub struct Leaf {
    /// The certificate, then the authority's.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

/// A certificate for somebody else's key.
#[derive(Debug)]
pub struct Issued {
    /// PEM: the certificate, then the authority's.
    pub chain_pem: String,
    /// When to ask for the next one, seconds since 1970.
    pub renew_at: u64,
}

impl LocalCa {
    /// Opens the authority in `dir`, making it if there is none. `host` is in the name by which
    /// people find it in their device's list.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn open(dir: &Path, host: &str, now: u64) -> Result<Self, CaError> {
        make_dir(dir)?;
        let path = dir.join(AUTHORITY_FILE);
        match read_own(&path) {
            Ok(text) => Self::parse(dir, &path, &text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let text = make_authority(host, now)?;
                write_own(dir, AUTHORITY_FILE, &text)?;
                tracing::info!("the home's own certificate authority was made");
                Self::parse(dir, &path, &text)
            }
            Err(e) => Err(CaError::File(path, e)),
        }
    }

    fn parse(dir: &Path, path: &Path, text: &str) -> Result<Self, CaError> {
        let damaged = |why| CaError::Damaged(path.to_owned(), why);
        let der = CertificateDer::from_pem_slice(text.as_bytes())
            .map_err(|_| damaged("it holds no certificate that can be read"))?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .ok()
            .and_then(|key| KeyPair::try_from(&key).ok())
            .ok_or(damaged("it holds no private key that can be read"))?;
        let (_, x509) = x509_parser::parse_x509_certificate(&der)
            .map_err(|_| damaged("its certificate is damaged"))?;
        if *x509.public_key().subject_public_key.data != *key.public_key_raw() {
            return Err(damaged("its key does not belong to its certificate"));
        }
        if !x509.is_ca() {
            return Err(damaged("its certificate is not an authority's"));
        }
        let issuer = Issuer::from_ca_cert_der(&der, key)?;
        let pem = certificate_block(text).ok_or(damaged("it was changed by hand"))?;
        Ok(Self { dir: dir.to_owned(), issuer, der: der.into_owned(), pem })
    }

    /// The authority's certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The authority's certificate, DER.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The chat server's certificate as kept, if it can be used.
    #[must_use]
    pub fn kept_leaf(&self) -> Option<Leaf> {
        let text = read_own(&self.dir.join(LEAF_FILE)).ok()?;
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().ok()?;
        // Of this authority, or of one before it?
        if chain.get(1) != Some(&self.der) {
            return None;
        }
        Some(Leaf { chain, key: PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()? })
    }

    /// Issues and keeps a certificate with a new key for the chat server, replacing the one
    /// before. `domain` is the home's; `None` = before set-up, where TLS must answer but
    /// nobody can log in.
    ///
    /// # Errors
    /// [`CaError`].
    pub fn issue_leaf(&self, domain: Option<&str>, host: &str, now: u64) -> Result<Leaf, CaError> {
        let names = leaf_names(domain, host);
        let mut params = self.leaf_params(&names, now, LEAF_SECONDS)?;
        if let Some(domain) = domain {
            // RFC 6120 §13.7.1.2.1: the form that only XMPP clients read.
            let address = (ID_ON_XMPP_ADDR.to_vec(), domain.into());
            params.subject_alt_names.push(SanType::OtherName(address));
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let text = format!("{}{}{}", certificate.pem(), self.pem, key.serialize_pem());
        write_own(&self.dir, LEAF_FILE, &text)?;
        let key = PrivateKeyDer::from_pem_slice(text.as_bytes())
            .map_err(|_| CaError::Making(rcgen::Error::CouldNotParseKeyPair))?;
        Ok(Leaf { chain: vec![certificate.into(), self.der.clone()], key })
    }

    /// Issues a certificate for the panel's key. The caller has checked that `key` is a point of
    /// P-256.
    ///
    /// # Errors
    /// [`CaError::Name`] for a name that is neither host name nor address, or too many of them.
    pub fn issue_panel_leaf(
        &self,
        key: &P256Point,
        names: &[String],
        now: u64,
    ) -> Result<Issued, CaError> {
        if names.is_empty() || names.len() > NAMES_MAX {
            return Err(CaError::Name(format!("({} names)", names.len())));
        }
        let certificate: Certificate =
            self.leaf_params(names, now, PANEL_LEAF_SECONDS)?.signed_by(key, &self.issuer)?;
        Ok(Issued {
            chain_pem: format!("{}{}", certificate.pem(), self.pem),
            renew_at: now + PANEL_LEAF_SECONDS / 3 * 2,
        })
    }

    fn leaf_params(
        &self,
        names: &[String],
        now: u64,
        seconds: u64,
    ) -> Result<CertificateParams, CaError> {
        let mut params = CertificateParams::default();
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if is_host_name(name) => SanType::DnsName(name.as_str().try_into()?),
                Err(_) => return Err(CaError::Name(name.clone())),
            });
        }
        let common = names.iter().find(|n| n.chars().count() <= COMMON_NAME_CHARS_MAX);
        params.distinguished_name = called(common.map_or("Snug", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(fresh_serial());
        lasting(&mut params, now, seconds);
        Ok(params)
    }
}

impl std::fmt::Debug for LocalCa {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCa").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// A public key: an uncompressed point of P-256.
#[derive(Debug)]
pub struct P256Point([u8; 65]);

impl P256Point {
    /// From its 65 bytes; whether the point is on the curve is for the caller to check.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SEC 1 §2.3.3: 0x04, x, y.
        bytes.try_into().ok().filter(|b: &[u8; 65]| b[0] == 4).map(Self)
    }
}

impl PublicKeyData for P256Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The host names of the chat server's certificate.
#[must_use]
pub fn leaf_names(domain: Option<&str>, host: &str) -> Vec<String> {
    match domain {
        Some(domain) => vec![domain.to_owned()],
        // RFC 2606 §2: a name that can never be anybody's.
        None if is_host_name(host) => vec!["snug.invalid".to_owned(), host.to_lowercase()],
        None => vec!["snug.invalid".to_owned()],
    }
}

/// When to replace a certificate of that life: at two thirds of it, or at once if the clock is
/// outside of it.
#[must_use]
pub fn is_due(not_before: u64, not_after: u64, now: u64) -> bool {
    now < not_before || now >= not_before + not_after.saturating_sub(not_before) / 3 * 2
}

fn make_authority(host: &str, now: u64) -> Result<String, CaError> {
    let host = if is_host_name(host) { host } else { "this home" };
    let [a, b] = random::bytes::<2>();
    let mut params = CertificateParams::default();
    // Two boards in one list must not look alike.
    params.distinguished_name =
        called(&format!("Snug home authority of {host:.30} ({a:02X}{b:02X})"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.serial_number = Some(fresh_serial());
    lasting(&mut params, now, AUTHORITY_SECONDS);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()))
}

fn called(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn lasting(params: &mut CertificateParams, now: u64, seconds: u64) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    // The latest time that a certificate of ours can name; a clock past it is broken.
    let at = |unix: u64| epoch + Duration::from_secs(unix.min(4_102_444_800));
    params.not_before = at(now.saturating_sub(BACKDATED_SECONDS));
    params.not_after = at(now.saturating_add(seconds));
}

/// RFC 5280 §4.1.2.2: positive, at most 20 bytes, unique.
fn fresh_serial() -> SerialNumber {
    let mut bytes = random::bytes::<16>();
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// The certificate's own block of a file that holds certificate and key.
fn certificate_block(text: &str) -> Option<String> {
    const END: &str = "-----END CERTIFICATE-----\n";
    let start = text.find("-----BEGIN CERTIFICATE-----")?;
    let end = text.find(END)? + END.len();
    Some(text.get(start..end)?.to_owned())
}
