//! Every ceiling of the panel, each with its reason.
//!
//! The panel shares a small board with the chat server, and anybody on the home's network can
//! reach it, signed in or not: whatever one visitor can make it hold or do has a limit here.

use std::time::Duration;

/// Connections at the same time. A browser opens up to six; a family at their phones all at
/// once stays below 64, and 64 TLS connections cost about 3 MB.
pub const CONNECTIONS_MAX: usize = 64;

/// Connections from one address at the same time: two browsers on one device, and a quarter of
/// [`CONNECTIONS_MAX`], so that one misbehaving gadget cannot shut the others out.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 16;

/// Time for a TLS handshake. A phone on bad Wi-Fi needs a second or two.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Time until the head of a request is there, counted from the end of the one before: also how
/// long an idle connection is kept.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(20);

/// Size of a connection's read buffer and thereby of a request's head. Ours are below 1 KiB;
/// 16 KiB leaves room for browsers with long language lists. hyper wants 8 KiB at least.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Header lines of a request. Browsers send about 20.
pub const HEADER_LINES_MAX: usize = 64;

/// Age of a connection. A reader so slow that it needs longer is cut off; a browser simply
/// connects again.
pub const CONNECTION_AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// How long a connection may still finish its answer when it is asked to end (at its age, or
/// when the panel stops).
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(5);

/// Size of a form. The longest thing that people paste is a file of private keys, which the
/// panel wants to recognise and refuse in words, so it has to fit.
pub const FORM_BYTES_MAX: usize = 64 * 1024;

/// People on the sheet for the fridge; ten pages of paper. Each costs one question to the daemon.
pub const SHEET_PEOPLE_MAX: usize = 60;

/// How much more of a form that is too large is read and thrown away, so that the browser gets
/// to show why it was refused.
pub const FORM_DISCARDED_BYTES_MAX: usize = 1024 * 1024;

/// Time until a form's body is there.
pub const FORM_TIME_MAX: Duration = Duration::from_secs(15);

/// Fields of a form. The largest has one for each of [`FOUND_KEYS_MAX`] keys, and a few more.
pub const FORM_FIELDS_MAX: usize = FOUND_KEYS_MAX + 8;

/// Size of a form with a file. A client's file of fingerprints has about 100 bytes a line: this is
/// more than 2,000 keys, and files of private keys fit too, to be recognised.
pub const UPLOAD_BYTES_MAX: usize = 256 * 1024;

/// Parts of a form with a file. The largest has four.
pub const PARTS_MAX: usize = 8;

/// Size of the head of such a part: two lines with a name of a file.
pub const PART_HEAD_BYTES_MAX: usize = 4 * 1024;

/// Keys of a client's file that are shown, and can be taken over at once: a large family with
/// several devices each. The page says when there are more.
pub const FOUND_KEYS_MAX: usize = 128;

/// How long a page waits for one answer of the daemon. A sign-in on a slow board with others
/// before it in the queue takes some seconds; whoever waits longer wants to be told.
pub const DAEMON_TIME_MAX: Duration = Duration::from_secs(20);

/// How long a page for everybody waits to learn who looks at it, before it goes on without: the
/// health page must not hang with the daemon.
pub const VISITOR_TIME_MAX: Duration = Duration::from_secs(3);

/// Time until a page is ready. A page asks the daemon up to four times, which takes milliseconds
/// unless the daemon is in trouble.
pub const PAGE_TIME_MAX: Duration = Duration::from_secs(60);

/// Length of a session token or set-up code that is passed on to the daemon. The daemon's own
/// are 43 and about 26 characters.
pub const TOKEN_BYTES_MAX: usize = 128;

/// Length of the return path that the sign-in page carries.
pub const RETURN_PATH_BYTES_MAX: usize = 512;

/// What a browser calls itself, as passed to the daemon (`admin_api::panel::SignIn::agent`).
pub const AGENT_BYTES_MAX: usize = 200;

/// Tries to sign in or to use a set-up code per address within [`TRIES_WINDOW`]. The daemon has
/// its own, stricter limit per account; this one keeps a flood from reaching it.
pub const TRIES_PER_ADDRESS_MAX: u32 = 20;

/// See [`TRIES_PER_ADDRESS_MAX`].
pub const TRIES_WINDOW: Duration = Duration::from_secs(5 * 60);

/// Addresses whose tries are remembered. When more come, the one that tried longest ago is
/// forgotten; a home has fewer devices than this.
pub const TRIES_ADDRESSES_MAX: usize = 512;

/// How long gathered health facts are shown again: one gathering includes a log-in over TLS, so
/// visitors who keep reloading must not each cause one.
pub const HEALTH_AGE_MAX: Duration = Duration::from_secs(10);

/// How long the health page waits for the daemon's own facts, which include a log-in on a slow
/// board; after that the daemon counts as not answering.
pub const HEALTH_DAEMON_TIME_MAX: Duration = Duration::from_secs(15);

/// How often the page of the firewall looks by itself for the end of a change, every two seconds:
/// longer than the minute after which a change is taken back.
pub const FIREWALL_LOOKS_MAX: u32 = 40;

/// How long the list of network interfaces is believed when deciding who is at home.
pub const INTERFACES_AGE_MAX: Duration = Duration::from_secs(10);

/// Names in the panel's certificate (`admin_api::tls::PanelLeaf::names`).
pub const CERTIFICATE_NAMES_MAX: usize = 32;

/// How often the panel looks whether its certificate still fits its addresses.
pub const CERTIFICATE_LOOK_EVERY: Duration = Duration::from_secs(60);

/// First wait after the daemon did not give a certificate; doubled each time up to
/// [`CERTIFICATE_LOOK_EVERY`]. Panel and daemon start together, so the first try may be early.
pub const CERTIFICATE_RETRY_FIRST: Duration = Duration::from_secs(1);

/// TLS sessions remembered for quick resumption: one per device of a large family.
pub const TLS_SESSIONS_MAX: usize = 64;

/// Stack of such a thread; reading small files needs little.
pub const BLOCKING_STACK_BYTES: usize = 256 * 1024;

/// Threads for blocking work (health facts read files). One works, one waits.
pub const BLOCKING_THREADS_MAX: usize = 2;

/// Size of the panel's own files (key, certificate): a leaf with 32 names and its authority are
/// below 4 KiB.
pub const OWN_FILE_BYTES_MAX: u64 = 64 * 1024;

const _: () = assert!(CONNECTIONS_PER_ADDRESS_MAX < CONNECTIONS_MAX);
const _: () = assert!(FORM_BYTES_MAX < FORM_DISCARDED_BYTES_MAX);
const _: () = assert!(UPLOAD_BYTES_MAX < FORM_DISCARDED_BYTES_MAX);
// Each key that is taken over comes as an address of a usual length with 40 digits.
const _: () = assert!(FOUND_KEYS_MAX * 256 < FORM_BYTES_MAX);
const _: () = assert!(VISITOR_TIME_MAX.as_secs() < DAEMON_TIME_MAX.as_secs());
const _: () = assert!(DAEMON_TIME_MAX.as_secs() * 2 < PAGE_TIME_MAX.as_secs());
const _: () = assert!(HEAD_BYTES_MAX >= 8 * 1024);
