//! Every ceiling of the store, with its reason.

/// Bytes of one encoded key. Three addresses of 3,071 bytes (RFC 7622 §3.1) fit, and a page
/// of keys still fits in a reader's cache.
pub const KEY_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one batch, keys and values together. The largest records are pictures of a few
/// hundred kilobytes; whoever imports more than this splits it.
pub const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Bytes that may wait to become durable. A commit beyond it is refused at once, so that a
/// card which stalls for seconds costs refusals and not memory: what waits takes about twice
/// this, and the whole daemon shall fit in 12 MB. It is some thousands of messages.
pub const BACKLOG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Batches that one transaction takes at most: the last to join must not wait for thousands.
pub const GROUP_BATCHES_MAX: usize = 512;

/// Bytes that one transaction takes at most (or a single batch that is larger): bounds the
/// dirty pages in memory and the time one commit takes on a slow card.
pub const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// What a change weighs in the queue beside its key and value: its own record and its entry
/// in the overlay.
pub const OP_OVERHEAD_BYTES: usize = 96;

/// How often the lock of a store is tried, with [`LOCK_PAUSE`] between: half a second in all. A
/// second daemon is told so at once, as a person feels it; the moment in which a program that is
/// just being started still holds our files is far shorter.
pub const LOCK_TRIES: u32 = 51;

/// Between two tries; see [`LOCK_TRIES`].
pub const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
