//! The certificate is for the home's domain, which is what clients compare (RFC 6120 §13.7.2).

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;

pub(super) const CHECK: Check =
    Check { id: "certificate-name", title: "Name in the certificate", judge };

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| {
        let (Some(domain), Some(certificate)) = (&daemon.domain, &daemon.certificate) else {
            return Finding::skip("There is no domain before set-up is finished.");
        };
        if certificate.names.iter().any(|name| covers(name, domain)) {
            return Finding::pass(format!("The certificate is for {domain}."));
        }
        Finding::fail(
            format!(
                "The certificate is not for {domain}, but for {}.",
                if certificate.names.is_empty() {
                    "no name at all".to_owned()
                } else {
                    certificate.names.join(", ")
                }
            ),
            "Clients refuse it. Use a certificate for the domain of your addresses, or set \
             `tls.mode = \"own-ca\"` in snug.toml.",
        )
    })
}

/// RFC 6125 §6.4: equal, or a wildcard for exactly the leftmost label.
fn covers(name: &str, domain: &str) -> bool {
    if name.eq_ignore_ascii_case(domain) {
        return true;
    }
    match (name.strip_prefix("*."), domain.split_once('.')) {
        (Some(parent), Some((label, rest))) => {
            !label.is_empty() && parent.eq_ignore_ascii_case(rest)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn names() {
        for (name, domain, ok) in [
            ("home.example", "HOME.example", true),
            ("*.example", "home.example", true),
            ("*.example", "a.home.example", false),
            ("*.home.example", "home.example", false),
            ("example", "home.example", false),
        ] {
            assert_eq!(covers(name, domain), ok, "{name} {domain}");
        }
    }

    #[test]
    fn judges() {
        assert_eq!(judge(&sample::with(|d| d.domain = None)).status, Status::Skip);
        let other = judge(&sample::with(|d| d.domain = Some("other.example".to_owned())));
        assert_eq!(other.status, Status::Fail);
        assert!(other.sentence.contains("home.example, 192.168.1.2"));
    }
}
