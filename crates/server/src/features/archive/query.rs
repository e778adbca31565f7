//! What a client asks of its archive: XEP-0313 §4, with XEP-0059 and XEP-0004.
//!
//! Pure: from the element to what is meant, or the error to answer with. Whether names are those of
//! messages in the archive is asked later.

use store::Order;
use xmpp::element::Element;
use xmpp::error::{StanzaCondition, StanzaError};
use xmpp::form::{self, Field, Filled};
use xmpp::jid::Jid;
use xmpp::{datetime, ns, rsm};

use super::id::Id;
use super::rows::With;
use crate::limits::{ARCHIVE_IDS_MAX, ARCHIVE_QUERYID_BYTES_MAX};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The client's name for the query.
    pub(super) queryid: Option<String>,
    pub(super) filter: Filter,
    /// RSM: only messages after this one.
    pub(super) after: Option<Id>,
    /// RSM: only messages before this one.
    pub(super) before: Option<Id>,
    /// From which end the page is taken.
    pub(super) order: Order,
    /// Messages wanted at most.
    pub(super) max: Option<u32>,
    /// The last of the page comes first.
    pub(super) flip: bool,
}

/// What messages must be like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) with: Option<With>,
    /// Times in microseconds, both in.
    pub(super) start: Option<u64>,
    pub(super) end: Option<u64>,
    pub(super) after: Option<Id>,
    pub(super) before: Option<Id>,
    pub(super) ids: Option<Vec<Id>>,
    /// Nothing can match: it is about a time before 1970.
    pub(super) nothing: bool,
}

fn bad(why: impl Into<xmpp::element::Name>) -> StanzaError {
    StanzaError::new(StanzaCondition::BadRequest).with_text(why)
}

/// §4.3: a name that is none is that of no message.
fn name(text: &str) -> Result<Id, StanzaError> {
    Id::parse(text).ok_or_else(unknown_name)
}

/// The answer to a name that no message has.
pub(super) fn unknown_name() -> StanzaError {
    StanzaError::new(StanzaCondition::ItemNotFound)
        .with_text("There is no message of that name in the archive.")
}

impl Query {
    /// Reads `<query/>`.
    pub(super) fn read(query: &Element) -> Result<Self, StanzaError> {
        // §6.3: nodes are for other archives than a person's.
        if query.attr("node").is_some() {
            return Err(StanzaError::new(StanzaCondition::ItemNotFound));
        }
        let queryid = query.attr("queryid").map(str::to_owned);
        if queryid.as_ref().is_some_and(|id| id.len() > ARCHIVE_QUERYID_BYTES_MAX) {
            return Err(bad("The queryid is too long."));
        }
        let mut forms = query.children().filter(|child| child.is("x", ns::DATA));
        let filter = forms.next().map_or(Ok(Filter::default()), Filter::read)?;
        if forms.next().is_some() {
            return Err(bad("One form is enough."));
        }
        let page = rsm::Request::of(query).map_err(|e| bad(e.to_string()))?;
        if page.index.is_some() {
            // XEP-0059 §2.6: counting up to there would cost as much as reading it all.
            return Err(StanzaError::new(StanzaCondition::FeatureNotImplemented)
                .with_text("Pages are found by the name of a message, not by number."));
        }
        let order = if page.before.is_some() { Order::Falling } else { Order::Rising };
        let before = page.before.filter(|id| !id.is_empty());
        Ok(Self {
            queryid,
            filter,
            after: page.after.as_deref().map(name).transpose()?,
            before: before.as_deref().map(name).transpose()?,
            order,
            max: page.max,
            flip: query.child("flip-page", ns::MAM).is_some(),
        })
    }
}

impl Filter {
    fn read(x: &Element) -> Result<Self, StanzaError> {
        let malformed = |e: form::Malformed| bad(e.to_string());
        let form = Filled::read(x).map_err(malformed)?;
        // §4.1
        if form.form_type() != Some(ns::MAM) {
            return Err(bad("The form is not one for archives."));
        }
        let mut filter = Self::default();
        for field in form.fields() {
            filter.take(field, || field.single().map_err(malformed))?;
        }
        Ok(filter)
    }

    fn take<'f>(
        &mut self,
        field: &'f Field,
        single: impl Fn() -> Result<Option<&'f str>, StanzaError>,
    ) -> Result<(), StanzaError> {
        match field.var.as_str() {
            "with" => self.with = single()?.map(with).transpose()?,
            "start" => {
                // Before 1970 there is nothing to leave out.
                self.start = single()?.map(time).transpose()?.map(|t| t.unwrap_or(0));
            }
            "end" => match single()?.map(time).transpose()? {
                None => {}
                Some(Some(end)) => self.end = Some(end),
                Some(None) => self.nothing = true,
            },
            "after-id" => self.after = single()?.map(name).transpose()?,
            "before-id" => self.before = single()?.map(name).transpose()?,
            "ids" => {
                if field.values.len() > ARCHIVE_IDS_MAX {
                    return Err(StanzaError::new(StanzaCondition::PolicyViolation)
                        .with_text("These are too many names for one query."));
                }
                let ids: Result<Vec<Id>, _> = field.values.iter().map(|id| name(id)).collect();
                self.ids = Some(ids?);
            }
            // §4.1.4: there are none either way.
            "include-groupchat" => {
                field.boolean().map_err(|e| bad(e.to_string()))?;
            }
            // §4.1.5
            _ => {
                return Err(StanzaError::new(StanzaCondition::FeatureNotImplemented)
                    .with_text("The form has a field that this archive does not know."));
            }
        }
        Ok(())
    }
}

/// §4.1.1
fn with(text: &str) -> Result<With, StanzaError> {
    let jid = Jid::parse(text).map_err(|_| bad("The address in the form is not an address."))?;
    Ok(With { bare: jid.bare_str().to_owned(), resource: jid.resource().map(str::to_owned) })
}

/// §4.1.2; `None` = before 1970.
fn time(text: &str) -> Result<Option<u64>, StanzaError> {
    let micros = datetime::parse_micros(text);
    let micros = micros.ok_or_else(|| bad("A time in the form is not one of XEP-0082."))?;
    Ok(u64::try_from(micros).ok())
}

/// §4.1.5: the form to fill in.
pub(super) fn form() -> Element {
    // An open list: any names may be filled in (XEP-0122 §3.2).
    let open = Element::new("validate", ns::DATA_VALIDATE)
        .with_attr("datatype", "xs:string")
        .with_child(Element::new("open", ns::DATA_VALIDATE));
    form::named("form", ns::MAM)
        .with_child(form::field("with", "jid-single"))
        .with_child(form::field("start", "text-single"))
        .with_child(form::field("end", "text-single"))
        .with_child(form::field("before-id", "text-single"))
        .with_child(form::field("after-id", "text-single"))
        .with_child(form::field("ids", "list-multi").with_child(open))
        .with_child(form::field("include-groupchat", "boolean"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(children: &str) -> Result<Query, StanzaError> {
        let xml = format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{children}</query>");
        Query::read(&Element::parse(&xml).unwrap())
    }

    fn form(fields: &str) -> Result<Filter, StanzaError> {
        let ty = "<field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>";
        let form = format!("<x xmlns='jabber:x:data' type='submit'>{ty}{fields}</x>");
        read(&form).map(|query| query.filter)
    }

    fn field(var: &str, value: &str) -> Result<Filter, StanzaError> {
        form(&format!("<field var='{var}'><value>{value}</value></field>"))
    }

    fn set(children: &str) -> Result<Query, StanzaError> {
        read(&format!("<set xmlns='http://jabber.org/protocol/rsm'>{children}</set>"))
    }

    const ID: Id = Id { at: 1, mark: 2 };

    #[test]
    fn filters() {
        let bare = With { bare: "ann@x".to_owned(), resource: None };
        assert_eq!(field("with", "Ann@X").unwrap().with, Some(bare));
        let full = With { bare: "ann@x".to_owned(), resource: Some("a/b".to_owned()) };
        assert_eq!(field("with", "ann@x/a/b").unwrap().with, Some(full));
        assert_eq!(field("start", "1970-01-01T00:00:01Z").unwrap().start, Some(1_000_000));
        assert_eq!(field("start", "0001-01-01T00:00:00Z").unwrap().start, Some(0));
        assert_eq!(field("end", "1970-01-01T01:00:00+01:00").unwrap().end, Some(0));
        assert!(field("end", "1969-01-01T00:00:00Z").unwrap().nothing);
        let id = ID.to_string();
        assert_eq!(field("after-id", &id).unwrap().after, Some(ID));
        assert_eq!(field("before-id", &id).unwrap().before, Some(ID));
        assert_eq!(field("ids", &id).unwrap().ids, Some(vec![ID]));
        assert_eq!(field("include-groupchat", "true").unwrap(), Filter::default());
        assert_eq!(field("start", "").unwrap(), Filter::default());
    }

    #[test]
    fn pages() {
        let query = set("<max>10</max><before/>").unwrap();
        assert_eq!((query.max, query.order, query.before), (Some(10), Order::Falling, None));
        let query = set(&format!("<after>{ID}</after>")).unwrap();
        assert_eq!((query.after, query.order, query.max), (Some(ID), Order::Rising, None));
        let query = set(&format!("<before>{ID}</before><max>0</max>")).unwrap();
        assert_eq!((query.before, query.order, query.max), (Some(ID), Order::Falling, Some(0)));
        assert!(read("<flip-page/>").unwrap().flip && !read("").unwrap().flip);
    }

    #[test]
    fn refusals() {
        use StanzaCondition as C;
        let condition = |e: Result<Filter, StanzaError>| e.unwrap_err().condition;
        assert_eq!(condition(field("with", "@")), C::BadRequest);
        assert_eq!(condition(field("start", "yesterday")), C::BadRequest);
        assert_eq!(condition(field("include-groupchat", "perhaps")), C::BadRequest);
        assert_eq!(condition(field("{urn:x}text", "hello")), C::FeatureNotImplemented);
        for var in ["ids", "after-id", "before-id"] {
            assert_eq!(condition(field(var, "28482-98726-73623")), C::ItemNotFound, "{var}");
        }
        let many = "<value>AAAAAAAAAAAAAAAA</value>".repeat(ARCHIVE_IDS_MAX + 1);
        let many = form(&format!("<field var='ids'>{many}</field>"));
        assert_eq!(condition(many), C::PolicyViolation);
        let condition = |e: Result<Query, StanzaError>| e.unwrap_err().condition;
        assert_eq!(condition(set("<after>nobody</after>")), C::ItemNotFound);
        assert_eq!(condition(set("<max>-1</max>")), C::BadRequest);
        assert_eq!(condition(set("<index>3</index>")), C::FeatureNotImplemented);
        assert_eq!(condition(read("<x xmlns='jabber:x:data' type='submit'/>")), C::BadRequest);
        assert_eq!(condition(read("<x xmlns='jabber:x:data' type='form'/>")), C::BadRequest);
        let node = Element::new("query", ns::MAM).with_attr("node", "urn:any");
        assert_eq!(condition(Query::read(&node)), C::ItemNotFound);
        let long = "q".repeat(ARCHIVE_QUERYID_BYTES_MAX + 1);
        let long = Element::new("query", ns::MAM).with_attr("queryid", long);
        assert_eq!(condition(Query::read(&long)), C::BadRequest);
    }
}
