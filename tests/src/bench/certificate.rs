//! The authority and the certificate that both servers use: ECDSA with P-256, as snugd's own.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::Resumption;
use rustls::crypto::ring::{self, cipher_suite::TLS13_AES_128_GCM_SHA256, kx_group::X25519};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::DOMAIN;
use super::failure::{Doing, Result};

/// An authority of this run, and the certificate it gave to [`DOMAIN`].
pub(super) struct Certificate {
    authority: CertificateDer<'static>,
    /// The certificate, then the authority's.
    chain_pem: String,
    key_pem: String,
}

impl Certificate {
    /// Makes both.
    pub(super) fn new() -> Result<Self> {
        Self::make().doing(|| "making a certificate".to_owned())
    }

    fn make() -> std::result::Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec![DOMAIN.to_owned()])?.signed_by(&key, &authority)?;
        Ok(Self {
            authority: authority.der().clone(),
            chain_pem: format!("{}{}", leaf.pem(), authority.pem()),
            key_pem: key.serialize_pem(),
        })
    }

    /// Writes `chain.pem` and `key.pem` into `folder`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        for (name, text) in [("chain.pem", &self.chain_pem), ("key.pem", &self.key_pem)] {
            let path = folder.join(name);
            std::fs::write(&path, text).doing(|| path.display().to_string())?;
        }
        Ok(())
    }

    /// A client that trusts the authority and nobody else. One cipher suite and one group, so
    /// that both servers do the same work.
    pub(super) fn client(&self, resume: bool) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).doing(|| "the authority".to_owned())?;
        let provider = rustls::crypto::CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![X25519],
            ..ring::default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .doing(|| "TLS".to_owned())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Arc::new(config))
    }
}
