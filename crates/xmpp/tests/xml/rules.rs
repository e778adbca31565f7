//! Every rule of the stream parser, one line each: what is refused, with
//! which words, and what is accepted as what.

use crate::oracle;
use crate::stream_rules::OPEN;
use xmpp::error::{StreamCondition, StreamError, XmlError};
use xmpp::parser::StreamEvent;
use xmpp::{Element, Node, ns};

/// What the first stanza of a stream becomes. The outcome must be the same
/// however the bytes are cut, and rxml must agree.
fn stanza(bytes: impl AsRef<[u8]>) -> Result<Element, StreamError> {
    let stream = [OPEN.as_bytes(), bytes.as_ref()].concat();
    let run = oracle::check(&stream, &[3, 1, 7]);
    match run.events.into_iter().nth(1) {
        Some(StreamEvent::Stanza(stanza)) => Ok(stanza),
        Some(other) => panic!("{other:?}"),
        None => Err(run.error.expect("neither a stanza nor an error")),
    }
}

fn accepted(bytes: impl AsRef<[u8]> + std::fmt::Debug) -> Element {
    match stanza(&bytes) {
        Ok(element) => element,
        Err(error) => panic!("{bytes:?}: {error}"),
    }
}

fn refused(rule: XmlError, all: &[&str]) {
    for bytes in all {
        assert_eq!(stanza(bytes), Err(rule.into()), "{bytes}");
    }
}

// RFC 6120 §11.1
#[test]
fn restricted_xml() {
    refused(XmlError::Comment, &["<!-- x -->", "<a><!-- x --></a>", "<a><!--"]);
    refused(
        XmlError::Doctype,
        &["<!DOCTYPE x>", "<a><!DOCTYPE x [<!ENTITY y 'z'>]></a>", "<!doctype html>"],
    );
    refused(XmlError::Instruction, &["<?x y?>", "<a><?x?></a>", "<?xml version='1.0'?><a/>"]);
    refused(
        XmlError::UnknownEntity,
        &["<a>&nbsp;</a>", "<a b='&x;'/>", "<a>&xml:y;</a>".replace(':', "-").as_str()],
    );
    for condition in [XmlError::Comment, XmlError::Doctype, XmlError::Instruction] {
        assert_eq!(condition.condition(), StreamCondition::RestrictedXml);
    }
    assert_eq!(XmlError::UnknownEntity.condition(), StreamCondition::RestrictedXml);
}

#[test]
fn references() {
    let a = accepted("<a b='&lt;&amp;&gt;&quot;&apos;'>&lt;&amp;&gt;&quot;&apos;</a>");
    assert_eq!(a.text(), "<&>\"'");
    assert_eq!(a.attr("b"), Some("<&>\"'"));
    let a = accepted("<a b='&#65;&#x41;&#x1F600;&#0065;'>x&#65;&#x1f600;&#x9;&#13;&#xA;</a>");
    assert_eq!(a.text(), "xA😀\t\r\n");
    assert_eq!(a.attr("b"), Some("AA😀A"));
    refused(
        XmlError::BadReference,
        &[
            "<a>&</a>",
            "<a>& </a>",
            "<a>&amp</a>",
            "<a>&;</a>",
            "<a>&#;</a>",
            "<a>&#x;</a>",
            "<a>&#X41;</a>",
            "<a>&#+65;</a>",
            "<a>&#-1;</a>",
            "<a>&# 65;</a>",
            "<a>&#xG;</a>",
            "<a b='&'/>",
            "<a b='&amp'/>",
            "<a b='&#;'/>",
            "<a>& amp;</a>",
            "<a>&1;</a>",
        ],
    );
    refused(
        XmlError::ForbiddenChar,
        &[
            "<a>&#0;</a>",
            "<a>&#1;</a>",
            "<a>&#xB;</a>",
            "<a>&#x1F;</a>",
            "<a>&#xD800;</a>",
            "<a>&#xFFFE;</a>",
            "<a>&#xFFFF;</a>",
            "<a>&#x110000;</a>",
            "<a b='&#0;'/>",
            "<a>&#99999999999999999999;</a>",
        ],
    );
}

// XML 1.0 §2.2
#[test]
fn characters() {
    assert_eq!(
        accepted("<a>\t\n é\u{7f}\u{85}\u{fffd}\u{10ffff}</a>").text(),
        "\t\n é\u{7f}\u{85}\u{fffd}\u{10ffff}"
    );
    refused(
        XmlError::ForbiddenChar,
        &[
            "<a>\0</a>",
            "<a>\u{1}</a>",
            "<a>\u{b}</a>",
            "<a>\u{1f}</a>",
            "<a>\u{fffe}</a>",
            "<a>\u{ffff}</a>",
            "<a b='\u{8}'/>",
            "<a b='\u{fffe}'/>",
            "<a b='x\u{ffff}'/>",
            "<a><![CDATA[\u{1}]]></a>",
        ],
    );
}

// RFC 6120 §11.6
#[test]
fn utf8() {
    let bad: [&[u8]; 8] = [
        b"<a>\xff</a>",
        b"<a>\xc3</a>",
        b"<a>\xc0\xaf</a>",
        b"<a>\xed\xa0\x80</a>",
        b"<a>\xf4\x90\x80\x80</a>",
        b"<a b='\x80'/>",
        b"<\xe9/>",
        b"<a>\xe2\x82</a>",
    ];
    for bytes in bad {
        assert_eq!(stanza(bytes), Err(XmlError::BadUtf8.into()), "{bytes:?}");
    }
    assert_eq!(XmlError::BadUtf8.condition(), StreamCondition::UnsupportedEncoding);
    // The first error counts, however the bytes are cut.
    assert_eq!(stanza(b"<a>&x;<b>\xff</b></a>"), Err(XmlError::UnknownEntity.into()));
    assert_eq!(stanza(b"<a><b></c><b>\xff</b></a>"), Err(XmlError::MismatchedTag.into()));
}

#[test]
fn names() {
    let a = accepted("<é.-_1 ü='x' _='y'><b></b ></é.-_1>");
    assert_eq!((a.name(), a.attr("ü"), a.attr("_")), ("é.-_1", Some("x"), Some("y")));
    refused(
        XmlError::BadName,
        &[
            "<1a/>",
            "<-a/>",
            "<.a/>",
            "<a$/>",
            "<a:/>",
            "<:a/>",
            "<a:b:c/>",
            "<a 1b='x'/>",
            "<a b:='x'/>",
            "<a :b='x'/>",
            "< a/>",
            "<a =''/>",
            "<a/b/>",
            "<\u{d7}/>",
            "<a\u{b7}:\u{b7}/>",
            "<a xmlns:='x'/>",
            "<a xmlns:1='x'/>",
            "<stream:1/>",
            "<a b$='x'/>",
            "<\u{37e}/>",
        ],
    );
}

// What would end the stream of somebody whose parser is stricter.
#[test]
fn portability() {
    for name in ["\u{feff}", "a\u{feff}", "😀", "a\u{37f}", "ͰͰ", "a\u{300}", "\u{1f00}", "\u{132}"]
    {
        for bad in
            [format!("<{name}/>"), format!("<a {name}='x'/>"), format!("<a xmlns:{name}='x'/>")]
        {
            assert_eq!(stanza(&bad), Err(XmlError::UnportableName.into()), "{bad}");
        }
    }
    assert_eq!(accepted("<größe·жαא漢한/>").name(), "größe·жαא漢한");
    for c in
        [" ", "&#9;", "&#10;", "&quot;", "&lt;", "&gt;", "\\", "^", "`", "{", "|", "}", "\u{7f}"]
    {
        for bad in [format!("<a xmlns='urn:{c}'/>"), format!("<a xmlns:b='{c}x'/>")] {
            assert_eq!(stanza(&bad), Err(XmlError::UnportableNamespace.into()), "{bad}");
        }
    }
    let odd = "!#$%&'()*+,-./:;=?@[]_~é漢";
    assert_eq!(accepted(Element::new("a", odd).to_xml("")).ns(), odd);
}

// XML 1.0 §3.1
#[test]
fn tags() {
    refused(
        XmlError::BadTag,
        &[
            "<>",
            "<a b/>",
            "<a b=/>",
            "<a b=c/>",
            "<a b='x'c='y'/>",
            "<a 'x'/>",
            "<a<b/>",
            "<a / >x</a>",
            "</ a<",
            "<a></a 'x'>",
            "<\"/>",
            "<<a/>",
            "<a b=\"x\"\"\"/>",
        ],
    );
    refused(XmlError::LtInAttribute, &["<a b='<'/>", "<a b=\"x<y\"/>"]);
    refused(XmlError::DuplicateAttribute, &["<a b='1' b='2'/>", "<a b='1' c='' b='1'/>"]);
    refused(
        XmlError::MismatchedTag,
        &[
            "<a></b>",
            "<a><b></a></b>",
            "<a></ a>",
            "<a></A>",
            "<a></a:a>",
            "<a></a b='c'>".replace("'c'", "c").as_str(),
            "</a>",
            "</stream>",
            "</stream:x>",
            "<a></>",
            "<stream:a></a>",
            "<a></a/>",
        ],
    );
    let a = accepted("<a\n\tb = 'x>y'\r\nc\n=\n\"'\" ><d/ ></a>".replace("/ >", "/>"));
    assert_eq!((a.attr("b"), a.attr("c")), (Some("x>y"), Some("'")));
    assert_eq!(accepted("<a b='/'>x</a>").text(), "x");
    assert_eq!(accepted("<a b='x'/>").attr("b"), Some("x"));
}

// XML 1.0 §2.4, §2.7
#[test]
fn text_and_cdata() {
    assert_eq!(accepted("<a>]] > ]]&gt; ]></a>").text(), "]] > ]]> ]>");
    refused(XmlError::CdataEndInText, &["<a>]]></a>", "<a>x]]]>y</a>"]);
    let a = accepted("<a>1<![CDATA[<b>&amp;]]]]><![CDATA[>]]>2<![CDATA[]]>&#51;</a>");
    assert_eq!(a.nodes(), [Node::Text("1<b>&amp;]]>23".into())]);
    assert_eq!(accepted("<a><![CDATA[]]></a>").nodes(), []);
    refused(
        XmlError::BadMarkup,
        &["<a><![cdata[]]></a>", "<a><!x></a>", "<a><![CDAT[x]]></a>", "<a><!></a>", "<!ELEMENT>"],
    );
    // Between stanzas there is neither text nor CDATA.
    refused(XmlError::StrayText, &["x", "<![CDATA[]]>", "&#32;", "\u{feff}<a/>"]);
}

// XML 1.0 §2.11, §3.3.3
#[test]
fn normalisation() {
    assert_eq!(accepted("<a>1\r\n2\r3\n4\r\r\n5\r</a>").text(), "1\n2\n3\n4\n\n5\n");
    assert_eq!(accepted("<a><![CDATA[\r\n]]>\r<![CDATA[\n]]></a>").text(), "\n\n\n");
    assert_eq!(accepted("<a>\r&#10;\r&#13;\n</a>").text(), "\n\n\n\r\n");
    let a = accepted("<a b='1\r\n2\r3\n4\t5  6\r\r\n'/>");
    assert_eq!(a.attr("b"), Some("1 2 3 4 5  6  "));
    assert_eq!(accepted("<a b='&#13;&#10;&#9;&#32;'/>").attr("b"), Some("\r\n\t "));
}

// Namespaces in XML 1.0
#[test]
fn namespaces() {
    let a = accepted(
        "<a><b xmlns='urn:1' xmlns:p='urn:2'><c p:d='x' d='y'/><p:e/></b><f xmlns=''/></a>",
    );
    assert_eq!(a.ns(), ns::CLIENT);
    let b = a.child("b", "urn:1").unwrap();
    let c = b.child("c", "urn:1").unwrap();
    assert_eq!((c.attr("d"), c.attr_ns("d", "urn:2")), (Some("y"), Some("x")));
    assert!(b.child("e", "urn:2").is_some() && a.child("f", "").is_some());
    // A declaration counts for its own element, wherever it stands.
    assert_eq!(accepted("<p:a p:b='x' xmlns:p='urn:1'/>").attr_ns("b", "urn:1"), Some("x"));
    assert_eq!(accepted("<a xmlns='urn:&amp;&#x41;é'/>").ns(), "urn:&Aé");
    // Those of the header count for all stanzas.
    assert_eq!(accepted("<stream:features/>").ns(), ns::STREAMS);
    assert_eq!(accepted("<xml:a xml:lang='x'/>").lang(), Some("x"));
    assert_eq!(accepted("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>").name(), "a");
    // Declarations end with their element.
    refused(
        XmlError::UnboundPrefix,
        &[
            "<p:a/>",
            "<a p:b='x'/>",
            "<a><b xmlns:p='urn:1'/><p:c/></a>",
            "<a><b xmlns:p='x'></b><c p:d=''/></a>",
        ],
    );
    assert_eq!(XmlError::UnboundPrefix.condition(), StreamCondition::BadNamespacePrefix);
    refused(XmlError::EmptyPrefixBinding, &["<a xmlns:p=''/>"]);
    refused(
        XmlError::ReservedPrefix,
        &[
            "<a xmlns:xml='urn:1'/>",
            "<a xmlns:xmlns='urn:1'/>",
            "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns:p='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns:xml=''/>",
            "<xmlns:a/>",
        ],
    );
    refused(
        XmlError::DuplicateAttribute,
        &[
            "<a xmlns='urn:1' xmlns='urn:1'/>",
            "<a xmlns:p='urn:1' xmlns:p='urn:2'/>",
            "<a xmlns:p='urn:1' xmlns:q='urn:1' p:b='x' q:b='y'/>",
        ],
    );
}

// Element::parse: the same rules for one element alone.
#[test]
fn single_elements() {
    assert!(Element::parse(" \n<a b='c'>x</a>\r\n").is_ok());
    for (xml, rule) in [
        ("", XmlError::NoRoot),
        ("x", XmlError::NoRoot),
        ("<a", XmlError::Unfinished),
        ("<a>", XmlError::Unfinished),
        ("<a><b></b>", XmlError::Unfinished),
        ("<a/>x", XmlError::TrailingData),
        ("<a/><b/>", XmlError::TrailingData),
        ("<a/><!-- x -->", XmlError::TrailingData),
        ("<?xml version='1.0'?><a/>", XmlError::Instruction),
        ("<a></b>", XmlError::MismatchedTag),
        ("</a>", XmlError::MismatchedTag),
        ("</>", XmlError::MismatchedTag),
        ("<a>&x;</a>", XmlError::UnknownEntity),
        ("<stream:a/>", XmlError::UnboundPrefix),
    ] {
        assert_eq!(Element::parse(xml), Err(rule), "{xml}");
    }
}
