use super::*;
use crate::change::Row;
use crate::model::FieldDescriptor;
use crate::value::{Field as _, Value};

const FIELDS: &[FieldDescriptor] = &[
    i64::TYPE.named("id", "ID"),
    String::TYPE.named("secret", "SECRET").hidden(),
    String::TYPE.named("text", "TEXT"),
    Option::<bool>::TYPE.named("pinned", "PINNED"),
];

static FULL: Model = Model::sample(Payload::Full, FIELDS, &[]);
static ID_ONLY: Model = Model::sample(Payload::IdOnly, FIELDS, &[]);

fn filled(model: &'static Model, projection: &Projection) -> String {
    let change = Change {
        model,
        action: Action::Update,
        row: Row::from([
            Value::Int(5),
            Value::Text("hidden".into()),
            Value::Text("h\"i".into()),
            Value::Null,
        ]),
        before: None,
        cursor: None,
        published: false,
    };
    let frame = projection.frame(&change, usize::MAX).unwrap();
    String::from_utf8(frame.to_vec()).unwrap()
}

fn frame(model: &'static Model, data: Option<&[usize]>) -> String {
    filled(model, &Projection::notification(model, data))
}

#[test]
fn id_only_carries_the_key() {
    assert_eq!(
        frame(&ID_ONLY, None),
        r#"{"stream":"messages","payload":{"action":"update","model":"chat.message","data":{"id":5}}}"#
    );
}

#[test]
fn everything_is_every_visible_field() {
    let everything = r#"{"stream":"messages","payload":{"action":"update","model":"chat.message","data":{"id":5,"text":"h\"i","pinned":null}}}"#;
    assert_eq!(frame(&FULL, None), everything);
    assert_eq!(frame(&FULL, Some(&[])), everything);
    assert_eq!(
        Projection::notification(&FULL, None),
        Projection::notification(&FULL, Some(&[2, 1, 0]))
    );
}

#[test]
fn a_projection_keeps_the_models_order_and_ignores_doubles() {
    assert!(frame(&FULL, Some(&[2, 0, 2])).ends_with(r#""data":{"id":5,"pinned":null}}}"#));
}

#[test]
fn a_resync_names_the_stream_and_the_model() {
    assert_eq!(
        Projection::notification(&FULL, None).signal(Signal::Resync),
        r#"{"stream":"messages","payload":{"action":"resync","model":"chat.message"}}"#
    );
}

#[test]
fn a_template_is_filled_in() {
    let mut template = Template::default();
    template.text("{");
    template.key(true, "a");
    template.action();
    template.key(false, "b");
    template.id();
    template.text("}");
    let expected = r#"{"a":"UPDATE","b":"5"}"#;
    assert_eq!(filled(&FULL, &template.finish()), expected);
}

#[test]
fn what_is_about_no_row_has_nulls_for_it() {
    let mut row = Template::default();
    row.text("{\"text\":");
    row.field(2);
    row.text("}");
    let mut template = Template::default();
    for (position, key) in ["action", "id", "data"].into_iter().enumerate() {
        template.text(if position == 0 { "{" } else { "" });
        template.key(position == 0, key);
        match key {
            "action" => template.action(),
            "id" => template.id(),
            _ => template.row(std::mem::take(&mut row)),
        }
    }
    template.text("}");
    let projection = template.finish();
    assert_eq!(
        projection.signal(Signal::Resync),
        r#"{"action":"RESYNC","id":null,"data":null}"#
    );
    assert_eq!(
        filled(&FULL, &projection),
        r#"{"action":"UPDATE","id":"5","data":{"text":"h\"i"}}"#
    );
}
