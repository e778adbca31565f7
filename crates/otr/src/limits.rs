//! Every ceiling of the engine, with its reason.
//!
//! A peer is anybody who can send a message. Whatever such a peer sends, the memory and the
//! work it causes stay below these numbers; libotr itself has none of them.

use std::time::Duration;

/// Longest text that is looked at as OTR, in bytes. The largest message of the protocol itself
/// (second step of a verification) has 2,618; a long text of a person fits as well.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Longest text of ours that is sent, in bytes; encrypted and in base64 it stays below
/// [`MESSAGE_BYTES_MAX`].
pub const TEXT_BYTES_MAX: usize = 32 * 1024;

/// Longest message put together from fragments, in bytes.
pub const ASSEMBLED_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// Most fragments of one message. The format allows 65,535; nobody needs pieces of one byte.
pub const FRAGMENTS_MAX: u16 = 2_048;

/// Instances (devices) of one peer that are remembered. The oldest gives way, and one without
/// a session before one with a session.
pub const INSTANCES_MAX: usize = 4;

/// Bytes in a number of the group (1536 bits).
pub const GROUP_BYTES: usize = 192;

/// Shortest and longest encrypted `g^x` of a D-H commit: a length of four bytes and 1 to 192.
pub const ENCRYPTED_GX_BYTES: std::ops::RangeInclusive<usize> = 5..=4 + GROUP_BYTES;

/// Longest encrypted signature: the largest public key (four numbers of at most 128 bytes with
/// their lengths and type), a key identifier and a signature come to 460 bytes.
pub const ENCRYPTED_SIGNATURE_BYTES_MAX: usize = 512;

/// Revealed MAC keys accepted in one message, in bytes. They are skipped; the Go library sends
/// up to three at a time.
pub const REVEALED_BYTES_MAX: usize = 1_024;

/// Revealed MAC keys that wait for our next message. Each rotation adds at most two, and each
/// message takes all along.
pub const REVEALED_WAITING_MAX: usize = 32;

/// TLVs looked at in one message. The protocol itself never sends more than two.
pub const TLVS_MAX: usize = 64;

/// Longest question of a verification, in bytes.
pub const QUESTION_BYTES_MAX: usize = 1_024;

/// Longest secret of a verification, in bytes.
pub const SECRET_BYTES_MAX: usize = 1_024;

/// Longest free data with the extra symmetric key, in bytes.
pub const EXTRA_KEY_DATA_BYTES_MAX: usize = 1_024;

/// Messages held back until a session stands (policy "required").
pub const HELD_MESSAGES_MAX: usize = 16;

/// Bytes of all held messages.
pub const HELD_BYTES_MAX: usize = 64 * 1024;

/// State of an unfinished key exchange is wiped after this long, as libotr does.
pub const AKE_WAIT: Duration = Duration::from_secs(60);

/// Without a session this long after [`crate::Input::Start`], the query is sent again. Two
/// libotr peers that start at once never finish on their own.
pub const RESTART_WAIT: Duration = Duration::from_secs(10);

/// A random part of at most this is added to [`RESTART_WAIT`], so that two sides that retry do
/// not meet again.
pub const RESTART_JITTER: Duration = Duration::from_secs(5);

/// How often a start is tried before the person is told.
pub const START_TRIES_MAX: u8 = 3;

/// Steps of key exchanges that are taken in [`RATE_WINDOW`]. Each costs up to 3 ms of CPU, and
/// an exchange takes two of ours.
pub const AKE_STEPS_PER_WINDOW: u16 = 40;

/// Records of verifications that are looked at in [`RATE_WINDOW`]. Each costs up to 30 ms of
/// CPU, and a run takes two of ours; ten runs a minute are more than two people can type.
pub const SMP_RECORDS_PER_WINDOW: u16 = 20;

/// `?OTR Error:` answers in [`RATE_WINDOW`], and queries because of such an answer. Two bots
/// that answer each other's errors stop here.
pub const ERRORS_PER_WINDOW: u16 = 5;

/// The span over which rates are counted.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// A heartbeat is sent when a message arrives and nothing was sent for this long.
pub const HEARTBEAT_WAIT: Duration = Duration::from_secs(60);

/// The last message is kept for a resend for this long.
pub const RESEND_WAIT: Duration = Duration::from_secs(60);

/// Smallest valid instance tag (OTR version 3, "Instance Tags").
pub const INSTANCE_TAG_MIN: u32 = 0x100;

/// Shortest fragment that can carry anything: the header takes 37 characters.
pub const FRAGMENT_CHARS_MIN: usize = 64;

/// Longest key, fingerprint or instance tag file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Most entries read from such a file.
pub const FILE_ENTRIES_MAX: usize = 4_096;

/// Deepest nesting of lists in a key file. libotr writes five.
pub const FILE_DEPTH_MAX: usize = 8;

// Whatever we encrypt, we could read as well: in one piece and in the smallest fragments.
const _: () = assert!(TEXT_BYTES_MAX * 4 / 3 + 1_024 < MESSAGE_BYTES_MAX);
const _: () =
    assert!((TEXT_BYTES_MAX * 4 / 3 + 1_024) / (FRAGMENT_CHARS_MIN - 37) < FRAGMENTS_MAX as usize);
