//! The types that a model adds to async-graphql's registry. Its registry is hidden API; this
//! is the one module that touches it.

mod changes;
mod control;
mod filters;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{
    Deprecation, MetaEnumValue, MetaField, MetaInputValue, MetaType, Registry,
};
use async_graphql::{InputType, InputValueResult, Value};

pub(super) use changes::{change_name, changes_root_name, data_name, register_changes};
pub(super) use control::{confirmation_name, register_subscription, subscription_root_name};

use super::filters::scalar;
use crate::change::SubscriptionAction;
use crate::model::Model;
use crate::value::Kind;

const ACTION: &str = "ActionSubscriptionEnum";
const CURSOR: &str = "Cursor";

/// An argument as the client sent it, variables filled in; `None` when it sent none.
/// async-graphql has checked it against the types registered here.
pub(super) struct Argument(pub(super) Option<Value>);

impl InputType for Argument {
    type RawValueType = Self;

    fn type_name() -> std::borrow::Cow<'static, str> {
        "Argument".into()
    }

    // Arguments are read through this type and declared by hand below.
    fn create_type_info(_: &mut Registry) -> String {
        Self::type_name().into_owned()
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone().unwrap_or_default()
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// Registers the enum of the actions that can be subscribed to.
fn register_actions(registry: &mut Registry) {
    let names = SubscriptionAction::VALUES.map(|(name, _)| name);
    let what = "Which actions a subscription is told of.";
    let ty = enumeration(ACTION, what, names, "SubscriptionAction");
    register(registry, ty);
}

/// The arguments that say where a subscription begins, and what it is told first.
fn register_begin(registry: &mut Registry, model: &Model) -> Vec<MetaInputValue> {
    let switch = |name, what| MetaInputValue {
        default_value: Some("false".to_owned()),
        ..input(name, "Boolean", what)
    };
    let mut args = Vec::new();
    if model.may_have_log() {
        register_scalar(registry, CURSOR);
        args.push(input(
            "after",
            CURSOR,
            "Where to go on: the cursor of the last event that was seen.",
        ));
        args.push(switch(
            "snapshot",
            "Whether the rows that there are come first, each as `SNAPSHOT`, and then `READY`; not where `after` is good.",
        ));
    }
    args.push(switch(
        "ready",
        "Whether an event `READY` tells when the subscription stands: what is read from then on is younger.",
    ));
    args
}

/// Registers the enum of the model's visible fields; its name.
fn register_fields(registry: &mut Registry, model: &Model, rust_name: &'static str) -> String {
    let name = format!("{}Fields", model.name);
    let what = format!("The fields of {} that clients can see.", model.name);
    let visible = model.visible().map(|field| model.fields[field].graphql);
    register(registry, enumeration(&name, &what, visible, rust_name));
    name
}

/// Adds the type of a value of this kind: an enum, or a scalar.
fn register_kind(registry: &mut Registry, kind: Kind) {
    match kind {
        Kind::List(item) => register_kind(registry, item.kind),
        Kind::Enum(ty) => {
            let values = ty.values.iter().copied();
            register(registry, enumeration(ty.name, "", values, ty.rust_name));
        }
        kind => register_scalar(registry, scalar(kind)),
    }
}

/// Adds a scalar that no other type has brought. Scalars of one name are one type to
/// async-graphql: it keeps the first, whatever Rust type it is for.
fn register_scalar(registry: &mut Registry, name: &str) {
    let scalar = |description: &str| MetaType::Scalar {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        // Operands are checked where they are read.
        is_valid: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        specified_by_url: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    };
    let description = SCALARS.iter().find(|(known, _)| *known == name);
    if let (Some((_, description)), None) = (description, registry.types.get(name)) {
        registry.types.insert(name.to_owned(), scalar(description));
    }
}

/// The scalars beside GraphQL's own, which each schema has.
const SCALARS: [(&str, &str); 9] = [
    (
        "BigInt",
        "An integer of any size: a number, or a string of digits.",
    ),
    ("Decimal", "An exact decimal number in a string."),
    ("UUID", "A UUID in a string."),
    ("NaiveDate", "A calendar date, as `2026-03-04`."),
    ("NaiveTime", "A time of day, as `05:06:07.89`."),
    (
        "NaiveDateTime",
        "A date and time without a zone, as `2026-03-04T05:06:07`.",
    ),
    (
        "DateTime",
        "A point in time in RFC 3339 format, as `2026-03-04T05:06:07Z`.",
    ),
    ("JSON", "Any JSON."),
    (
        "Cursor",
        "A position in the change log: whoever has seen all up to it goes on there.",
    ),
];

/// Adds a type, once.
fn register(registry: &mut Registry, ty: MetaType) {
    let known = registry.types.get(ty.name()).map(MetaType::rust_typename);
    match known {
        None => {
            registry.types.insert(ty.name().to_owned(), ty);
        }
        Some(known) if known == ty.rust_typename() => {}
        // What async-graphql does with two types of one name.
        #[expect(
            clippy::panic,
            reason = "a mistake in the schema, told while it is built"
        )]
        Some(known) => panic!(
            "`{}` and `{}` have the same GraphQL name `{}`; give one model another `name = \"…\"`",
            known.unwrap_or_default(),
            ty.rust_typename().unwrap_or_default(),
            ty.name()
        ),
    }
}

fn enumeration<'n>(
    name: &str,
    description: &str,
    values: impl IntoIterator<Item = &'n str>,
    rust_name: &'static str,
) -> MetaType {
    let value = |name: &str| MetaEnumValue {
        name: name.to_owned(),
        description: None,
        deprecation: Deprecation::NoDeprecated,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        directive_invocations: Vec::new(),
    };
    MetaType::Enum {
        name: name.to_owned(),
        description: (!description.is_empty()).then(|| description.to_owned()),
        enum_values: values
            .into_iter()
            .map(|name| (name.to_owned(), value(name)))
            .collect(),
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(rust_name),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

fn object(
    name: &str,
    description: &str,
    fields: IndexMap<String, MetaField>,
    is_subscription: bool,
    rust_name: &'static str,
) -> MetaType {
    MetaType::Object {
        name: name.to_owned(),
        description: (!description.is_empty()).then(|| description.to_owned()),
        fields,
        cache_control: Default::default(),
        extends: false,
        shareable: false,
        resolvable: true,
        keys: None,
        visible: None,
        inaccessible: false,
        interface_object: false,
        tags: Vec::new(),
        is_subscription,
        rust_typename: Some(rust_name),
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

fn field(name: &str, ty: &str, description: &str) -> MetaField {
    MetaField {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        args: IndexMap::new(),
        ty: ty.to_owned(),
        deprecation: Deprecation::NoDeprecated,
        cache_control: Default::default(),
        external: false,
        requires: None,
        provides: None,
        visible: None,
        shareable: false,
        inaccessible: false,
        tags: Vec::new(),
        override_from: None,
        compute_complexity: None,
        directive_invocations: Vec::new(),
        requires_scopes: Vec::new(),
    }
}

fn input(name: &str, ty: &str, description: &str) -> MetaInputValue {
    MetaInputValue {
        name: name.to_owned(),
        description: (!description.is_empty()).then(|| description.to_owned()),
        ty: ty.to_owned(),
        deprecation: Deprecation::NoDeprecated,
        default_value: None,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        is_secret: false,
        directive_invocations: Vec::new(),
    }
}
