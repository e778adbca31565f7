//! A certificate with its key, ready for use, and where it comes from.
//!
//! Invariant: what is returned can be used: the key belongs to the certificate, and both were
//! understood.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::TlsError;
use super::facts::Facts;
use crate::local_ca::{self, LocalCa};

/// Largest certificate or key file that is read: a chain of ten large certificates fits.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The certificate in use and all that follows from it.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

/// What changes when a file is replaced: device, inode, size, time of change.
pub(super) type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// The kept certificate if it still serves, else a fresh one.
pub(super) fn from_authority(
    ca: &LocalCa,
    domain: Option<&str>,
    host: &str,
    now: u64,
    provider: &CryptoProvider,
) -> Result<Identity, TlsError> {
    if let Some(leaf) = ca.kept_leaf()
        && let Some(identity) = identity(leaf.chain, leaf.key, provider).ok()
        && identity.facts.names == local_ca::leaf_names(domain, host)
        && !local_ca::is_due(identity.facts.not_before, identity.facts.not_after, now)
    {
        return Ok(identity);
    }
    let leaf = ca.issue_leaf(domain, host, now)?;
    identity(leaf.chain, leaf.key, provider).map_err(TlsError::Library)
}

/// The certificate and key of two PEM files.
pub(super) fn from_files(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Identity, TlsError> {
    let unfit = |path: &Path, why: &str| TlsError::Unfit(path.to_owned(), why.to_owned());
    let pem = read(certificate)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|e| unfit(certificate, &format!("it is not PEM ({e})")))?;
    if chain.is_empty() {
        return Err(unfit(certificate, "it holds no PEM certificate"));
    }
    let key_der = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|_| unfit(key, "it holds no PEM private key without a passphrase"))?;
    identity(chain, key_der, provider).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => {
            unfit(key, "it is not the key of the certificate; is one of the two files older?")
        }
        e => unfit(certificate, &e.to_string()),
    })
}

fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Identity, rustls::Error> {
    let bad = || rustls::Error::General("the certificate is damaged".to_owned());
    let facts = chain.first().and_then(|leaf| Facts::of(leaf)).ok_or_else(bad)?;
    let certified = Arc::new(CertifiedKey::from_der(chain, key, provider)?);
    Ok(Identity { certified, facts })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|e| TlsError::File(path.to_owned(), e))?;
    Ok(bytes)
}

/// What tells this content of a file from another; `None` if it cannot be looked at.
pub(super) fn stamp(path: &Path) -> Stamp {
    let m = fs::metadata(path).ok()?;
    Some((m.dev(), m.ino(), m.size(), m.mtime(), m.mtime_nsec()))
}
