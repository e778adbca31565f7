//! XEP-0157: Contact Addresses for XMPP Services.
//!
//! Tells whom to write to, from the `[contact]` section of the configuration, as a form in the
//! server's disco#info (XEP-0128). State: none.

use xmpp::element::Element;
use xmpp::ns;

use super::{Feature, Spec};
use crate::daemon::Daemon;

/// The form's type, XEP-0157 §2.
const FORM_TYPE: &str = "http://jabber.org/network/serverinfo";

/// See the module.
pub const FEATURE: Feature = Feature {
    disco_form: Some(form),
    ..Feature::new("contact", Spec::Xep { number: 157, version: "1.1.1" })
};

fn form(daemon: &Daemon) -> Option<Element> {
    let contact = &daemon.config.contact;
    let fields = [
        ("abuse-addresses", &contact.abuse),
        ("admin-addresses", &contact.admin),
        ("support-addresses", &contact.support),
    ];
    if fields.iter().all(|(_, uris)| uris.is_empty()) {
        return None;
    }
    let mut form = Element::new("x", ns::DATA)
        .with_attr("type", "result")
        .with_child(field("FORM_TYPE", &[FORM_TYPE.to_owned()]).with_attr("type", "hidden"));
    for (name, uris) in fields.into_iter().filter(|(_, uris)| !uris.is_empty()) {
        form.push(field(name, uris).with_attr("type", "list-multi"));
    }
    Some(form)
}

fn field(name: &'static str, values: &[String]) -> Element {
    let value = |v: &String| Element::new("value", ns::DATA).with_text(v.clone());
    values
        .iter()
        .map(value)
        .fold(Element::new("field", ns::DATA).with_attr("var", name), Element::with_child)
}
