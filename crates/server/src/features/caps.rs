//! XEP-0115: Entity Capabilities.
//!
//! Puts the hash of the server's disco#info into the stream features, so that clients need not
//! ask again. Spec: §5 generation, §6.3 stream feature. The capabilities of clients travel in
//! their presence, untouched. State: none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use xmpp::element::Element;
use xmpp::ns;

use super::{Feature, Spec, disco};
use crate::daemon::Daemon;

/// Names the software, as §5.1 asks; no page is fetched from there.
const NODE: &str = "urn:snug:snugd";

/// See the module.
pub const FEATURE: Feature = Feature {
    disco: &[ns::CAPS],
    stream_feature: Some(stream_feature),
    ..Feature::new("caps", Spec::Xep { number: 115, version: "1.6.0" })
};

fn stream_feature(daemon: &Daemon) -> Element {
    let info = disco::describe_server(daemon);
    Element::new("c", ns::CAPS)
        .with_attr("hash", "sha-1")
        .with_attr("node", NODE)
        .with_attr("ver", verification(&info))
}

/// The `node` under which the server's disco#info can be asked for.
#[must_use]
pub fn node_and_version(info: &Element) -> String {
    format!("{NODE}#{}", verification(info))
}

/// §5.1: the verification string of a disco#info `query`.
#[must_use]
pub fn verification(query: &Element) -> String {
    use sha1::Digest as _;
    let attr = |e: &Element, name: &str| e.attr(name).unwrap_or_default().to_owned();
    let mut identities: Vec<String> = query
        .children()
        .filter(|e| e.name() == "identity")
        .map(|e| {
            let lang = e.lang().unwrap_or_default();
            format!("{}/{}/{lang}/{}<", attr(e, "category"), attr(e, "type"), attr(e, "name"))
        })
        .collect();
    identities.sort_unstable();
    let mut features: Vec<String> = query
        .children()
        .filter(|e| e.name() == "feature")
        .map(|e| format!("{}<", attr(e, "var")))
        .collect();
    features.sort_unstable();
    let mut forms: Vec<String> =
        query.children().filter(|e| e.is("x", ns::DATA)).filter_map(form).collect();
    forms.sort_unstable();
    let text = identities.into_iter().chain(features).chain(forms).collect::<String>();
    STANDARD.encode(sha1::Sha1::digest(text.as_bytes()))
}

/// §5.1 steps 6 and 7: a form's type, then its fields by name with their values by order.
fn form(form: &Element) -> Option<String> {
    let mut fields: Vec<(String, Vec<String>)> = form
        .children()
        .filter(|e| e.name() == "field")
        .map(|field| {
            let mut values: Vec<_> =
                field.children().map(|value| value.text().into_owned()).collect();
            values.sort_unstable();
            (field.attr("var").unwrap_or_default().to_owned(), values)
        })
        .collect();
    fields.sort_unstable();
    let ty = fields.iter().position(|(var, _)| var == "FORM_TYPE").map(|at| fields.remove(at))?;
    let mut text = format!("{}<", ty.1.concat());
    for (var, values) in fields {
        text.push_str(&var);
        text.push('<');
        for value in values {
            text.push_str(&value);
            text.push('<');
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of XEP-0115 §5.2.
    #[test]
    fn the_simple_example() {
        let query = Element::parse(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' name='Exodus 0.9.1' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/muc'/></query>",
        )
        .unwrap();
        assert_eq!(verification(&query), "QgayPKawpkPSDYmwT/WM94uAlu0=");
    }

    /// The example of XEP-0115 §5.3, with two languages and a form.
    #[test]
    fn the_complex_example() {
        let query = Element::parse(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>\
             <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>\
             <feature var='http://jabber.org/protocol/caps'/>\
             <feature var='http://jabber.org/protocol/disco#info'/>\
             <feature var='http://jabber.org/protocol/disco#items'/>\
             <feature var='http://jabber.org/protocol/muc'/>\
             <x xmlns='jabber:x:data' type='result'>\
             <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>\
             <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>\
             <field var='os'><value>Mac</value></field>\
             <field var='os_version'><value>10.5.1</value></field>\
             <field var='software'><value>Psi</value></field>\
             <field var='software_version'><value>0.11</value></field></x></query>",
        )
        .unwrap();
        assert_eq!(verification(&query), "q07IKJEyjvHSyhy//CH0CxmKi8w=");
    }
}
