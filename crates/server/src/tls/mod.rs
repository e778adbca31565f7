//! TLS: the certificate in use, and how it is replaced while the daemon runs.
//!
//! Spec: RFC 6120 §5 and §13.7, RFC 7590 (TLS 1.2 and 1.3 only), XEP-0368 (ALPN on the direct
//! port), RFC 5929 (`tls-server-end-point`). Certificates come from the home's own authority
//! ([`crate::local_ca`]) or from files that somebody else renews.
//!
//! Invariants: a certificate that cannot be used never replaces one that can; what failed is kept
//! as `last_error` for the health page until something succeeds; connections that are up are
//! never touched by a change.

mod facts;
mod identity;
#[cfg(test)]
mod tests;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use health::CertificateFacts;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, ClientConfig, NamedGroup, ServerConfig};
use tokio_rustls::TlsAcceptor;

use self::identity::{Identity, Stamp, from_authority, from_files, stamp};
use crate::daemon::Now;
use crate::local_ca::{self, CaError, Issued, LocalCa, P256Point};

/// XEP-0368 §4: the protocol's name on the direct port, so that it can be shared with others.
const ALPN: &[u8] = b"xmpp-client";

/// Why TLS cannot be set up or changed. `Display` is a sentence for the operator.
#[derive(Debug)]
pub enum TlsError {
    /// The home's own authority.
    Authority(CaError),
    /// A certificate or key file cannot be read.
    File(PathBuf, std::io::Error),
    /// A file holds no certificate or key, or those two do not fit together.
    Unfit(PathBuf, String),
    /// Certificates come from files, so there is no authority.
    NoAuthority,
    /// The panel's key is not a point of P-256.
    PublicKey,
    /// The TLS library refuses its own parts.
    Library(rustls::Error),
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Authority(e) => write!(f, "{e}"),
            Self::File(path, e) => write!(
                f,
                "{}: {e}; check [tls] in the settings, and that snugd's user may read the file",
                path.display()
            ),
            Self::Unfit(path, why) => {
                write!(f, "{} cannot be used for TLS: {why}", path.display())
            }
            Self::NoAuthority => f.write_str(
                "certificates come from files here, so the home has no authority of its own",
            ),
            Self::PublicKey => f.write_str("the public key is not a point of P-256"),
            Self::Library(e) => write!(f, "TLS cannot be set up: {e}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<CaError> for TlsError {
    fn from(e: CaError) -> Self {
        Self::Authority(e)
    }
}

impl From<rustls::Error> for TlsError {
    fn from(e: rustls::Error) -> Self {
        Self::Library(e)
    }
}

/// The certificate of the next handshake.
#[derive(Debug)]
struct Current(RwLock<Arc<Identity>>);

impl Current {
    fn get(&self) -> Arc<Identity> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // One home, one certificate: what the client names in SNI changes nothing.
        Some(Arc::clone(&self.get().certified))
    }
}

/// Where certificates come from.
#[derive(Debug)]
enum Source {
    OwnCa { domain: Option<String> },
    Files { certificate: PathBuf, key: PathBuf, stamps: [Stamp; 2] },
}

/// TLS of the daemon.
pub struct Tls {
    provider: Arc<CryptoProvider>,
    starttls: Arc<ServerConfig>,
    direct: Arc<ServerConfig>,
    current: Arc<Current>,
    source: Mutex<Source>,
    host: String,
    /// `None` where certificates come from files.
    authority: Option<LocalCa>,
    last_error: Mutex<Option<String>>,
}

impl Tls {
    /// Opens the certificate that `config` asks for. `domain` is the home's, once it is set up.
    ///
    /// # Errors
    /// [`TlsError`], whose text says what to do.
    pub fn open(config: &config::Config, domain: Option<&str>) -> Result<Self, TlsError> {
        let now = Now::read().unix;
        let provider = Arc::new(provider());
        let host = host_name();
        let mut authority = None;
        let (source, identity) = match &config.tls {
            config::Tls::OwnCa => {
                let ca = LocalCa::open(&config.server.data_dir.join("tls"), &host, now)?;
                let identity = from_authority(&ca, domain, &host, now, &provider)?;
                authority = Some(ca);
                (Source::OwnCa { domain: domain.map(str::to_owned) }, identity)
            }
            config::Tls::Files { certificate, key } => {
                let stamps = [stamp(certificate), stamp(key)];
                let identity = from_files(certificate, key, &provider)?;
                let (certificate, key) = (certificate.clone(), key.clone());
                (Source::Files { certificate, key, stamps }, identity)
            }
        };
        let current = Arc::new(Current(RwLock::new(Arc::new(identity))));
        Ok(Self {
            starttls: server_config(&provider, &current, &[])?,
            direct: server_config(&provider, &current, &[ALPN])?,
            provider,
            current,
            source: Mutex::new(source),
            host,
            authority,
            last_error: Mutex::default(),
        })
    }

    /// Accepts connections on the port with direct TLS, or after STARTTLS.
    #[must_use]
    pub fn acceptor(&self, direct: bool) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(if direct { &self.direct } else { &self.starttls }))
    }

    /// The data of the channel binding `tls-server-end-point` for handshakes of this moment.
    #[must_use]
    pub fn server_end_point(&self) -> Option<Vec<u8>> {
        self.current.get().facts.end_point.clone()
    }

    /// What the health page shows of the certificate in use.
    #[must_use]
    pub fn facts(&self) -> CertificateFacts {
        let identity = self.current.get();
        CertificateFacts {
            not_before: identity.facts.not_before,
            not_after: identity.facts.not_after,
            names: identity.facts.names.clone(),
            last_error: lock(&self.last_error).clone(),
        }
    }

    /// What people compare: SHA-256 of the authority's certificate, or of the file in use.
    #[must_use]
    pub fn sha256(&self) -> String {
        match self.authority_pem() {
            Some((_, sha256)) => sha256,
            None => self.current.get().facts.sha256.clone(),
        }
    }

    /// The authority's certificate as PEM and its SHA-256; `None` if certificates come from
    /// files.
    #[must_use]
    pub fn authority_pem(&self) -> Option<(String, String)> {
        let ca = self.authority.as_ref()?;
        Some((ca.pem().to_owned(), facts::sha256_hex(ca.der())))
    }

    /// Reads the files again, or issues a certificate anew if one is due.
    ///
    /// # Errors
    /// [`TlsError`]; the old certificate stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let mut source = lock(&self.source);
        let result = self.refresh(&mut source, true);
        self.remember(&result);
        result
    }

    /// What [`Tls::reload`] does, if there is a reason: files that changed, a certificate that is
    /// due. Called every minute. Says whether there was a reason.
    ///
    /// # Errors
    /// [`TlsError`]; the old certificate stays in use.
    pub fn tend(&self) -> Result<bool, TlsError> {
        let mut source = lock(&self.source);
        let due = match &*source {
            Source::OwnCa { .. } => {
                let facts = &self.current.get().facts;
                local_ca::is_due(facts.not_before, facts.not_after, Now::read().unix)
            }
            Source::Files { certificate, key, stamps } => {
                *stamps != [stamp(certificate), stamp(key)]
            }
        };
        if !due {
            return Ok(false);
        }
        let result = self.refresh(&mut source, false);
        self.remember(&result);
        result.map(|()| true)
    }

    /// The home's domain was chosen: issues a certificate for it, where that is for us to do.
    ///
    /// # Errors
    /// [`TlsError`]; the old certificate stays in use.
    pub fn set_domain(&self, name: &str) -> Result<(), TlsError> {
        let mut source = lock(&self.source);
        let Source::OwnCa { domain } = &mut *source else { return Ok(()) };
        *domain = Some(name.to_owned());
        let result = self.refresh(&mut source, false);
        self.remember(&result);
        result
    }

    /// Issues a certificate for the panel's own `key`, an uncompressed point of P-256.
    ///
    /// # Errors
    /// [`TlsError::NoAuthority`], [`TlsError::PublicKey`], or [`TlsError::Authority`] for an
    /// unusable name.
    pub fn panel_leaf(&self, key: &[u8], names: &[String]) -> Result<Issued, TlsError> {
        let ca = self.authority.as_ref().ok_or(TlsError::NoAuthority)?;
        let point = P256Point::from_bytes(key).ok_or(TlsError::PublicKey)?;
        if !self.is_on_curve(key) {
            return Err(TlsError::PublicKey);
        }
        Ok(ca.issue_panel_leaf(&point, names, Now::read().unix)?)
    }

    /// The configuration of a client that trusts the certificate in use, as the home's clients
    /// would. For the health log-in.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn client_config(&self, direct: bool) -> Result<Arc<ClientConfig>, TlsError> {
        let mut config = match &self.authority {
            Some(ca) => verify::by_authority(ca.der(), &self.provider)?,
            None => {
                let identity = self.current.get();
                let leaf = identity.certified.end_entity_cert()?.clone().into_owned();
                verify::by_leaf(leaf, &self.provider)?
            }
        };
        if direct {
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
        Ok(Arc::new(config))
    }

    fn refresh(&self, source: &mut Source, asked: bool) -> Result<(), TlsError> {
        let identity = match source {
            Source::OwnCa { domain } => {
                let now = Now::read().unix;
                let ca = self.authority.as_ref().ok_or(TlsError::NoAuthority)?;
                from_authority(ca, domain.as_deref(), &self.host, now, &self.provider)?
            }
            Source::Files { certificate, key, stamps } => {
                // Remembered before reading: a file that changes meanwhile is read again, one
                // that cannot be used is not tried again until it changes or somebody asks.
                *stamps = [stamp(certificate), stamp(key)];
                from_files(certificate, key, &self.provider)?
            }
        };
        *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
        tracing::info!(asked, "the certificate in use was replaced");
        Ok(())
    }

    fn remember(&self, result: &Result<(), TlsError>) {
        *lock(&self.last_error) = result.as_ref().err().map(ToString::to_string);
    }

    /// Completing a key exchange is how the provider checks a point.
    fn is_on_curve(&self, point: &[u8]) -> bool {
        let groups = &self.provider.kx_groups;
        groups
            .iter()
            .find(|g| g.name() == NamedGroup::secp256r1)
            .and_then(|g| g.start().ok())
            .is_some_and(|exchange| exchange.complete(point).is_ok())
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("facts", &self.facts()).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This board's name, as far as it can stand in a certificate.
fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|n| n.into_string().ok()).unwrap_or_default()
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    current: &Arc<Current>,
    alpn: &[&[u8]],
) -> Result<Arc<ServerConfig>, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::<Current>::clone(current));
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    // Else the order of the cipher suites below means nothing.
    config.ignore_client_order = true;
    Ok(Arc::new(config))
}

/// ring, with ChaCha20 first where the processor has no AES instructions (Raspberry Pi 4 and
/// older): AES in software is several times slower there, for both ends.
fn provider() -> CryptoProvider {
    let mut provider = rustls::crypto::ring::default_provider();
    if !has_aes() {
        provider.cipher_suites.sort_by_key(|suite| {
            !matches!(
                suite.suite(),
                CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
                    | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
            )
        });
    }
    provider
}

#[cfg(target_arch = "x86_64")]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}
