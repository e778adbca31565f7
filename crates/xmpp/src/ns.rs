//! Namespace names, each with the document that defines it.
//!
//! Invariant: a name is written once, here; the parser lends these very
//! strings out instead of copying them (see [`crate::intern`]).

/// Streams root element: RFC 6120 §4.8.1.
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// Content of client streams: RFC 6120 §4.8.2.
pub const CLIENT: &str = "jabber:client";
/// Content of server streams: RFC 6120 §4.8.2.
pub const SERVER: &str = "jabber:server";
/// Conditions of stream errors: RFC 6120 §4.9.2.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors: RFC 6120 §8.3.2.
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS: RFC 6120 §5.4.
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL: RFC 6120 §6.4.
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding: RFC 6120 §7.4.
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Session establishment, obsolete but still asked for: RFC 3921 §3.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Roster: RFC 6121 §2.1.
pub const ROSTER: &str = "jabber:iq:roster";
/// Roster versioning feature: RFC 6121 §2.6.1.
pub const ROSTER_VER: &str = "urn:xmpp:features:rosterver";
/// Pre-approved subscriptions feature: RFC 6121 §3.4.
pub const PRE_APPROVAL: &str = "urn:xmpp:features:pre-approval";
/// The `xml` prefix: Namespaces in XML 1.0 §3.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The `xmlns` prefix: Namespaces in XML 1.0 §3.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// Data forms: XEP-0004.
pub const DATA: &str = "jabber:x:data";
/// Last activity: XEP-0012.
pub const LAST: &str = "jabber:iq:last";
/// Service discovery, what something is: XEP-0030.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// Service discovery, what something holds: XEP-0030.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// Group chat: XEP-0045.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// Group chat, occupants: XEP-0045.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// Group chat, administration: XEP-0045.
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// Group chat, owners: XEP-0045.
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// Group chat, configuration form: XEP-0045.
pub const MUC_ROOMCONFIG: &str = "http://jabber.org/protocol/muc#roomconfig";
/// Group chat, extended information form: XEP-0045.
pub const MUC_ROOMINFO: &str = "http://jabber.org/protocol/muc#roominfo";
/// Group chat, form of a request for a voice: XEP-0045.
pub const MUC_REQUEST: &str = "http://jabber.org/protocol/muc#request";
/// Private storage: XEP-0049.
pub const PRIVATE: &str = "jabber:iq:private";
/// Ad-hoc commands: XEP-0050.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// vCard of the temp kind: XEP-0054.
pub const VCARD_TEMP: &str = "vcard-temp";
/// Search: XEP-0055.
pub const SEARCH: &str = "jabber:iq:search";
/// Result set management: XEP-0059.
pub const RSM: &str = "http://jabber.org/protocol/rsm";
/// Publish-subscribe: XEP-0060.
pub const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
/// Publish-subscribe, notifications: XEP-0060.
pub const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
/// Publish-subscribe, owners: XEP-0060.
pub const PUBSUB_OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
/// Publish-subscribe, application errors: XEP-0060.
pub const PUBSUB_ERRORS: &str = "http://jabber.org/protocol/pubsub#errors";
/// Publish-subscribe, node configuration form: XEP-0060.
pub const PUBSUB_NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
/// Publish-subscribe, preconditions of a publication: XEP-0060.
pub const PUBSUB_PUBLISH_OPTIONS: &str = "http://jabber.org/protocol/pubsub#publish-options";
/// Stream-level publish-subscribe metadata form: XEP-0060.
pub const PUBSUB_METADATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
/// SOCKS5 bytestreams: XEP-0065.
pub const BYTESTREAMS: &str = "http://jabber.org/protocol/bytestreams";
/// HTML in messages: XEP-0071.
pub const XHTML_IM: &str = "http://jabber.org/protocol/xhtml-im";
/// Out-of-band data: XEP-0066.
pub const OOB: &str = "jabber:x:oob";
/// In-band registration: XEP-0077.
pub const REGISTER: &str = "jabber:iq:register";
/// In-band registration as a stream feature: XEP-0077.
pub const REGISTER_FEATURE: &str = "http://jabber.org/features/iq-register";
/// Non-SASL authentication, obsolete: XEP-0078.
pub const LEGACY_AUTH: &str = "jabber:iq:auth";
/// User avatar, data: XEP-0084.
pub const AVATAR_DATA: &str = "urn:xmpp:avatar:data";
/// User avatar, metadata: XEP-0084.
pub const AVATAR_METADATA: &str = "urn:xmpp:avatar:metadata";
/// Chat states: XEP-0085.
pub const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
/// Software version: XEP-0092.
pub const VERSION: &str = "jabber:iq:version";
/// Entity capabilities: XEP-0115.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// Direct invitations to rooms and, in older clients, conferences: XEP-0249.
pub const CONFERENCE: &str = "jabber:x:conference";
/// vCard-based avatars: XEP-0153.
pub const VCARD_UPDATE: &str = "vcard-temp:x:update";
/// Jingle: XEP-0166.
pub const JINGLE: &str = "urn:xmpp:jingle:1";
/// User nickname: XEP-0172.
pub const NICK: &str = "http://jabber.org/protocol/nick";
/// Message delivery receipts: XEP-0184.
pub const RECEIPTS: &str = "urn:xmpp:receipts";
/// Blocking: XEP-0191.
pub const BLOCKING: &str = "urn:xmpp:blocking";
/// Blocking, errors: XEP-0191.
pub const BLOCKING_ERRORS: &str = "urn:xmpp:blocking:errors";
/// Stream management: XEP-0198.
pub const SM: &str = "urn:xmpp:sm:3";
/// Ping: XEP-0199.
pub const PING: &str = "urn:xmpp:ping";
/// Entity time: XEP-0202.
pub const TIME: &str = "urn:xmpp:time";
/// Delayed delivery: XEP-0203.
pub const DELAY: &str = "urn:xmpp:delay";
/// External service discovery: XEP-0215.
pub const EXTERNAL_DISCO: &str = "urn:xmpp:extdisco:2";
/// Server dialback: XEP-0220.
pub const DIALBACK: &str = "jabber:server:dialback";
/// Server dialback as a stream feature: XEP-0220.
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
/// Attention: XEP-0224.
pub const ATTENTION: &str = "urn:xmpp:attention:0";
/// Message carbons: XEP-0280.
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// Stanza forwarding: XEP-0297.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// Cryptographic hash functions: XEP-0300.
pub const HASHES: &str = "urn:xmpp:hashes:2";
/// Last message correction: XEP-0308.
pub const CORRECT: &str = "urn:xmpp:message-correct:0";
/// Message archive: XEP-0313.
pub const MAM: &str = "urn:xmpp:mam:2";
/// Message archive, extended queries: XEP-0313.
pub const MAM_EXTENDED: &str = "urn:xmpp:mam:2#extended";
/// Chat markers: XEP-0333.
pub const CHAT_MARKERS: &str = "urn:xmpp:chat-markers:0";
/// Message processing hints: XEP-0334.
pub const HINTS: &str = "urn:xmpp:hints";
/// Jingle message initiation: XEP-0353.
pub const JINGLE_MESSAGE: &str = "urn:xmpp:jingle-message:0";
/// Client state indication: XEP-0352.
pub const CSI: &str = "urn:xmpp:csi:0";
/// Push notifications: XEP-0357.
pub const PUSH: &str = "urn:xmpp:push:0";
/// Unique and stable stanza identifiers: XEP-0359.
pub const STANZA_ID: &str = "urn:xmpp:sid:0";
/// HTTP file upload: XEP-0363.
pub const HTTP_UPLOAD: &str = "urn:xmpp:http:upload:0";
/// References: XEP-0372.
pub const REFERENCE: &str = "urn:xmpp:reference:0";
/// Explicit message encryption: XEP-0380.
pub const EME: &str = "urn:xmpp:eme:0";
/// OMEMO as deployed (version 0.3): XEP-0384.
pub const OMEMO_LEGACY: &str = "eu.siacs.conversations.axolotl";
/// OMEMO: XEP-0384.
pub const OMEMO: &str = "urn:xmpp:omemo:2";
/// Extensible SASL profile: XEP-0388.
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Bind 2: XEP-0386.
pub const BIND2: &str = "urn:xmpp:bind:0";
/// User avatar conversion: XEP-0398.
pub const AVATAR_CONVERSION: &str = "urn:xmpp:pep-vcard-conversion:0";
/// PEP native bookmarks: XEP-0402.
pub const BOOKMARKS: &str = "urn:xmpp:bookmarks:1";
/// Bookmarks in private storage or PEP: XEP-0048.
pub const BOOKMARKS_LEGACY: &str = "storage:bookmarks";
/// Stable occupant identifiers: XEP-0421.
pub const OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";
/// Message fallback: XEP-0428.
pub const FALLBACK: &str = "urn:xmpp:fallback:0";
/// Message replies: XEP-0461.
pub const REPLY: &str = "urn:xmpp:reply:0";
/// Message reactions: XEP-0444.
pub const REACTIONS: &str = "urn:xmpp:reactions:0";
/// Message retraction: XEP-0424.
pub const RETRACT: &str = "urn:xmpp:message-retract:1";
/// Message styling: XEP-0393.
pub const STYLING: &str = "urn:xmpp:styling:0";
/// SASL channel-binding types: XEP-0440.
pub const SASL_CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
/// Pre-authenticated in-band registration: XEP-0401.
pub const PRE_AUTH: &str = "urn:xmpp:pars:0";
/// Pre-authenticated registration as a stream feature: XEP-0445.
pub const IBR_TOKEN: &str = "urn:xmpp:ibr-token:0";
/// Invitations: XEP-0401.
pub const INVITE: &str = "urn:xmpp:invite";
/// Contact addresses of a service, form type: XEP-0157.
pub const SERVER_INFO: &str = "http://jabber.org/network/serverinfo";
/// Service outage and other MUC self-ping feature: XEP-0410.
pub const MUC_SELF_PING: &str = "http://jabber.org/protocol/muc#self-ping-optimization";

/// Every name above, for the parser's table of lendable strings.
pub(crate) const ALL: &[&str] = &[
    ATTENTION,
    AVATAR_CONVERSION,
    AVATAR_DATA,
    AVATAR_METADATA,
    BIND,
    BIND2,
    BLOCKING,
    BLOCKING_ERRORS,
    BOOKMARKS,
    BOOKMARKS_LEGACY,
    BYTESTREAMS,
    CAPS,
    CARBONS,
    CHAT_MARKERS,
    CHAT_STATES,
    CLIENT,
    COMMANDS,
    CONFERENCE,
    CORRECT,
    CSI,
    DATA,
    DELAY,
    DIALBACK,
    DIALBACK_FEATURE,
    DISCO_INFO,
    DISCO_ITEMS,
    EME,
    EXTERNAL_DISCO,
    FALLBACK,
    FORWARD,
    HASHES,
    HINTS,
    HTTP_UPLOAD,
    IBR_TOKEN,
    INVITE,
    JINGLE,
    JINGLE_MESSAGE,
    LAST,
    LEGACY_AUTH,
    MAM,
    MAM_EXTENDED,
    MUC,
    MUC_ADMIN,
    MUC_OWNER,
    MUC_REQUEST,
    MUC_ROOMCONFIG,
    MUC_ROOMINFO,
    MUC_SELF_PING,
    MUC_USER,
    NICK,
    OCCUPANT_ID,
    OMEMO,
    OMEMO_LEGACY,
    OOB,
    PING,
    PRE_APPROVAL,
    PRE_AUTH,
    PRIVATE,
    PUBSUB,
    PUBSUB_ERRORS,
    PUBSUB_EVENT,
    PUBSUB_METADATA,
    PUBSUB_NODE_CONFIG,
    PUBSUB_OWNER,
    PUBSUB_PUBLISH_OPTIONS,
    PUSH,
    REACTIONS,
    RECEIPTS,
    REFERENCE,
    REGISTER,
    REGISTER_FEATURE,
    REPLY,
    RETRACT,
    ROSTER,
    ROSTER_VER,
    RSM,
    SASL,
    SASL2,
    SASL_CHANNEL_BINDING,
    SEARCH,
    SERVER,
    SERVER_INFO,
    SESSION,
    SM,
    STANZA_ERRORS,
    STANZA_ID,
    STREAMS,
    STREAM_ERRORS,
    STYLING,
    TIME,
    TLS,
    VCARD_TEMP,
    VCARD_UPDATE,
    VERSION,
    XHTML_IM,
    XML,
];

/// XEP-0478 §3: limits of a stream, as a stream feature.
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";

/// XEP-0160 §4: the feature name of a server that keeps messages for those who are away.
pub const MSGOFFLINE: &str = "msgoffline";
