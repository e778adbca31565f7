//! The rules of a stream as a whole: header, end, restart, limits.

use crate::oracle;
use xmpp::error::{StreamCondition, StreamError, XmlError};
use xmpp::parser::{Parser, ParserLimits, StreamEvent, StreamOpen};
use xmpp::{Element, ns};

pub(crate) const OPEN: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
                    xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// What becomes of the very first bytes of a connection.
fn header(bytes: impl AsRef<[u8]>) -> Result<StreamOpen, StreamError> {
    let run = oracle::check(bytes.as_ref(), &[2, 5]);
    match run.events.into_iter().next() {
        Some(StreamEvent::Open(open)) => Ok(open),
        Some(other) => panic!("{other:?}"),
        None => Err(run.error.expect("neither a header nor an error")),
    }
}

// RFC 6120 §4.7, §4.8
#[test]
fn headers() {
    let open = header(
        "<?xml version=\"1.0\" encoding='UTF-8' standalone='no'?>\n<stream:stream to='b' from='a@b' \
         id='i' version='1.0' xml:lang='de' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>",
    )
    .unwrap();
    let text = |s: &str| Some(s.to_owned());
    assert_eq!(
        open,
        StreamOpen {
            ns: ns::CLIENT.into(),
            to: text("b"),
            from: text("a@b"),
            id: text("i"),
            version: text("1.0"),
            lang: text("de"),
        }
    );
    // Without declaration, with another prefix, without content namespace.
    let odd = header("<x:stream xmlns:x='http://etherx.jabber.org/streams'>").unwrap();
    assert_eq!(odd, StreamOpen::default());
    let odd = header("<stream xmlns='http://etherx.jabber.org/streams'>").unwrap();
    assert_eq!(odd.ns, ns::STREAMS);
    for (bytes, rule) in [
        ("\u{feff}<?xml version='1.0'?><a/>", XmlError::NoRoot),
        ("GET / HTTP/1.1\r\n", XmlError::NoRoot),
        ("\u{16}\u{3}\u{1}", XmlError::NoRoot),
        (" <?xml version='1.0'?><a/>", XmlError::Instruction),
        ("<?xml version='1.0'?><?xml version='1.0'?><a/>", XmlError::Instruction),
        ("<?xml version='1.0'?> <?x?>", XmlError::Instruction),
        ("<?xml version='1.1'?>", XmlError::BadDeclaration),
        ("<?xml?>", XmlError::BadDeclaration),
        ("<?xml encoding='UTF-8'?>", XmlError::BadDeclaration),
        ("<?xml version='1.0' encoding='UTF-16'?>", XmlError::OtherEncoding),
        ("<?xml-stylesheet href='x'?>", XmlError::Instruction),
        ("<!DOCTYPE stream>", XmlError::Doctype),
        ("<!-- x -->", XmlError::Comment),
        ("<![CDATA[x]]>", XmlError::StrayText),
        ("</stream:stream>", XmlError::NoRoot),
        ("<stream:stream xmlns='jabber:client'>", XmlError::UnboundPrefix),
        ("<stream xmlns='jabber:client'>", XmlError::WrongStreamNamespace),
        ("<stream:stream xmlns:stream='urn:x'>", XmlError::WrongStreamNamespace),
        ("<s:features xmlns:s='http://etherx.jabber.org/streams'>", XmlError::NotAStream),
    ] {
        assert_eq!(header(bytes), Err(rule.into()), "{bytes}");
    }
    assert_eq!(XmlError::WrongStreamNamespace.condition(), StreamCondition::InvalidNamespace);
    assert_eq!(XmlError::OtherEncoding.condition(), StreamCondition::UnsupportedEncoding);
    let utf16 = b"\xfe\xff\0<\0?\0x\0m\0l";
    assert_eq!(header(utf16), Err(XmlError::NoRoot.into()));
}

#[test]
fn the_whole_stream() {
    let stream = format!("{OPEN} \r\n<message/>\t<iq>\n</iq> </stream:stream > <garbage");
    let run = oracle::ours(stream.as_bytes(), &[], ParserLimits::default());
    assert_eq!(run.error, None);
    assert_eq!(run.events.len(), 4);
    assert_eq!(
        run.events[2],
        StreamEvent::Stanza(Element::parse("<iq xmlns='jabber:client'>\n</iq>").unwrap())
    );
    assert_eq!(run.events[3], StreamEvent::Close);
    for size in 1..9 {
        assert_eq!(oracle::ours(stream.as_bytes(), &[size], ParserLimits::default()), run);
    }
    // A stream that ends where it begins.
    let empty = OPEN.replace('>', "/>").replace("?/>", "?>");
    let run = oracle::check(empty.as_bytes(), &[4]);
    assert!(matches!(run.events[..], [StreamEvent::Open(_), StreamEvent::Close]));
}

// RFC 6120 §5.4.3.3, §6.4.6
#[test]
fn restarts() {
    let mut parser = Parser::new(ParserLimits::STRANGER);
    parser.push(OPEN.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(StreamEvent::Open(_)))));
    // The peer does not wait, and ends its lines.
    let next = OPEN.replace("version='1.0'>", "id='2' version='1.0' xmlns:p='urn:p'>");
    parser.push(format!("<auth/>\r\n{next}<p:iq/>").as_bytes());
    assert!(matches!(parser.next(), Ok(Some(StreamEvent::Stanza(_)))));
    assert_eq!(parser.unread(), "\r\n".len() + next.len() + "<p:iq/>".len());
    parser.restart();
    assert_eq!(parser.unread(), "\r\n".len() + next.len() + "<p:iq/>".len());
    let Ok(Some(StreamEvent::Open(open))) = parser.next() else { panic!("no header") };
    assert_eq!(open.id.as_deref(), Some("2"));
    let Ok(Some(StreamEvent::Stanza(iq))) = parser.next() else { panic!("no stanza") };
    assert!(iq.is("iq", "urn:p"));
    assert_eq!((parser.unread(), parser.next()), (0, Ok(None)));
    // Nothing of the stream before is left.
    parser.restart();
    parser.push(format!("{OPEN}<p:iq/>").as_bytes());
    assert!(matches!(parser.next(), Ok(Some(StreamEvent::Open(_)))));
    assert_eq!(parser.next(), Err(XmlError::UnboundPrefix.into()));
    // Parts of a stanza count as unread, for STARTTLS.
    parser = Parser::new(ParserLimits::STRANGER);
    parser.push(format!("{OPEN}<a><b").as_bytes());
    assert!(matches!(parser.next(), Ok(Some(StreamEvent::Open(_)))));
    assert_eq!((parser.next(), parser.unread()), (Ok(None), 5));
}

// RFC 6120 §13.12
#[test]
fn limits() {
    let limits = ParserLimits {
        stanza_bytes: 300,
        tree_bytes: 3000,
        depth: 4,
        attributes: 3,
        children: 4,
        name_bytes: 40,
    };
    let run = |stanza: &str| {
        let stream = format!("{OPEN}{stanza}");
        let whole = oracle::ours(stream.as_bytes(), &[], limits);
        for size in [1, 2, 7, 64, 299, 300, 301] {
            assert_eq!(oracle::ours(stream.as_bytes(), &[size], limits), whole, "{stanza}");
        }
        (whole.events.len() - 1, whole.error)
    };
    let pass = (1, None);
    let policy = |rule: XmlError| {
        assert_eq!(rule.condition(), StreamCondition::PolicyViolation);
        (0, Some(rule.into()))
    };
    // Bytes: exactly the limit passes, white space before it is not counted.
    let fill = |n: usize| format!("  <a>{}</a>", "x".repeat(n - 7));
    assert_eq!(run(&fill(300)), pass);
    assert_eq!(run(&fill(301)), policy(XmlError::TooLong));
    assert_eq!(run(&format!("<a b='{}'/>", "x".repeat(400))), policy(XmlError::TooLong));
    assert_eq!(run(&"<a/>".repeat(100)), (100, None));
    assert_eq!(run(&format!("<a>{}</a>{}", "x".repeat(200), "y".repeat(400))).0, 1);
    // Depth.
    assert_eq!(run("<a><b><c><d/></c></b></a>"), pass);
    assert_eq!(run("<a><b><c><d><e/></d></c></b></a>"), policy(XmlError::TooDeep));
    assert_eq!(run("<a><b><c><d><e><"), policy(XmlError::TooDeep));
    // Attributes.
    assert_eq!(run("<a b='' c='' xmlns='x'/>"), pass);
    assert_eq!(run("<a b='' c='' d='' e=''/>"), policy(XmlError::TooManyAttributes));
    assert_eq!(run("<a b='' xmlns:c='x' d='' e=''/>"), policy(XmlError::TooManyAttributes));
    // Children, where a run of text counts as one.
    assert_eq!(run("<a>x<b/><c/>y&amp;z</a>"), pass);
    assert_eq!(run("<a>x<b/><c/>y<d/></a>"), policy(XmlError::TooManyChildren));
    assert_eq!(run("<a>x<b/><c/>y<d>"), (0, None));
    assert_eq!(run("<a>x<b/><c/>y<d></d>"), policy(XmlError::TooManyChildren));
    assert_eq!(run("<a><b/><c/><d/><e/>x</a>"), policy(XmlError::TooManyChildren));
    // Names and namespaces.
    let long = "n".repeat(41);
    assert_eq!(run(&format!("<{}/>", &long[1..])), pass);
    assert_eq!(run(&format!("<a xmlns='{}'/>", &long[1..])), pass);
    for bad in [
        format!("<{long}/>"),
        format!("<a {long}='x'/>"),
        format!("<a xmlns='{long}'/>"),
        format!("<a xmlns:b='{long}'/>"),
    ] {
        assert_eq!(run(&bad), policy(XmlError::NameTooLong), "{bad}");
    }
    // Declarations in force at once, two of them from the header.
    let wide = ParserLimits { attributes: 200, ..ParserLimits::default() };
    for (count, rule) in [(126, None), (127, Some(XmlError::TreeTooLarge.into()))] {
        let many: String = (0..count).map(|n| format!(" xmlns:p{n}='u'")).collect();
        let stream = format!("{OPEN}<a{many}/><b{many}/>");
        assert_eq!(oracle::ours(stream.as_bytes(), &[], wide).error, rule);
    }
    // Memory: short tags in a long namespace.
    let ns = "n".repeat(40);
    let inner = "<b><c/><c/><c/></b>".repeat(4);
    assert_eq!(run(&format!("<a xmlns='{ns}'>{inner}</a>")), policy(XmlError::TreeTooLarge));
}

#[test]
fn no_room_is_kept_between_stanzas() {
    let mut parser = Parser::new(ParserLimits::default());
    parser.push(format!("{OPEN}<a>{}</a>", "x".repeat(100_000)).as_bytes());
    while parser.next().unwrap().is_some() {}
    assert_eq!(parser.held_bytes(), 0);
    parser.push(b" \n ");
    assert_eq!(parser.next(), Ok(None));
    assert_eq!(parser.held_bytes(), 0);
    // Nor much more than has come of the next one.
    parser.push(format!("<a>{}</a><b", "x".repeat(100_000)).as_bytes());
    while parser.next().unwrap().is_some() {}
    assert!(parser.held_bytes() < 4096, "{}", parser.held_bytes());
}
