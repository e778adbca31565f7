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
    STANDARD.encode(sha1::Sha1::digest(hashed_text(query).as_bytes()))
}

/// §5.1: the text of a disco#info `query` that is hashed. All that is sorted is sorted as it is,
/// before the separators come: `a` stands before `a#b`, although `a<` does not.
#[must_use]
pub fn hashed_text(query: &Element) -> String {
    fn attr<'a>(element: &'a Element, name: &str) -> &'a str {
        element.attr(name).unwrap_or_default()
    }
    let named = |name: &'static str| query.children().filter(move |e| e.is(name, ns::DISCO_INFO));
    let identity = |e| (attr(e, "category"), attr(e, "type"), e.lang().unwrap_or_default(), e);
    let mut identities: Vec<_> = named("identity").map(identity).collect();
    identities
        .sort_unstable_by_key(|&(category, ty, lang, e)| (category, ty, lang, attr(e, "name")));
    let mut features: Vec<_> = named("feature").map(|e| attr(e, "var")).collect();
    features.sort_unstable();
    let mut forms: Vec<_> = query.children().filter_map(form).collect();
    forms.sort_unstable();
    let mut text = String::new();
    for (category, ty, lang, e) in identities {
        text.extend([category, "/", ty, "/", lang, "/", attr(e, "name"), "<"]);
    }
    for part in features.into_iter().map(str::to_owned).chain(forms.into_iter().flatten()) {
        text.extend([part.as_str(), "<"]);
    }
    text
}

/// §5.1 steps 6 and 7: a form's type, then its fields by name with their values by order. A form
/// whose type is not there or not hidden counts as absent (§5.4 rule 3.6).
fn form(form: &Element) -> Option<Vec<String>> {
    let is_type = |e: &&Element| e.is("field", ns::DATA) && e.attr("var") == Some("FORM_TYPE");
    let ty = form.children().find(is_type).and_then(|field| field.attr("type"));
    if !form.is("x", ns::DATA) || ty != Some("hidden") {
        return None;
    }
    let mut fields: Vec<(&str, Vec<String>)> = form
        .children()
        .filter(|e| e.is("field", ns::DATA))
        .map(|field| {
            let values = field.children().filter(|e| e.is("value", ns::DATA));
            let mut values: Vec<_> = values.map(|value| value.text().into_owned()).collect();
            values.sort_unstable();
            (field.attr("var").unwrap_or_default(), values)
        })
        .collect();
    fields.sort_unstable();
    let ty = fields.iter().position(|(var, _)| *var == "FORM_TYPE").map(|at| fields.remove(at))?;
    let mut text = vec![ty.1.concat()];
    for (var, values) in fields {
        text.push(var.to_owned());
        text.extend(values);
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

    /// Sorting with the separators would put `mam:2#extended` before `mam:2`, since `#` stands
    /// before `<`.
    #[test]
    fn what_begins_like_another_comes_after_it() {
        let query = Element::parse(
            "<query xmlns='http://jabber.org/protocol/disco#info'>\
             <identity category='client' type='pc' name='b' xml:lang='de'/>\
             <identity category='client' type='pc' name='a' xml:lang='de-AT'/>\
             <feature var='urn:xmpp:mam:2#extended'/><feature var='urn:xmpp:mam:2'/>\
             <x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>t#x</value></field>\
             </x><x xmlns='jabber:x:data'><field var='v2'><value>a+</value><value>a</value></field>\
             <field var='v'/><field var='FORM_TYPE' type='hidden'><value>t</value></field></x>\
             <x xmlns='jabber:x:data'><field var='no type'/></x></query>",
        )
        .unwrap();
        let text = "client/pc/de/b<client/pc/de-AT/a<urn:xmpp:mam:2<urn:xmpp:mam:2#extended<\
                    t<v<v2<a<a+<t#x<";
        assert_eq!(hashed_text(&query), text);
    }
}
