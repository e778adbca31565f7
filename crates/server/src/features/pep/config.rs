//! What the owner can set about a node.
//!
//! Spec: XEP-0060 §8.2 and §16.4.4 (the fields), §7.1.5 preconditions; XEP-0163 §5 defaults. State:
//! none. Invariants: whatever is offered in a form is accepted in one; a configuration has one
//! form, so that equal ones compare equal however a client spelled them.

use serde::{Deserialize, Serialize};
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::ns;

use super::access::Access;
use super::errors;
use super::form::{self, Field};
use crate::limits::{PEP_GROUPS_MAX, PEP_ITEMS_MAX, PEP_NAME_BYTES_MAX};

/// When a client that comes online gets the last item.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SendLast {
    /// Not at all.
    Never,
    /// When it subscribes.
    OnSub,
    /// Then, and when it comes online. XEP-0163 §5: the default.
    #[default]
    OnSubAndPresence,
}

impl SendLast {
    const ALL: [Self; 3] = [Self::Never, Self::OnSub, Self::OnSubAndPresence];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::OnSub => "on_sub",
            Self::OnSubAndPresence => "on_sub_and_presence",
        }
    }
}

/// The configuration of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// A name for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// A text about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Namespace of the payloads. Told to others, not enforced.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub payload_type: String,
    /// Whom it is for.
    pub access: Access,
    /// Groups of the roster, for [`Access::Roster`]; in order, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Items kept, at least one; `None` = as many as the server keeps.
    pub max_items: Option<u32>,
    /// Are items kept at all?
    pub persist: bool,
    /// Seconds that an item is kept; `None` = for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire: Option<u64>,
    /// Who hears of the last item, and when.
    pub send_last: SendLast,
    /// Is anybody told of anything?
    pub notify: bool,
    /// Are items told with what they hold?
    pub payloads: bool,
    /// Is it told that an item goes?
    pub notify_retract: bool,
    /// Is it told that the node goes?
    pub notify_delete: bool,
    /// Is it told that this changes?
    pub notify_config: bool,
}

impl Default for Config {
    /// XEP-0163 §5. One item, as clients expect who publish their mood without asking for more.
    fn default() -> Self {
        Self {
            title: String::new(),
            description: String::new(),
            payload_type: String::new(),
            access: Access::default(),
            groups: Vec::new(),
            max_items: Some(1),
            persist: true,
            expire: None,
            send_last: SendLast::default(),
            notify: true,
            payloads: true,
            notify_retract: true,
            notify_delete: true,
            notify_config: false,
        }
    }
}

/// Why a field is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such field here.
    Unknown,
    /// The value is none, or not one that is possible here.
    Value,
    /// The access model is one that the server does not have.
    AccessModel,
}

impl From<Refusal> for StanzaError {
    /// §8.2.5.2, and §4.5 with its condition for an access model.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::AccessModel => {
                errors::with(StanzaCondition::NotAcceptable, "unsupported-access-model")
            }
            Refusal::Unknown | Refusal::Value => StanzaError::new(StanzaCondition::NotAcceptable),
        }
    }
}

/// One field of the form.
struct Setting {
    var: &'static str,
    label: &'static str,
    kind: Kind,
    get: fn(&Config) -> Vec<String>,
    set: fn(&mut Config, &[String]) -> Result<(), Refusal>,
}

/// How a form asks for it.
enum Kind {
    Text,
    Boolean,
    Groups,
    /// One of these.
    One(&'static [&'static str]),
}

const SETTINGS: &[Setting] = &[
    Setting {
        var: "pubsub#title",
        label: "A friendly name for the node",
        kind: Kind::Text,
        get: |c| text(&c.title),
        set: |c, v| set_text(&mut c.title, v),
    },
    Setting {
        var: "pubsub#description",
        label: "A description of the node",
        kind: Kind::Text,
        get: |c| text(&c.description),
        set: |c, v| set_text(&mut c.description, v),
    },
    Setting {
        var: "pubsub#type",
        label: "The namespace of what is published here",
        kind: Kind::Text,
        get: |c| text(&c.payload_type),
        set: |c, v| set_text(&mut c.payload_type, v),
    },
    Setting {
        var: "pubsub#access_model",
        label: "Who may read and subscribe",
        kind: Kind::One(&["open", "presence", "roster", "whitelist"]),
        get: |c| text(c.access.as_str()),
        set: |c, v| {
            let one = single(v)?;
            let found = Access::ALL.into_iter().find(|access| access.as_str() == one);
            c.access = found.ok_or(Refusal::AccessModel)?;
            Ok(())
        },
    },
    Setting {
        var: "pubsub#roster_groups_allowed",
        label: "Groups of contacts who may, with the access model roster",
        kind: Kind::Groups,
        get: |c| c.groups.clone(),
        set: |c, v| {
            let mut groups = v.to_vec();
            groups.sort_unstable();
            groups.dedup();
            let fits = |group: &String| group.len() <= PEP_NAME_BYTES_MAX;
            if groups.len() > PEP_GROUPS_MAX || !groups.iter().all(fits) {
                return Err(Refusal::Value);
            }
            c.groups = groups;
            Ok(())
        },
    },
    Setting {
        var: "pubsub#max_items",
        label: "How many items to keep, or max",
        kind: Kind::Text,
        get: |c| or_max(c.max_items),
        set: |c, v| {
            let many = number(v)?.filter(|many| *many < PEP_ITEMS_MAX as u64);
            c.max_items = match many {
                Some(0) => return Err(Refusal::Value),
                // As many as there may be is what `max` means.
                many => many.and_then(|many| u32::try_from(many).ok()),
            };
            Ok(())
        },
    },
    Setting {
        var: "pubsub#item_expire",
        label: "Seconds to keep an item, or max",
        kind: Kind::Text,
        get: |c| or_max(c.expire),
        set: |c, v| {
            // None for ever, also as 0, which some forms have for it.
            c.expire = number(v)?.filter(|seconds| *seconds > 0);
            Ok(())
        },
    },
    switch(
        "pubsub#persist_items",
        "Whether to keep items",
        |c| flag(c.persist),
        |c, v| set_flag(&mut c.persist, v),
    ),
    Setting {
        var: "pubsub#send_last_published_item",
        label: "When to send the last item",
        kind: Kind::One(&["never", "on_sub", "on_sub_and_presence"]),
        get: |c| text(c.send_last.as_str()),
        set: |c, v| {
            let one = single(v)?;
            let found = SendLast::ALL.into_iter().find(|send| send.as_str() == one);
            c.send_last = found.ok_or(Refusal::Value)?;
            Ok(())
        },
    },
    switch(
        "pubsub#deliver_notifications",
        "Whether to tell of news",
        |c| flag(c.notify),
        |c, v| set_flag(&mut c.notify, v),
    ),
    switch(
        "pubsub#deliver_payloads",
        "Whether to tell of items with what they hold",
        |c| flag(c.payloads),
        |c, v| set_flag(&mut c.payloads, v),
    ),
    switch(
        "pubsub#notify_retract",
        "Whether to tell that items are removed",
        |c| flag(c.notify_retract),
        |c, v| set_flag(&mut c.notify_retract, v),
    ),
    switch(
        "pubsub#notify_delete",
        "Whether to tell that the node is deleted",
        |c| flag(c.notify_delete),
        |c, v| set_flag(&mut c.notify_delete, v),
    ),
    switch(
        "pubsub#notify_config",
        "Whether to tell that these settings change",
        |c| flag(c.notify_config),
        |c, v| set_flag(&mut c.notify_config, v),
    ),
    // What cannot be otherwise here, so that clients that set it find out.
    fixed("pubsub#publish_model", "Who may publish", &["publishers"]),
    fixed("pubsub#notification_type", "The kind of message to tell of news", &["headline"]),
    fixed("pubsub#node_type", "Whether the node holds items", &["leaf"]),
    fixed("pubsub#publish_node_full", "What to do when the node is full", &["discard-oldest"]),
    fixed("pubsub#itemreply", "Who gets replies to items", &["publisher"]),
];

type Get = fn(&Config) -> Vec<String>;
type Set = fn(&mut Config, &[String]) -> Result<(), Refusal>;

const fn switch(var: &'static str, label: &'static str, get: Get, set: Set) -> Setting {
    Setting { var, label, kind: Kind::Boolean, get, set }
}

const fn fixed(var: &'static str, label: &'static str, only: &'static [&'static str]) -> Setting {
    Setting { var, label, kind: Kind::One(only), get: |_| Vec::new(), set: |_, _| Ok(()) }
}

impl Setting {
    fn values(&self, config: &Config) -> Vec<String> {
        match self.kind {
            Kind::One([only]) => text(only),
            _ => (self.get)(config),
        }
    }

    fn apply(&self, config: &mut Config, values: &[String]) -> Result<(), Refusal> {
        match self.kind {
            Kind::One([only]) if single(values)? == *only => Ok(()),
            Kind::One([_]) => Err(Refusal::Value),
            _ => (self.set)(config, values),
        }
    }
}

fn text(value: &str) -> Vec<String> {
    vec![value.to_owned()]
}

fn flag(value: bool) -> Vec<String> {
    text(if value { "1" } else { "0" })
}

fn or_max<T: ToString>(value: Option<T>) -> Vec<String> {
    vec![value.map_or_else(|| "max".to_owned(), |value| value.to_string())]
}

fn single(values: &[String]) -> Result<&str, Refusal> {
    match values {
        [one] => Ok(one),
        _ => Err(Refusal::Value),
    }
}

fn set_text(into: &mut String, values: &[String]) -> Result<(), Refusal> {
    let text = if values.is_empty() { "" } else { single(values)? };
    if text.len() > PEP_NAME_BYTES_MAX {
        return Err(Refusal::Value);
    }
    text.clone_into(into);
    Ok(())
}

/// XEP-0004 §3.3: a boolean in its four spellings.
fn set_flag(into: &mut bool, values: &[String]) -> Result<(), Refusal> {
    *into = match single(values)? {
        "1" | "true" => true,
        "0" | "false" => false,
        _ => return Err(Refusal::Value),
    };
    Ok(())
}

/// A number; `None` = `max`.
fn number(values: &[String]) -> Result<Option<u64>, Refusal> {
    match single(values)? {
        "max" => Ok(None),
        digits => digits.parse().map(Some).map_err(|_| Refusal::Value),
    }
}

impl Config {
    /// How many items there may be.
    pub(super) fn room(&self) -> usize {
        let many = self.max_items.and_then(|many| usize::try_from(many).ok());
        many.unwrap_or(PEP_ITEMS_MAX).min(PEP_ITEMS_MAX)
    }

    /// With `fields` set.
    ///
    /// # Errors
    /// For the first field that is not accepted.
    pub(super) fn with(&self, fields: &[Field]) -> Result<Self, Refusal> {
        let mut config = self.clone();
        for (var, values) in fields {
            let setting = SETTINGS.iter().find(|setting| setting.var == var);
            setting.ok_or(Refusal::Unknown)?.apply(&mut config, values)?;
        }
        Ok(config)
    }

    /// With those of `fields` set that the server knows: XEP-0004 §3.2 lets it ignore the others,
    /// and servers differ in what they offer.
    ///
    /// # Errors
    /// For the first field whose value is not accepted.
    pub(super) fn with_known(&self, fields: Vec<Field>) -> Result<Self, Refusal> {
        let known = |(var, _): &Field| SETTINGS.iter().any(|setting| setting.var == var);
        self.with(&fields.into_iter().filter(known).collect::<Vec<_>>())
    }

    /// The form with these values, for the owner to change. §8.2.2
    pub(super) fn form(&self) -> Element {
        let mut form = form::new("form", ns::PUBSUB_NODE_CONFIG);
        for setting in SETTINGS {
            let mut field = form::field(setting.var, &setting.values(self));
            field.set_attr("label", setting.label);
            field.set_attr("type", setting.kind.as_str());
            if let Kind::One(options) = setting.kind {
                for option in options {
                    let value = Element::new("value", ns::DATA).with_text(*option);
                    field.push(Element::new("option", ns::DATA).with_child(value));
                }
            }
            form.push(field);
        }
        form
    }

    /// A form of type `ty` with these values alone.
    pub(super) fn values(&self, ty: &'static str) -> Element {
        SETTINGS
            .iter()
            .map(|setting| form::field(setting.var, &setting.values(self)))
            .fold(form::new(ty, ns::PUBSUB_NODE_CONFIG), Element::with_child)
    }
}

impl Kind {
    /// XEP-0004 §3.3
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text-single",
            Self::Boolean => "boolean",
            Self::Groups => "text-multi",
            Self::One(_) => "list-single",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &[&str])]) -> Vec<Field> {
        let owned = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect();
        pairs.iter().map(|(var, values)| ((*var).to_owned(), owned(values))).collect()
    }

    fn other() -> Config {
        Config {
            title: "t".into(),
            description: "d".into(),
            payload_type: "urn:x".into(),
            access: Access::Roster,
            groups: vec!["a".into(), "b".into()],
            max_items: None,
            persist: false,
            expire: Some(60),
            send_last: SendLast::Never,
            notify: false,
            payloads: false,
            notify_retract: false,
            notify_delete: false,
            notify_config: true,
        }
    }

    #[test]
    fn every_form_that_is_shown_is_accepted() {
        for config in [Config::default(), other()] {
            let mut form = config.form();
            form.set_attr("type", "submit");
            let parent = Element::new("configure", "urn:x").with_child(form);
            let read = form::read(&parent, ns::PUBSUB_NODE_CONFIG);
            let Ok(Some(form::Submitted::Fields(fields))) = read else { panic!("{read:?}") };
            assert_eq!(Config::default().with(&fields), Ok(config.clone()));
            let json = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
        }
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap(), Config::default());
    }

    #[test]
    fn spellings_of_the_same_are_the_same() {
        let default = Config::default();
        let same: [&[(&str, &[&str])]; 6] = [
            &[("pubsub#persist_items", &["true"])],
            &[("pubsub#persist_items", &["1"]), ("pubsub#max_items", &["1"])],
            &[("pubsub#access_model", &["presence"])],
            &[("pubsub#item_expire", &["max"])],
            &[("pubsub#publish_model", &["publishers"])],
            &[("pubsub#title", &[])],
        ];
        for pairs in same {
            assert_eq!(default.with(&fields(pairs)).as_ref(), Ok(&default), "{pairs:?}");
        }
        let many = |text: &str| default.with(&fields(&[("pubsub#max_items", &[text])])).unwrap();
        assert_eq!([many("max").max_items, many("10000").max_items], [None, None]);
        assert_eq!([many("max").room(), many("7").room()], [PEP_ITEMS_MAX, 7]);
        let groups = |values: &[&str]| {
            default.with(&fields(&[("pubsub#roster_groups_allowed", values)])).unwrap()
        };
        assert_eq!(groups(&["b", "a", "b"]), groups(&["a", "b"]));
    }

    #[test]
    fn what_is_refused() {
        let long = "x".repeat(PEP_NAME_BYTES_MAX + 1);
        let groups = vec!["g"; PEP_GROUPS_MAX + 1];
        let groups: Vec<String> =
            groups.iter().enumerate().map(|(n, g)| format!("{g}{n}")).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let table: [(&str, &[&str], Refusal); 14] = [
            ("pubsub#access_model", &["authorize"], Refusal::AccessModel),
            ("pubsub#access_model", &["open", "open"], Refusal::Value),
            ("pubsub#max_items", &["0"], Refusal::Value),
            ("pubsub#max_items", &["-1"], Refusal::Value),
            ("pubsub#max_items", &["many"], Refusal::Value),
            ("pubsub#max_items", &[], Refusal::Value),
            ("pubsub#persist_items", &["yes"], Refusal::Value),
            ("pubsub#publish_model", &["open"], Refusal::Value),
            ("pubsub#notification_type", &["normal"], Refusal::Value),
            ("pubsub#send_last_published_item", &["always"], Refusal::Value),
            ("pubsub#item_expire", &["soon"], Refusal::Value),
            ("pubsub#title", &[&long], Refusal::Value),
            ("pubsub#roster_groups_allowed", &groups, Refusal::Value),
            ("pubsub#unheard_of", &["1"], Refusal::Unknown),
        ];
        for (var, values, refusal) in table {
            let refused = Config::default().with(&fields(&[(var, values)]));
            assert_eq!(refused, Err(refusal), "{var} {values:?}");
        }
        let mixed = fields(&[("urn:other#field", &["1"]), ("pubsub#max_items", &["2"])]);
        assert_eq!(Config::default().with_known(mixed).unwrap().max_items, Some(2));
    }
}
