//! Flow control of one connection's input: a token bucket of bytes.
//!
//! Pure: time is a parameter. Invariant: over any span, at most the burst plus the rate times the
//! span is let through.

use std::time::{Duration, Instant};

use crate::limits::{INPUT_BURST_BYTES, INPUT_BYTES_PER_SECOND};

/// The bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    /// Bytes that may still be taken; below zero is a debt to be waited for.
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { tokens: f64::from(INPUT_BURST_BYTES), filled: now }
    }

    /// Takes `bytes`, which have been read already. Returns until when nothing more may be read.
    pub fn take(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        let rate = f64::from(INPUT_BYTES_PER_SECOND);
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * rate;
        let bytes = u32::try_from(bytes).map_or(f64::from(u32::MAX), f64::from);
        self.tokens = (self.tokens + gained).min(f64::from(INPUT_BURST_BYTES)) - bytes;
        self.filled = now;
        (self.tokens < 0.0).then(|| now + Duration::from_secs_f64(-self.tokens / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(start);
        assert_eq!(bucket.take(start, INPUT_BURST_BYTES as usize), None);
        let rate = INPUT_BYTES_PER_SECOND as usize;
        assert_eq!(bucket.take(start, rate), Some(start + Duration::from_secs(1)));
        let later = start + Duration::from_secs(2);
        assert_eq!(bucket.take(later, rate / 2), None);
    }
}
