//! What a certificate says: its life, its names, and what channels are bound to.
//!
//! Spec: RFC 5280 §4.1, §4.2.1.6; RFC 5929 §4.1 (`tls-server-end-point`). Pure.

use std::net::IpAddr;

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::prelude::{GeneralName, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// What is known of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Seconds since 1970.
    pub(super) not_before: u64,
    /// Seconds since 1970.
    pub(super) not_after: u64,
    /// Host names and addresses, in the order of the certificate.
    pub(super) names: Vec<String>,
    /// RFC 5929 §4.1; `None` where the signature has no single hash function.
    pub(super) end_point: Option<Vec<u8>>,
    /// SHA-256 of the DER, 64 lower-case hexadecimal digits.
    pub(super) sha256: String,
}

impl Facts {
    /// Reads a certificate; `None` if it is not one.
    pub(super) fn of(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
        let seconds = |t: i64| u64::try_from(t).unwrap_or(0);
        Some(Self {
            not_before: seconds(certificate.validity().not_before.timestamp()),
            not_after: seconds(certificate.validity().not_after.timestamp()),
            names: names(&certificate),
            end_point: end_point(&certificate, der),
            sha256: sha256_hex(der),
        })
    }
}

/// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |n: &GeneralName<'_>| match n {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|a| a.to_string()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
    }
}

/// RFC 5929 §4.1: the certificate hashed by the hash function of its own signature; SHA-256 in
/// place of MD5 and SHA-1; nothing for a signature with none or with several.
fn end_point(certificate: &X509Certificate<'_>, der: &[u8]) -> Option<Vec<u8>> {
    let algorithm = &certificate.signature_algorithm;
    let oid = match SignatureAlgorithm::try_from(algorithm).ok()? {
        // RFC 4055 §3.1: the hash is a parameter.
        SignatureAlgorithm::RSASSA_PSS(parameters) => {
            parameters.hash_algorithm_oid().to_id_string()
        }
        SignatureAlgorithm::RSA | SignatureAlgorithm::ECDSA | SignatureAlgorithm::DSA => {
            algorithm.algorithm.to_id_string()
        }
        SignatureAlgorithm::ED25519 | SignatureAlgorithm::RSAAES_OAEP(_) => return None,
    };
    Some(match oid.as_str() {
        // md5WithRSA, sha1WithRSA, ecdsa-with-SHA1, SHA-1; sha256WithRSA, ecdsa-with-SHA256,
        // SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.10045.4.1"
        | "1.3.14.3.2.26"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.3.2"
        | "2.16.840.1.101.3.4.2.1" => Sha256::digest(der).to_vec(),
        // sha384WithRSA, ecdsa-with-SHA384, SHA-384.
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => {
            Sha384::digest(der).to_vec()
        }
        // sha512WithRSA, ecdsa-with-SHA512, SHA-512.
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => {
            Sha512::digest(der).to_vec()
        }
        _ => return None,
    })
}
