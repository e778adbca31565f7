//! The panel's key and certificate, and the only place that names rustls.
//!
//! The panel makes its own P-256 key, which never leaves its directory. The certificate for it
//! comes from the home's own authority by way of snugd ([`crate::certificate`]); until one is
//! there, the panel signs one itself, so that its pages can always be reached. The last good
//! certificate is kept in a file: when snugd is down, devices that trust the home still see a
//! certificate they trust.
//!
//! Invariants: the key file can be read by the panel's user only; a certificate is used only
//! if it belongs to the panel's key; TLS 1.2 and 1.3 only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use admin_api::UnixTime;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use crate::limits::{OWN_FILE_BYTES_MAX, TLS_SESSIONS_MAX};
use crate::when;

const KEY_FILE: &str = "panel-key.pem";
const LEAF_FILE: &str = "panel-leaf.json";

/// How long a self-signed certificate lasts: it is made anew at each start.
const SELF_SIGNED_SECONDS: u64 = 397 * 24 * 3600;

/// Why key or certificate cannot be had. `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum TlsError {
    /// A file in the panel's directory cannot be read or written.
    File(PathBuf, io::Error),
    /// The certificate is not for the panel's key, or cannot be read.
    Unfit(String),
    /// A key or certificate cannot be made.
    Making(rcgen::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path, e) => {
                write!(f, "{}: {e}; the panel's user must be able to write there", path.display())
            }
            Self::Unfit(why) => write!(f, "the certificate cannot be used: {why}"),
            Self::Making(e) => write!(f, "the panel's key or certificate cannot be made: {e}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// A certificate from the home's authority, as it is kept between starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// PEM: the leaf, then the authority.
    pub chain_pem: String,
    /// When to ask for the next one.
    pub renew_at: UnixTime,
    /// Host names and addresses it is for.
    pub names: Vec<String>,
}

/// The panel's key, and the certificate in use.
#[derive(Debug)]
pub struct Identity {
    dir: PathBuf,
    key: KeyPair,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    leaf: RwLock<Option<Leaf>>,
}

impl Identity {
    /// Opens the identity in `dir`, making the key if there is none. The certificate is the one
    /// kept from last time if it still fits the key, else a self-signed one for `names`.
    ///
    /// # Errors
    /// [`TlsError::File`] if `dir` cannot be used.
    pub fn open(dir: &Path, names: &[String]) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = open_key(dir)?;
        let own = certified(self_signed(&key, names)?, &key, &provider)?;
        let identity = Self {
            dir: dir.to_owned(),
            key,
            provider,
            current: Arc::new(Current(RwLock::new(Arc::new(own)))),
            leaf: RwLock::new(None),
        };
        if let Some(leaf) = read_leaf(dir)
            && let Err(e) = identity.install(leaf)
        {
            tracing::warn!("the kept certificate is not used: {e}");
        }
        Ok(identity)
    }

    /// The public key: an uncompressed point of P-256, 65 bytes.
    #[must_use]
    pub fn public_point(&self) -> &[u8] {
        self.key.public_key_raw()
    }

    /// The home's certificate in use; `None` while it is a self-signed one.
    #[must_use]
    pub fn leaf(&self) -> Option<Leaf> {
        self.leaf.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Uses `leaf` for every handshake from now on, and keeps it for the next start.
    ///
    /// # Errors
    /// [`TlsError::Unfit`] leaves the certificate in use as it was; [`TlsError::File`] means
    /// that `leaf` is in use but could not be kept.
    pub fn renew(&self, leaf: Leaf) -> Result<(), TlsError> {
        let text = serde_json::to_vec(&leaf).map_err(|e| TlsError::Unfit(e.to_string()))?;
        self.install(leaf)?;
        replace_file(&self.dir, LEAF_FILE, &text)
    }

    fn install(&self, leaf: Leaf) -> Result<(), TlsError> {
        let chain = CertificateDer::pem_slice_iter(leaf.chain_pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| TlsError::Unfit(e.to_string()))?;
        let certified = certified(chain, &self.key, &self.provider)?;
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        *self.leaf.write().unwrap_or_else(PoisonError::into_inner) = Some(leaf);
        Ok(())
    }

    /// The configuration of the panel's TLS server.
    ///
    /// # Errors
    /// [`TlsError::Unfit`] if the cryptography provider lacks TLS 1.2 and 1.3.
    pub fn server_config(&self) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| TlsError::Unfit(e.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Current>::clone(&self.current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(TLS_SESSIONS_MAX);
        Ok(Arc::new(config))
    }
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Refuses a chain that is empty or whose leaf holds another key.
    CertifiedKey::from_der(chain, key, provider).map_err(|e| TlsError::Unfit(e.to_string()))
}

fn self_signed(key: &KeyPair, names: &[String]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(TlsError::Making)?;
    params.distinguished_name.push(DnType::CommonName, "Snug panel (not yet certified)");
    // A board without a battery-backed clock may think that it is years ago.
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    let (year, month, day) = when::civil(when::now() + SELF_SIGNED_SECONDS);
    params.not_after = rcgen::date_time_ymd(i32::try_from(year).unwrap_or(2100), month, day);
    let certificate = params.self_signed(key).map_err(TlsError::Making)?;
    Ok(vec![certificate.der().clone()])
}

fn open_key(dir: &Path) -> Result<KeyPair, TlsError> {
    let path = dir.join(KEY_FILE);
    match read_file(&path) {
        Ok(pem) => match KeyPair::from_pem(&pem) {
            Ok(key) if key.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256) => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
                    .map_err(|e| TlsError::File(path, e))?;
                return Ok(key);
            }
            // Nothing is lost with it: a new key gets a new certificate.
            _ => tracing::warn!("{} holds no P-256 key; making a new one", path.display()),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(TlsError::File(path, e)),
    }
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).map_err(TlsError::Making)?;
    replace_file(dir, KEY_FILE, key.serialize_pem().as_bytes())?;
    Ok(key)
}

fn read_leaf(dir: &Path) -> Option<Leaf> {
    serde_json::from_str(&read_file(&dir.join(LEAF_FILE)).ok()?).ok()
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(OWN_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file whole or not at all, readable by its owner only.
fn replace_file(dir: &Path, name: &str, bytes: &[u8]) -> Result<(), TlsError> {
    let (path, new) = (dir.join(name), dir.join(format!("{name}.new")));
    let write = || -> io::Result<()> {
        match fs::remove_file(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    };
    write().map_err(|e| TlsError::File(path.clone(), e))
}
