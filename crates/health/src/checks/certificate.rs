//! The certificate is valid now and for at least 14 more days.

use super::{Check, Finding, with_daemon};
use crate::daemon::CertificateFacts;
use crate::facts::Facts;
use crate::words::{DAY, span};

pub(super) const CHECK: Check = Check { id: "certificate", title: "Certificate", judge };

/// Renewal should have happened long before; there is time to find out why it did not.
const WARN_SECONDS: u64 = 14 * DAY;

/// Over a long weekend it will run out.
const FAIL_SECONDS: u64 = 3 * DAY;

const RENEW: &str = "With the home's own authority, restart snugd, which renews it; with files, \
                     renew them and run `snug tls reload`.";

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| match &daemon.certificate {
        None => Finding::skip("There is no certificate before set-up is finished."),
        Some(certificate) => lifetime(certificate, facts.now),
    })
}

fn lifetime(certificate: &CertificateFacts, now: u64) -> Finding {
    if now < certificate.not_before {
        let sentence =
            format!("The certificate is valid only in {}.", span(certificate.not_before - now));
        return Finding::fail(sentence, "Look at the clock first; if it is right, renew it.");
    }
    let Some(left) = certificate.not_after.checked_sub(now).filter(|left| *left > 0) else {
        let ago = span(now - certificate.not_after);
        return Finding::fail(format!("The certificate ran out {ago} ago."), RENEW);
    };
    let sentence = format!("The certificate is valid for {} more.", span(left));
    if left < FAIL_SECONDS {
        Finding::fail(sentence, RENEW)
    } else if left < WARN_SECONDS {
        Finding::warn(sentence, RENEW)
    } else if let Some(error) = &certificate.last_error {
        Finding::warn(
            format!("{sentence} The last attempt to load a newer one failed: {error}."),
            "Correct the files named, then run `snug tls reload`.",
        )
    } else {
        Finding::pass(sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    fn at(not_after: u64) -> Finding {
        judge(&sample::with(|d| {
            d.certificate = Some(CertificateFacts { not_after, ..CertificateFacts::default() });
        }))
    }

    #[test]
    fn judges_the_time_left() {
        assert_eq!(at(sample::NOW + WARN_SECONDS).status, Status::Pass);
        assert_eq!(at(sample::NOW + WARN_SECONDS - 1).status, Status::Warn);
        assert_eq!(at(sample::NOW + FAIL_SECONDS - 1).status, Status::Fail);
        assert!(at(sample::NOW).sentence.contains("ran out 0 seconds ago"));
        assert!(at(sample::NOW - 3 * DAY).sentence.contains("ran out 3 days ago"));
    }

    #[test]
    fn judges_the_rest() {
        assert_eq!(judge(&sample::with(|d| d.certificate = None)).status, Status::Skip);
        let early = judge(&sample::with(|d| {
            d.certificate = Some(CertificateFacts {
                not_before: sample::NOW + 1,
                not_after: u64::MAX,
                ..CertificateFacts::default()
            });
        }));
        assert_eq!(early.status, Status::Fail);
        let error = judge(&sample::with(|d| {
            if let Some(c) = &mut d.certificate {
                c.last_error = Some("key does not fit".to_owned());
            }
        }));
        assert_eq!(error.status, Status::Warn);
        assert!(error.sentence.contains("key does not fit"));
    }
}
