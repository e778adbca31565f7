//! Every ceiling of the daemon, with its reason.
//!
//! What an operator may change is in `config` and has its default there; what is here protects
//! the daemon itself. Invariant: no queue, buffer, loop or retry in this crate is without a
//! limit, and each limit is in this file.

use std::time::Duration;

use xmpp::parser::ParserLimits;

/// Stanzas waiting for one client. A client that does not read for this many stanzas is lost:
/// 256 holds a log-in's flood of presence in a family of 50 with five devices each.
pub const OUTBOX_STANZAS_MAX: usize = 256;

/// Presence and chat states that wait for an inactive client before all of it goes out; well below
/// [`OUTBOX_STANZAS_MAX`], so that an inactive client is never lost for it. A family's devices fit.
pub const WAITING_STANZAS_MAX: usize = 128;

/// Bytes of those; a phone wakes up for them about as long as for one picture.
pub const WAITING_BYTES_MAX: usize = 64 * 1024;

/// Bytes waiting for one client; bounds what a client that never reads costs the board.
pub const OUTBOX_BYTES_MAX: usize = 1024 * 1024;

/// Stanzas that a session with stream management (XEP-0198) may hold: those waiting, as many as
/// without, and as many again that were sent and not acknowledged. A family's evening fits while
/// the phone is in a tunnel; beyond it the session ends and messages go where they go without it.
pub const MANAGED_STANZAS_MAX: usize = 2 * OUTBOX_STANZAS_MAX;

/// Bytes of the same.
pub const MANAGED_BYTES_MAX: usize = 2 * OUTBOX_BYTES_MAX;

/// Stanzas sent to a client before an acknowledgement is requested. Low enough that a lost
/// connection costs little to repeat, high enough that requests cost next to nothing.
pub const ACK_REQUEST_EVERY: usize = 16;

/// Silence after which an acknowledgement is requested of the few that came before. Short enough
/// that a phone's radio is still awake from them.
pub const ACK_REQUEST_SILENCE: Duration = Duration::from_secs(1);

/// Sessions that ended of which it is remembered how much was handled, so that a client that comes
/// too late does not send everything again. About 100 bytes each; the oldest are forgotten.
pub const ENDED_REMEMBERED_MAX: usize = 1_024;

/// Time that clients get at a stop to acknowledge what they were sent last; what they do not is
/// kept, and they may get it twice.
pub const LAST_ACKS_TIME_MAX: Duration = Duration::from_secs(2);

/// What a client's stanza may be once it is logged in; before, `ParserLimits::STRANGER` holds.
/// A tree takes up to four times its bytes on the wire, more is a trick.
#[must_use]
pub fn after_login(stanza_bytes: usize) -> ParserLimits {
    ParserLimits { stanza_bytes, tree_bytes: 4 * stanza_bytes, ..ParserLimits::default() }
}

/// Time from accepting a connection to a bound resource, all steps together. Three round trips
/// of a slow mobile network and a person confirming a certificate fit; a slow-loris does not.
pub const LOGIN_TIME_MAX: Duration = Duration::from_secs(60);

/// Time for one stanza from its first byte to its last. A stanza of the largest size at
/// 2G speed fits.
pub const STANZA_TIME_MAX: Duration = Duration::from_secs(60);

/// Silence after which a client is asked whether it is there (XEP-0199 §4.2). Long, because
/// each ping wakes a phone's radio.
pub const IDLE_PING_AFTER: Duration = Duration::from_secs(300);

/// Silence after that ping until the connection counts as dead.
pub const IDLE_PING_WAIT: Duration = Duration::from_secs(60);

/// A write that makes no progress for this long means a dead or stubborn client.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);

/// Bytes a client may send at once, and per second after that. A burst holds an avatar or
/// a bundle of keys; the rate is far above typing and file transfer goes elsewhere.
pub const INPUT_BURST_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes per second after the burst; see [`INPUT_BURST_BYTES`].
pub const INPUT_BYTES_PER_SECOND: u32 = 1024 * 1024;

/// Connections in all. 64 people with five devices each, and room for their reconnects;
/// at about 32 kB each this stays far below the smallest board's memory.
pub const CONNECTIONS_MAX: usize = 4096;

/// Connections from one address that have not logged in. A home behind one NAT address
/// restarts with all devices at once; ten thousand half-open connections are an attack.
pub const HALF_OPEN_PER_ADDRESS_MAX: u32 = 50;

/// Bytes of writes not yet durable above which no session reads its socket; the disk is the
/// bottleneck then, and queueing more only costs memory. Well below what the store refuses, since
/// what was read before is still handled, and one message may be written for several people.
pub const STORE_BACKLOG_MAX: usize = store::limits::BACKLOG_BYTES_MAX / 4;

/// Directed presence remembered per session (RFC 6121 §4.6.3): contacts that must hear of its end.
pub const DIRECTED_PRESENCE_MAX: usize = 256;

/// Components (XEP-0114) that may be named. Each is a program beside the daemon on one board.
pub const COMPONENTS_MAX: usize = 32;

/// Connections to the components' listeners at once: each component, while it connects again
/// before the end of its old connection was noticed.
pub const COMPONENT_CONNECTIONS_MAX: usize = 2 * COMPONENTS_MAX;

/// Time from accepting a component's connection to its handshake. It is on the same machine.
pub const COMPONENT_LOGIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Pause before a wrong handshake is refused; with [`COMPONENT_CONNECTIONS_MAX`] it bounds guessing.
pub const COMPONENT_REFUSAL_PAUSE: Duration = Duration::from_secs(1);

/// Stanzas waiting for one component. One person who comes online may have as many contacts
/// behind a gateway as a roster holds, each to be asked and told at once.
pub const COMPONENT_STANZAS_MAX: usize = 2 * ROSTER_ITEMS_MAX + OUTBOX_STANZAS_MAX;

/// Bytes waiting for one component.
pub const COMPONENT_BYTES_MAX: usize = 4 * OUTBOX_BYTES_MAX;

/// Requests to change or delete an account in-band (XEP-0077) that wait for their turn. Each takes
/// a moment of hashing.
pub const REGISTRATIONS_WAITING_MAX: usize = 16;

/// Such requests of one account per hour: people mistype.
pub const REGISTRATIONS_PER_HOUR: u32 = 10;

/// Contacts in one roster. Beyond it a roster set is refused.
pub const ROSTER_ITEMS_MAX: usize = 2_000;

/// Groups per contact, and bytes per name or group.
pub const ROSTER_GROUPS_MAX: usize = 32;
/// Bytes of a contact's or a group's name.
pub const ROSTER_NAME_BYTES_MAX: usize = 1_023;

/// Bytes of a whole roster as XML. Half an outbox, so that the answer to a roster get always fits.
pub const ROSTER_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 2;

/// Addresses on one block list. Each stanza that comes is held against it; a person who needs
/// more blocks domains.
pub const BLOCKLIST_ITEMS_MAX: usize = 1_000;

/// Bytes of a whole block list as XML, so that the answer to a get always fits an outbox.
pub const BLOCKLIST_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 4;

/// Copied messages remembered per session, so that an error about one can be copied as well. An
/// error comes within moments of its message.
pub const COPIED_REMEMBERED_MAX: usize = 64;

/// Kinds of clients whose capabilities are remembered; the least used are forgotten and asked
/// again. A family's apps with their updates are some dozens.
pub const CLIENTS_VERIFIED_MAX: usize = 512;

/// Bytes of a client's answer about itself. The longest known are some 10 kB.
pub const CLIENT_INFO_BYTES_MAX: usize = 64 * 1024;

/// Nodes whose news a client wants (`+notify`); clients name about ten.
pub const CLIENT_NODES_MAX: usize = 128;

/// Bytes of the names of these nodes. With the above, all that is remembered stays below 8 MB.
pub const CLIENT_NODES_BYTES_MAX: usize = 8 * 1024;

/// Bytes of the name under which a client can be asked about itself: an address of a home page and
/// a hash.
pub const CLIENT_NAME_BYTES_MAX: usize = 1_023;

/// Time after which a client that does not answer is asked again, when it sends presence next.
pub const CLIENT_ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
/// OTR conversations remembered per account, to bring messages to the device that can read them.
/// Nobody talks privately with more people in a day; about 300 bytes each.
pub const OTR_TALKS_MAX: usize = 64;

/// Silence after which an OTR session counts as over. A day: clients that are left open overnight
/// go on in the morning.
pub const OTR_TALK_TIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// Time in which a client that asks for no name gets back the one it had, where it left an OTR
/// session: a lift, a tunnel, a router that restarts.
pub const OTR_NAME_TIME_MAX: Duration = Duration::from_secs(600);

/// Time between two notes to the other devices that a private conversation goes on elsewhere: often
/// enough to find it, rare enough to be quiet.
pub const OTR_MARK_EVERY: Duration = Duration::from_secs(3600);

/// Days of which it is kept how much was encrypted: a month to look back on.
pub const PROTECTION_DAYS_MAX: u64 = 31;

/// Seconds between two hints at encryption to one person: a month, so that it stays a hint.
pub const PROTECTION_HINT_EVERY: u64 = 30 * 24 * 3600;

/// Conversations of the concierge, one per person; some 8 kB each. More people than a home has.
pub const CONCIERGE_TALKS_MAX: usize = 256;

/// Bytes of a message to the concierge: what its people type is short, and the longest message of a
/// verification has 3 kB.
pub const CONCIERGE_MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Messages to the concierge that are looked at together: a step of a verification takes the
/// processor 45 ms, and the other cores have other work.
pub const CONCIERGE_THREADS_MAX: usize = 2;

/// Messages of one person that wait for the concierge. A client that cuts the longest message of a
/// verification into small pieces sends some 30.
pub const CONCIERGE_LETTERS_PER_PERSON_MAX: usize = 64;

/// Messages of all people that wait for the concierge: 8 MB at most.
pub const CONCIERGE_LETTERS_MAX: usize = 512;

/// Messages that wait while the concierge's key is made, which takes a second, once.
pub const CONCIERGE_WAITING_MAX: usize = 64;

/// Phrases by which people and the concierge check each other, at a time.
pub const CONCIERGE_PHRASES_MAX: usize = 64;

/// Seconds in which such a phrase works: time to walk from the panel to the chat app.
pub const CONCIERGE_PHRASE_TIME_MAX: u64 = 15 * 60;

/// Seconds in which a key that joined others is worth a look on the health page: a week.
pub const KEY_JOINED_NEWS: u64 = 7 * 24 * 3600;

/// Bytes of one vCard as XML. Pictures of people in lists are some 20 kB.
pub const VCARD_BYTES_MAX: usize = 128 * 1024;

/// Devices of one account registered for push (XEP-0357); the oldest goes beyond. Apps register
/// again under a new name when they are installed again.
pub const PUSH_DEVICES_MAX: usize = 32;

/// Bytes of the name of a push service's node.
pub const PUSH_NODE_BYTES_MAX: usize = 1_023;

/// Bytes of what a push service wants to be told with each push, as XML. It is a token.
pub const PUSH_OPTIONS_BYTES_MAX: usize = 4_096;

/// Bytes of a message's text in a push: what a notification can show.
pub const PUSH_BODY_BYTES_MAX: usize = 512;

/// Shortest time between two pushes to one device. A device that was woken connects within it, and
/// gets all that came meanwhile.
pub const PUSH_QUIET: Duration = Duration::from_secs(15);

/// Time for a client that is connected to acknowledge a message, before it counts as asleep. It is
/// asked after [`ACK_REQUEST_SILENCE`]; the rest is for slow networks.
pub const PUSH_READ_WAIT: Duration = Duration::from_secs(10);

/// Time for a push service to answer.
pub const PUSH_ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// First wait after a push that a service could not take; it doubles from there.
pub const PUSH_BACK_OFF_FIRST: Duration = Duration::from_secs(60);

/// Longest such wait.
pub const PUSH_BACK_OFF_MAX: Duration = Duration::from_secs(6 * 3600);

/// Temporary failures in a row after which a registration ends: about two days of a service that
/// is away. The app registers again when it is next opened.
pub const PUSH_FAILURES_MAX: u32 = 16;

/// Pushes without an answer at once. A family's devices fit, if all their services are dead.
pub const PUSHES_IN_FLIGHT_MAX: usize = 256;

/// The same to one service, so that a dead one leaves room for the others.
pub const PUSHES_IN_FLIGHT_PER_SERVICE_MAX: usize = 64;

/// Pushes sent before others get their turn.
pub const PUSHES_PER_TURN: usize = 32;

/// Private elements (XEP-0049) of one account. Clients use a handful of names.
pub const PRIVATE_XML_ELEMENTS_MAX: usize = 64;

/// Bytes of one private element: notes on every contact of a large roster fit.
pub const PRIVATE_XML_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a piece of what features keep, on its way to another server: the largest stanza of a
/// client and what is wrapped around it.
pub const PIECE_BYTES_MAX: usize = 480 * 1024;

/// Rooms of one account that older clients and newer ones find alike (XEP-0402 §4.1). Nobody is in
/// so many; more are kept as published, and not converted.
pub const BOOKMARKS_MAX: usize = 500;

/// Nodes (XEP-0163) of one account. Clients use some thirty, and OMEMO one more for each device.
pub const PEP_NODES_MAX: usize = 256;

/// Items of one node, and what `max` means (XEP-0060 §16.4.4): a read mark for each of a thousand
/// conversations, or as many posts.
pub const PEP_ITEMS_MAX: usize = 1_024;

/// Items of all nodes of one account. About 100 bytes of each are in memory while the account is
/// in use.
pub const PEP_ACCOUNT_ITEMS_MAX: usize = 4 * PEP_ITEMS_MAX;

/// Bytes of one item's payload as XML. A picture of 130 kB fits; larger ones are for file transfer.
pub const PEP_ITEM_BYTES_MAX: usize = 192 * 1024;

/// Bytes of all items of one account: pictures, keys of ten devices, bookmarks and some posts.
pub const PEP_ACCOUNT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Items that one request publishes, retracts or asks for by name.
pub const PEP_REQUEST_ITEMS_MAX: usize = 128;

/// Bytes of a node's, an item's or a group's name, and of a text about a node.
pub const PEP_NAME_BYTES_MAX: usize = 1_023;

/// Addresses on one node's list of members and outcasts, and as many subscribers.
pub const PEP_LIST_MAX: usize = 256;

/// Groups that one node is open to.
pub const PEP_GROUPS_MAX: usize = 32;

/// Bytes of payloads in one answer; the rest is asked for by pages. Beside it a log-in's other
/// answers fit the outbox.
pub const PEP_ANSWER_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 4;

/// Bytes of an event that always goes out. A larger one, which must be a picture or a page, is not
/// sent to a client whose outbox it would fill by more than half.
pub const PEP_SMALL_EVENT_BYTES: usize = 8 * 1024;

/// Bytes of a message as it is archived. Larger ones are delivered but not archived, since they
/// could not be handed out again: half an outbox must hold one with what is around it.
pub const ARCHIVE_MESSAGE_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 8 * 3;

/// Archived messages in one answer. Clients ask for 20 to 100; whoever wants more gets this many,
/// and asks for the next.
pub const ARCHIVE_PAGE_MAX: usize = 100;

/// Bytes of one such answer, so that what others write fits into the outbox beside it.
pub const ARCHIVE_PAGE_BYTES_MAX: usize = OUTBOX_BYTES_MAX / 4;

/// Archived messages that are counted; of more it is not said how many they are. Takes about half
/// a millisecond.
pub const ARCHIVE_COUNT_MAX: usize = 1_000;

/// Messages of a conversation that are looked at for those with one device. Takes a few
/// milliseconds; it matters only to who asks for a device instead of a person.
pub const ARCHIVE_EXAMINED_MAX: usize = 5_000;

/// Bytes of a client's name for a query, which comes back with every result.
pub const ARCHIVE_QUERYID_BYTES_MAX: usize = 256;

/// Messages that a query may name: as many as an answer has.
pub const ARCHIVE_IDS_MAX: usize = ARCHIVE_PAGE_MAX;

/// Archived messages that are removed in one go: commits of others wait meanwhile, on a slow card
/// for a fraction of a second.
pub const ARCHIVE_PURGE_ROWS: usize = 128;

/// Wait for a deletion of archived messages before whoever asked for it is told that it goes on.
pub const ARCHIVE_DELETE_WAIT_MAX: Duration = Duration::from_secs(5);

/// Addresses on each list of a person's archive preferences.
pub const ARCHIVE_PREFS_MAX: usize = 200;

/// Changes of a roster remembered (RFC 6121 §2.6.3). A client that was away for longer gets the
/// whole roster, which is then the shorter answer anyway.
pub const ROSTER_CHANGES_KEPT: usize = 64;

/// Subscription requests from strangers kept per account; the oldest is dropped beyond.
pub const PENDING_IN_MAX: usize = 200;

/// Bytes of a subscription request kept with its text; of a larger one only the request is.
pub const PENDING_IN_BYTES_MAX: usize = 4_096;

/// Requests shown to a session that becomes available, oldest first; the others follow when
/// these are answered. All of them at once, beside a roster and presence, would overflow the
/// outbox, and the person could never log in to answer.
pub const PENDING_IN_SHOWN_MAX: usize = 64;

/// Longest graceful stop. systemd kills after 90 s; a person who pulls the plug waits less.
pub const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(10);

/// Connections to the admin socket at once.
pub const ADMIN_CONNECTIONS_MAX: usize = 16;

/// argon2 runs at once: each takes 19 MiB, and the smallest board has 512 MiB.
pub const PASSWORD_CHECKS_MAX: usize = 2;

/// argon2 runs waiting. More means an attack; they get `temporary-auth-failure`.
pub const PASSWORD_CHECKS_WAITING_MAX: usize = 32;

/// Wrong passwords of an address or account that cost nothing: people mistype.
pub const WRONG_PASSWORDS_FREE: u32 = 3;

/// Longest delay after many wrong passwords. It slows guessing to 8,640 tries a day per connection
/// without locking the person out; an address that opens all the connections it may has fifty
/// times that, still hopeless against a password of eight characters.
pub const WRONG_PASSWORD_DELAY_MAX: Duration = Duration::from_secs(10);

/// Addresses and accounts whose wrong passwords are remembered; the oldest are forgotten.
pub const THROTTLE_ENTRIES_MAX: usize = 4_096;

/// Wrong passwords of one address for all accounts together that cost nothing: a whole family
/// shares an address, and each account adds at most [`WRONG_PASSWORDS_FREE`] to this count.
pub const WRONG_PASSWORDS_FREE_PER_ADDRESS: u32 = 10;

/// First delay after the free wrong passwords; it doubles from there.
pub const WRONG_PASSWORD_DELAY_FIRST: Duration = Duration::from_millis(500);

/// Longest delay for the wrong passwords that others sent for an account: strangers must not be
/// able to slow the real person down much.
pub const WRONG_PASSWORD_DELAY_ELSEWHERE_MAX: Duration = Duration::from_secs(2);

/// Time without a wrong password after which the earlier ones are forgotten.
pub const WRONG_PASSWORDS_REMEMBERED: Duration = Duration::from_secs(3600);

/// Accounts remembered per address; more are counted together. Else one address with made-up
/// names could push everything else out of memory.
pub const THROTTLE_NAMES_PER_ADDRESS_MAX: usize = 16;

/// Records of accounts kept in memory, about 1 kB each: every message to somebody who is away
/// needs one. Beyond it all are dropped and read again as needed.
pub const ACCOUNTS_CACHED_MAX: usize = 1_024;

/// Rows read from a table at once where all of it is walked through.
pub const ROWS_PER_READ: usize = 500;

/// Time for a peer of the admin socket to say who it is.
pub const ADMIN_HELLO_TIME_MAX: Duration = Duration::from_secs(5);

/// Silence after which a connection of the admin socket is closed. Both clients make one call
/// per connection.
pub const ADMIN_IDLE_MAX: Duration = Duration::from_secs(30);

/// Time for a peer of the admin socket to take an answer.
pub const ADMIN_WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// Sign-ins to the panel that are held back or checked at once. They occupy connections of the
/// admin socket, of which some must stay free for the health page.
pub const PANEL_SIGN_INS_MAX: usize = 6;

/// Devices remembered per account; the one unseen for longest is forgotten beyond. Nobody has
/// this many, but a client that is installed anew each time looks like it.
pub const DEVICES_PER_ACCOUNT_MAX: usize = 50;

/// Seconds after which a device that did not log in is forgotten: three months, after which
/// nobody expects it back.
pub const DEVICE_UNSEEN_SECONDS_MAX: u64 = 90 * 24 * 3600;

/// Life of a device's token, seconds: a month of holidays fits; a lost phone does not stay signed
/// in for ever.
pub const TOKEN_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// Age from which a token is replaced at log-in, seconds. A day spares the card a write at every
/// reconnect, and leaves a copied token little use.
pub const TOKEN_ROTATE_SECONDS: u64 = 24 * 3600;

/// Panel sessions of one person; the oldest ends beyond.
pub const PANEL_SESSIONS_PER_ACCOUNT_MAX: usize = 20;

/// Longest life of a panel session, seconds: a month, then the password is asked for again.
pub const PANEL_SESSION_SECONDS_MAX: u64 = 30 * 24 * 3600;

/// Seconds without use after which a panel session ends: a week.
pub const PANEL_SESSION_IDLE_SECONDS_MAX: u64 = 7 * 24 * 3600;

/// Seconds by which the last use of a panel session may be stale: spares the card a write per page.
pub const PANEL_SESSION_TOUCH_SECONDS: u64 = 300;

/// Life of a set-up code, seconds: unpack the board today, finish tomorrow.
pub const SETUP_CODE_SECONDS_MAX: u64 = 24 * 3600;

/// Wrong set-up codes per minute, from everybody together. The code has 128 bits; this only
/// keeps guessing from costing time.
pub const SETUP_CODE_TRIES_PER_MINUTE: u32 = 60;

/// Fingerprints of one person: far more than anybody has clients.
pub const FINGERPRINTS_PER_ACCOUNT_MAX: usize = 100;

/// Changes kept in the history of one person's fingerprints; the oldest go beyond.
pub const FINGERPRINT_CHANGES_MAX: usize = 2_000;

/// OMEMO devices of one account and version that are looked at. Apps give up at fewer.
pub const OMEMO_DEVICES_MAX: usize = 64;

/// Bytes of a bundle as XML: one with a hundred prekeys has some 10 kB. With [`OMEMO_DEVICES_MAX`] it
/// bounds what one look reads under the account's lock.
pub const OMEMO_BUNDLE_BYTES_MAX: usize = 32 * 1024;

/// Bytes of a list of OMEMO devices: [`OMEMO_DEVICES_MAX`] with labels and their signatures.
pub const OMEMO_LIST_BYTES_MAX: usize = 32 * 1024;

/// Messages about new OMEMO keys that one change causes: an import is not a flood.
pub const OMEMO_NEWS_MAX: usize = 5;

/// Seconds without a sign of life after which an OMEMO device counts as stale: 90 days, more than a
/// summer in which a tablet lies in a drawer.
pub const OMEMO_STALE_SECONDS: u64 = 90 * 24 * 3_600;

/// Removals of OMEMO devices per account that can be taken back; each holds a bundle of some 10 kB.
pub const OMEMO_UNDO_MAX: usize = 8;

/// Accounts of which removals are held: with the above at most 16 MB, by 64 people on one evening.
pub const OMEMO_UNDO_ACCOUNTS_MAX: usize = 64;

/// Seconds for which they are held.
pub const OMEMO_UNDO_SECONDS: u64 = 3_600;

/// Longest health log-in on loopback.
pub const PROBE_TIME_MAX: Duration = Duration::from_secs(15);

/// Age up to which the result of a health log-in is given again.
pub const PROBE_FRESH: Duration = Duration::from_secs(20);

/// Wait for the clients of a removed account to go before its data is deleted.
pub const REMOVAL_WAIT_MAX: Duration = Duration::from_secs(5);

const _: () = assert!(WAITING_STANZAS_MAX <= OUTBOX_STANZAS_MAX / 2);
const _: () = assert!(WAITING_BYTES_MAX < OUTBOX_BYTES_MAX);
const _: () = assert!(ARCHIVE_PAGE_MAX < OUTBOX_STANZAS_MAX / 2);
const _: () = assert!(ARCHIVE_MESSAGE_BYTES_MAX < OUTBOX_BYTES_MAX / 2);
const _: () = assert!(VCARD_BYTES_MAX < OUTBOX_BYTES_MAX / 2);
const _: () = assert!(PEP_ITEM_BYTES_MAX < PEP_ANSWER_BYTES_MAX);
const _: () = assert!(ParserLimits::STRANGER.stanza_bytes < OUTBOX_BYTES_MAX);
const _: () = assert!(INPUT_BURST_BYTES as usize >= OUTBOX_BYTES_MAX);
const _: () = assert!(PUSHES_IN_FLIGHT_PER_SERVICE_MAX < PUSHES_IN_FLIGHT_MAX);
const _: () = assert!(ACK_REQUEST_EVERY < MANAGED_STANZAS_MAX);
const _: () = assert!(LAST_ACKS_TIME_MAX.as_secs() < SHUTDOWN_TIME_MAX.as_secs());
const _: () = assert!(TOKEN_ROTATE_SECONDS < TOKEN_SECONDS_MAX);
const _: () = assert!(TOKEN_SECONDS_MAX <= DEVICE_UNSEEN_SECONDS_MAX);
