//! Randomness for tests: the same seed gives the same bytes; a script can hand out given bytes
//! first.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::dh::EXPONENT_BYTES;
use super::digest::sha256;

/// Exponents of a pool. Two pools give 16,384 shared secrets: minutes of arithmetic, once.
const POOL: u64 = 128;

/// Places of a pool at which a conversation may begin.
const PLACES: u64 = 8;

/// SHA-256 in counter mode.
#[derive(Clone)]
pub(crate) struct Seeded {
    seed: u64,
    count: u64,
    script: VecDeque<Vec<u8>>,
    pool: Option<Pool>,
}

/// A fixed row of exponents, taken one after the other from a place of the seed's choice: none
/// comes twice in one conversation, as none does in life.
#[derive(Clone)]
struct Pool {
    owner: u64,
    next: u64,
    left: u64,
}

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, count: 0, script: VecDeque::new(), pool: None }
    }

    /// A request gets the first scripted bytes of its length that are left.
    pub(crate) fn scripted(script: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { script: script.into_iter().collect(), ..Self::new(0) }
    }

    /// Private exponents come from the pool of `owner` for as long as it lasts.
    pub(crate) fn pooled(mut self, owner: u64) -> Self {
        self.pool = Some(Pool { owner, next: self.below(PLACES) * (POOL / PLACES), left: POOL });
        self
    }

    fn next_of_pool(&mut self) -> Option<Self> {
        let pool = self.pool.as_mut()?;
        pool.left = pool.left.checked_sub(1)?;
        pool.next = (pool.next + 1) % POOL;
        Some(Self::new(u64::MAX - (pool.owner * POOL + pool.next)))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let Ok(n) = self.try_next_u64();
        n % bound
    }
}

impl TryRng for Seeded {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut b = [0; 4];
        self.try_fill_bytes(&mut b)?;
        Ok(u32::from_le_bytes(b))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut b = [0; 8];
        self.try_fill_bytes(&mut b)?;
        Ok(u64::from_le_bytes(b))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        if let Some(at) = self.script.iter().position(|s| s.len() == out.len()) {
            out.copy_from_slice(&self.script.remove(at).unwrap());
            return Ok(());
        }
        if out.len() == EXPONENT_BYTES
            && let Some(mut exponent) = self.next_of_pool()
        {
            return exponent.try_fill_bytes(out);
        }
        for chunk in out.chunks_mut(32) {
            self.count += 1;
            let block = sha256(&[&self.seed.to_be_bytes(), &self.count.to_be_bytes()]);
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
