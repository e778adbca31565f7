//! The store takes a write durably and in time, and has room to be copied.

use super::{Check, Finding, with_daemon};
use crate::facts::Facts;
use crate::words::size;

pub(super) const CHECK: Check = Check { id: "store", title: "Store", judge };

/// A durable write on a tired SD card; people notice the delay of each message.
const SLOW_MS: u32 = 2_000;

fn judge(facts: &Facts) -> Finding {
    with_daemon(facts, |daemon| {
        let bytes = size(daemon.store_bytes);
        let free = facts.host.disk.as_ref().map(|d| d.free_bytes);
        match &daemon.store_write {
            None => Finding::skip(format!("The store is {bytes} large; no write was tried.")),
            Some(Err(why)) => Finding::fail(
                format!("The store cannot be written: {why}."),
                "Look at the check of the disk: it is full, or the card is failing. Copy what \
                 you have before anything else.",
            ),
            Some(Ok(ms)) if *ms > SLOW_MS => Finding::warn(
                format!("The store is {bytes} large; a write took {ms} ms."),
                "The card is slow, which often comes before its failure. Make a backup now and \
                 try another card.",
            ),
            // A backup and a compaction write the whole store beside itself.
            Some(Ok(_)) if free.is_some_and(|free| free < daemon.store_bytes) => Finding::warn(
                format!("The store is {bytes} large, more than the free space beside it."),
                "Make room or use a larger card; a backup needs as much space as the store.",
            ),
            Some(Ok(ms)) => {
                Finding::pass(format!("The store is {bytes} large; a write took {ms} ms."))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Status;
    use crate::sample;

    #[test]
    fn judges() {
        for (write, status) in [
            (None, Status::Skip),
            (Some(Ok(SLOW_MS)), Status::Pass),
            (Some(Ok(SLOW_MS + 1)), Status::Warn),
            (Some(Err("disk full".to_owned())), Status::Fail),
        ] {
            let finding = judge(&sample::with(|d| d.store_write = write.clone()));
            assert_eq!(finding.status, status, "{write:?}");
        }
        let large = judge(&sample::with(|d| d.store_bytes = 21_000_000_000));
        assert_eq!(large.status, Status::Warn);
        assert!(large.sentence.contains("21.0 GB"));
    }
}
