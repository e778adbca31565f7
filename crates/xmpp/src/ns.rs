//! Namespace names, each with the document that defines it.
//!
//! Invariant: a name is written once, here; the parser lends these very
//! strings out instead of copying them (see [`crate::intern`]).

macro_rules! namespaces {
    ($($(#[$doc:meta])* $name:ident = $ns:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $ns;)*

        /// Every name, for the parser's table of strings it lends out.
        pub(crate) const ALL: &[&str] = &[$($name,)*];
    };
}

namespaces! {
    /// Content of streams of components: XEP-0114.
    COMPONENT = "jabber:component:accept";
    /// Streams root element: RFC 6120 §4.8.1.
    STREAMS = "http://etherx.jabber.org/streams";
    /// Content of client streams: RFC 6120 §4.8.2.
    CLIENT = "jabber:client";
    /// Content of server streams: RFC 6120 §4.8.2.
    SERVER = "jabber:server";
    /// Conditions of stream errors: RFC 6120 §4.9.2.
    STREAM_ERRORS = "urn:ietf:params:xml:ns:xmpp-streams";
    /// Conditions of stanza errors: RFC 6120 §8.3.2.
    STANZA_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas";
    /// STARTTLS: RFC 6120 §5.4.
    TLS = "urn:ietf:params:xml:ns:xmpp-tls";
    /// SASL: RFC 6120 §6.4.
    SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
    /// Resource binding: RFC 6120 §7.4.
    BIND = "urn:ietf:params:xml:ns:xmpp-bind";
    /// Session establishment, obsolete but still asked for: RFC 3921 §3.
    SESSION = "urn:ietf:params:xml:ns:xmpp-session";
    /// Roster: RFC 6121 §2.1.
    ROSTER = "jabber:iq:roster";
    /// Roster versioning feature: RFC 6121 §2.6.1.
    ROSTER_VER = "urn:xmpp:features:rosterver";
    /// Pre-approved subscriptions feature: RFC 6121 §3.4.
    PRE_APPROVAL = "urn:xmpp:features:pre-approval";
    /// The `xml` prefix: Namespaces in XML 1.0 §3.
    XML = "http://www.w3.org/XML/1998/namespace";
    /// The `xmlns` prefix: Namespaces in XML 1.0 §3.
    XMLNS = "http://www.w3.org/2000/xmlns/";
    /// Data forms: XEP-0004.
    DATA = "jabber:x:data";
    /// Last activity: XEP-0012.
    LAST = "jabber:iq:last";
    /// Service discovery, what something is: XEP-0030.
    DISCO_INFO = "http://jabber.org/protocol/disco#info";
    /// Service discovery, what something holds: XEP-0030.
    DISCO_ITEMS = "http://jabber.org/protocol/disco#items";
    /// Group chat: XEP-0045.
    MUC = "http://jabber.org/protocol/muc";
    /// Group chat, occupants: XEP-0045.
    MUC_USER = "http://jabber.org/protocol/muc#user";
    /// Group chat, administration: XEP-0045.
    MUC_ADMIN = "http://jabber.org/protocol/muc#admin";
    /// Group chat, owners: XEP-0045.
    MUC_OWNER = "http://jabber.org/protocol/muc#owner";
    /// Group chat, configuration form: XEP-0045.
    MUC_ROOMCONFIG = "http://jabber.org/protocol/muc#roomconfig";
    /// Group chat, extended information form: XEP-0045.
    MUC_ROOMINFO = "http://jabber.org/protocol/muc#roominfo";
    /// Group chat, form of a request for a voice: XEP-0045.
    MUC_REQUEST = "http://jabber.org/protocol/muc#request";
    /// Private storage: XEP-0049.
    PRIVATE = "jabber:iq:private";
    /// Ad-hoc commands: XEP-0050.
    COMMANDS = "http://jabber.org/protocol/commands";
    /// vCard of the temp kind: XEP-0054.
    VCARD_TEMP = "vcard-temp";
    /// Search: XEP-0055.
    SEARCH = "jabber:iq:search";
    /// Result set management: XEP-0059.
    RSM = "http://jabber.org/protocol/rsm";
    /// Publish-subscribe: XEP-0060.
    PUBSUB = "http://jabber.org/protocol/pubsub";
    /// Publish-subscribe, notifications: XEP-0060.
    PUBSUB_EVENT = "http://jabber.org/protocol/pubsub#event";
    /// Publish-subscribe, owners: XEP-0060.
    PUBSUB_OWNER = "http://jabber.org/protocol/pubsub#owner";
    /// Publish-subscribe, application errors: XEP-0060.
    PUBSUB_ERRORS = "http://jabber.org/protocol/pubsub#errors";
    /// Publish-subscribe, node configuration form: XEP-0060.
    PUBSUB_NODE_CONFIG = "http://jabber.org/protocol/pubsub#node_config";
    /// Publish-subscribe, preconditions of a publication: XEP-0060.
    PUBSUB_PUBLISH_OPTIONS = "http://jabber.org/protocol/pubsub#publish-options";
    /// Stream-level publish-subscribe metadata form: XEP-0060.
    PUBSUB_METADATA = "http://jabber.org/protocol/pubsub#meta-data";
    /// SOCKS5 bytestreams: XEP-0065.
    BYTESTREAMS = "http://jabber.org/protocol/bytestreams";
    /// HTML in messages: XEP-0071.
    XHTML_IM = "http://jabber.org/protocol/xhtml-im";
    /// Out-of-band data: XEP-0066.
    OOB = "jabber:x:oob";
    /// In-band registration: XEP-0077.
    REGISTER = "jabber:iq:register";
    /// In-band registration as a stream feature: XEP-0077.
    REGISTER_FEATURE = "http://jabber.org/features/iq-register";
    /// Non-SASL authentication, obsolete: XEP-0078.
    LEGACY_AUTH = "jabber:iq:auth";
    /// User avatar, data: XEP-0084.
    AVATAR_DATA = "urn:xmpp:avatar:data";
    /// User avatar, metadata: XEP-0084.
    AVATAR_METADATA = "urn:xmpp:avatar:metadata";
    /// Chat states: XEP-0085.
    CHAT_STATES = "http://jabber.org/protocol/chatstates";
    /// Software version: XEP-0092.
    VERSION = "jabber:iq:version";
    /// Stanza headers: XEP-0131.
    SHIM = "http://jabber.org/protocol/shim";
    /// Entity capabilities: XEP-0115.
    CAPS = "http://jabber.org/protocol/caps";
    /// Direct invitations to rooms and, in older clients, conferences: XEP-0249.
    CONFERENCE = "jabber:x:conference";
    /// vCard-based avatars: XEP-0153.
    VCARD_UPDATE = "vcard-temp:x:update";
    /// Jingle: XEP-0166.
    JINGLE = "urn:xmpp:jingle:1";
    /// User nickname: XEP-0172.
    NICK = "http://jabber.org/protocol/nick";
    /// Message delivery receipts: XEP-0184.
    RECEIPTS = "urn:xmpp:receipts";
    /// Blocking: XEP-0191.
    BLOCKING = "urn:xmpp:blocking";
    /// Blocking, errors: XEP-0191.
    BLOCKING_ERRORS = "urn:xmpp:blocking:errors";
    /// Stream management: XEP-0198.
    SM = "urn:xmpp:sm:3";
    /// Ping: XEP-0199.
    PING = "urn:xmpp:ping";
    /// Entity time: XEP-0202.
    TIME = "urn:xmpp:time";
    /// Delayed delivery: XEP-0203.
    DELAY = "urn:xmpp:delay";
    /// External service discovery: XEP-0215.
    EXTERNAL_DISCO = "urn:xmpp:extdisco:2";
    /// Server dialback: XEP-0220.
    DIALBACK = "jabber:server:dialback";
    /// Server dialback as a stream feature: XEP-0220.
    DIALBACK_FEATURE = "urn:xmpp:features:dialback";
    /// Attention: XEP-0224.
    ATTENTION = "urn:xmpp:attention:0";
    /// Message carbons: XEP-0280.
    CARBONS = "urn:xmpp:carbons:2";
    /// Stanza forwarding: XEP-0297.
    FORWARD = "urn:xmpp:forward:0";
    /// Cryptographic hash functions: XEP-0300.
    HASHES = "urn:xmpp:hashes:2";
    /// Last message correction: XEP-0308.
    CORRECT = "urn:xmpp:message-correct:0";
    /// Data forms, what may be filled in: XEP-0122.
    DATA_VALIDATE = "http://jabber.org/protocol/xdata-validate";
    /// Message archives on their way to another server: XEP-0227.
    PIE_MAM = "urn:xmpp:pie:0#mam";
    /// Message archive: XEP-0313.
    MAM = "urn:xmpp:mam:2";
    /// Message archive, extended queries: XEP-0313.
    MAM_EXTENDED = "urn:xmpp:mam:2#extended";
    /// Message archive, the field about group chats: XEP-0313.
    MAM_GROUPCHAT_FIELD = "urn:xmpp:mam:2#groupchat-field";
    /// Chat markers: XEP-0333.
    CHAT_MARKERS = "urn:xmpp:chat-markers:0";
    /// Message processing hints: XEP-0334.
    HINTS = "urn:xmpp:hints";
    /// Jingle message initiation: XEP-0353.
    JINGLE_MESSAGE = "urn:xmpp:jingle-message:0";
    /// Client state indication: XEP-0352.
    CSI = "urn:xmpp:csi:0";
    /// Push notifications: XEP-0357.
    PUSH = "urn:xmpp:push:0";
    /// Push notifications, form of what they tell: XEP-0357.
    PUSH_SUMMARY = "urn:xmpp:push:summary";
    /// Unique and stable stanza identifiers: XEP-0359.
    STANZA_ID = "urn:xmpp:sid:0";
    /// HTTP file upload: XEP-0363.
    HTTP_UPLOAD = "urn:xmpp:http:upload:0";
    /// References: XEP-0372.
    REFERENCE = "urn:xmpp:reference:0";
    /// Explicit message encryption: XEP-0380.
    EME = "urn:xmpp:eme:0";
    /// OTR as it is named in XEP-0380 §5.
    OTR = "urn:xmpp:otr:0";
    /// OMEMO as deployed (version 0.3): XEP-0384.
    OMEMO_LEGACY = "eu.siacs.conversations.axolotl";
    /// OMEMO: XEP-0384.
    OMEMO = "urn:xmpp:omemo:2";
    /// Extensible SASL profile: XEP-0388.
    SASL2 = "urn:xmpp:sasl:2";
    /// Bind 2: XEP-0386.
    BIND2 = "urn:xmpp:bind:0";
    /// Tokens for fast authentication: XEP-0484.
    FAST = "urn:xmpp:fast:0";
    /// Tasks that upgrade what a password is verified with: XEP-0480.
    SASL_UPGRADE = "urn:xmpp:sasl:upgrade:0";
    /// The data of such a task for SCRAM: XEP-0480.
    SCRAM_UPGRADE = "urn:xmpp:scram-upgrade:0";
    /// Client access management: XEP-0494.
    CLIENT_ACCESS = "urn:xmpp:cam:0";
    /// User avatar conversion: XEP-0398.
    AVATAR_CONVERSION = "urn:xmpp:pep-vcard-conversion:0";
    /// Message displayed synchronization: XEP-0490.
    DISPLAYED = "urn:xmpp:mds:displayed:0";
    /// PEP native bookmarks: XEP-0402.
    BOOKMARKS = "urn:xmpp:bookmarks:1";
    /// Bookmarks in private storage or PEP: XEP-0048.
    BOOKMARKS_LEGACY = "storage:bookmarks";
    /// Stable occupant identifiers: XEP-0421.
    OCCUPANT_ID = "urn:xmpp:occupant-id:0";
    /// Message fallback: XEP-0428.
    FALLBACK = "urn:xmpp:fallback:0";
    /// Message replies: XEP-0461.
    REPLY = "urn:xmpp:reply:0";
    /// Message reactions: XEP-0444.
    REACTIONS = "urn:xmpp:reactions:0";
    /// Message retraction: XEP-0424.
    RETRACT = "urn:xmpp:message-retract:1";
    /// Message styling: XEP-0393.
    STYLING = "urn:xmpp:styling:0";
    /// SASL channel-binding types: XEP-0440.
    SASL_CHANNEL_BINDING = "urn:xmpp:sasl-cb:0";
    /// Pre-authenticated in-band registration: XEP-0401.
    PRE_AUTH = "urn:xmpp:pars:0";
    /// Pre-authenticated registration as a stream feature: XEP-0445.
    IBR_TOKEN = "urn:xmpp:ibr-token:0";
    /// Invitations: XEP-0401.
    INVITE = "urn:xmpp:invite";
    /// Contact addresses of a service, form type: XEP-0157.
    SERVER_INFO = "http://jabber.org/network/serverinfo";
    /// Service outage and other MUC self-ping feature: XEP-0410.
    MUC_SELF_PING = "http://jabber.org/protocol/muc#self-ping-optimization";
    /// XEP-0478 §3: limits of a stream, as a stream feature.
    STREAM_LIMITS = "urn:xmpp:stream-limits:0";
    /// XEP-0160 §4: the feature name of a server that keeps messages for those who are away.
    MSGOFFLINE = "msgoffline";
}
