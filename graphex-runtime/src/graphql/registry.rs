//! The types that a model adds to async-graphql's registry. Its registry is hidden API; this
//! is the one module that touches it.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{
    Deprecation, MetaEnumValue, MetaField, MetaInputValue, MetaType, Registry,
};
use async_graphql::{InputType, InputValueResult, Value};

use super::filters::graphql_type;
use crate::change::{SubscriptionAction, SubscriptionOperation};
use crate::filters::{Target, keys};
use crate::model::{Model, Payload};

const ACTION: &str = "ActionSubscriptionEnum";
const OPERATION: &str = "OperationSubscriptionEnum";

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

/// The registry's name of the two-channel root; its field's output has the plain one.
pub(super) fn subscription_root_name(model: &Model) -> String {
    format!("{}SubscriptionRoot", model.name)
}

/// The name of the confirmation's type.
pub(super) fn confirmation_name(model: &Model) -> String {
    format!("{}Subscription", model.name)
}

/// Registers the two-channel root of a model and all it refers to; returns its name.
pub(super) fn register_subscription(
    registry: &mut Registry,
    model: &'static Model,
    rust_name: &'static str,
) -> String {
    let root = subscription_root_name(model);
    let names = SubscriptionAction::VALUES.map(|(name, _)| name);
    let what = "Which actions a subscription is told of.";
    register(
        registry,
        enumeration(ACTION, what, names, "SubscriptionAction"),
    );
    let names = SubscriptionOperation::VALUES.map(|(name, _)| name);
    let what = "Whether to start or to end a subscription.";
    register(
        registry,
        enumeration(OPERATION, what, names, "SubscriptionOperation"),
    );
    register(registry, confirmation(model, rust_name));
    let mut args = vec![
        input(
            "channelId",
            "String!",
            "The `channel_id` from the WebSocket's first frame.",
        ),
        input(
            "action",
            "ActionSubscriptionEnum!",
            "The actions to be told of.",
        ),
        input(
            "operation",
            "OperationSubscriptionEnum!",
            "Subscribe or unsubscribe.",
        ),
        input("id", "ID", "Only the row with this primary key."),
    ];
    args.extend(register_filters(registry, model, rust_name));
    if model.payload == Payload::Full {
        let name = format!("{}Fields", model.name);
        let what = format!("The fields of {} that notifications can carry.", model.name);
        let visible = model.visible().map(|field| model.fields[field].graphql);
        register(registry, enumeration(&name, &what, visible, rust_name));
        args.push(input(
            "data",
            &format!("[{name}]"),
            "The fields to send; all of them if it is left out.",
        ));
    }
    let field = MetaField {
        args: args
            .into_iter()
            .map(|arg| (arg.name.clone(), arg))
            .collect(),
        ..field(model.field, &confirmation_name(model), model.description)
    };
    let fields = IndexMap::from_iter([(field.name.clone(), field)]);
    register(registry, object(&root, "", fields, true, rust_name));
    root
}

/// Registers the input type of a model's filters and the scalars it refers to; the argument
/// that takes it. A model without a filter has no such argument.
fn register_filters(
    registry: &mut Registry,
    model: &'static Model,
    rust_name: &'static str,
) -> Option<MetaInputValue> {
    let fields: IndexMap<_, _> = keys(model)
        .map(|key| {
            let ty = graphql_type(key.operand);
            register_scalar(registry, ty.trim_matches(['[', ']', '!']));
            let what = match key.target {
                Target::Field(_, lookup) => lookup.summary(),
                Target::Custom(_) => "",
            };
            (key.name.clone(), input(&key.name, &ty, what))
        })
        .collect();
    if fields.is_empty() {
        return None;
    }
    let name = format!("{}Filters", model.name);
    let ty = MetaType::InputObject {
        name: name.clone(),
        description: Some(format!(
            "What rows of {} have to satisfy: everything that is given.",
            model.name
        )),
        input_fields: fields,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(rust_name),
        oneof: false,
        directive_invocations: Vec::new(),
    };
    register(registry, ty);
    Some(input("filters", &name, "What the rows have to satisfy."))
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
const SCALARS: [(&str, &str); 8] = [
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
];

/// The answer to a subscribe or unsubscribe.
fn confirmation(model: &Model, rust_name: &'static str) -> MetaType {
    let fields = [
        field("ok", "Boolean", "Whether it was done."),
        field("error", "String", "Why it was not done."),
        field("stream", "String", "The stream."),
        field("operation", OPERATION, "The operation asked for."),
        field("action", ACTION, "The action asked for."),
    ];
    let fields = fields
        .into_iter()
        .map(|field| (field.name.clone(), field))
        .collect();
    let what = format!("The answer to `{}`.", model.field);
    object(&confirmation_name(model), &what, fields, false, rust_name)
}

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
        description: Some(description.to_owned()),
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
