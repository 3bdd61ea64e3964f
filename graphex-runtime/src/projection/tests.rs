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

fn change(model: &'static Model) -> Change {
    Change {
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
        position: None,
        published: false,
        received: crate::measure::Stamp::now(),
    }
}

fn filled(model: &'static Model, projection: &Projection) -> String {
    let frame = projection
        .frame(&change(model), Transition::Stays, usize::MAX)
        .unwrap();
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
        Projection::notification(&FULL, None).signal(Signal::Resync, None),
        r#"{"stream":"messages","payload":{"action":"resync","model":"chat.message"}}"#
    );
}

#[test]
fn notifications_with_a_place_tell_it_and_a_row_that_left_by_its_key_alone() {
    let cursor = Cursor {
        log: 1,
        position: 2,
        token: 3,
    };
    let told = |projection: &Projection, transition| {
        let mut change = change(&FULL);
        change.cursor = Some(cursor);
        let frame = projection.frame(&change, transition, usize::MAX).unwrap();
        String::from_utf8(frame.to_vec()).unwrap()
    };
    let head = |action: &str| {
        format!(r#"{{"stream":"messages","payload":{{"action":"{action}","model":"chat.message""#)
    };
    let tail = r#","cursor":"v1.1.2.3"}}"#;
    let texts = Projection::placed_notification(&FULL, Some(&[1]));
    for (transition, action) in [
        (Transition::Stays, "update"),
        (Transition::Enters, "enter"),
        (Transition::Stands, "snapshot"),
    ] {
        let data = r#","data":{"text":"h\"i"}"#;
        assert_eq!(told(&texts, transition), head(action) + data + tail);
    }
    let left = head("leave") + r#","data":{"id":5}"# + tail;
    assert_eq!(told(&texts, Transition::Leaves), left);
    let ids = Projection::placed_notification(&ID_ONLY, None);
    assert_eq!(told(&ids, Transition::Leaves), left);
    for (signal, action) in [(Signal::Ready, "ready"), (Signal::Resync, "resync")] {
        assert_eq!(texts.signal(signal, Some(cursor)), head(action) + tail);
        assert_eq!(texts.signal(signal, None), head(action) + "}}");
    }
    // Without a log they are what they are for everybody.
    assert_eq!(filled(&FULL, &texts), frame(&FULL, Some(&[1])));
}

#[test]
fn a_template_is_filled_in() {
    let mut template = Template::default();
    template.text("{");
    template.key(true, "a");
    template.action();
    template.key(false, "b");
    template.id();
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
    let projection = template.finish();
    assert_eq!(
        projection.signal(Signal::Resync, None),
        r#"{"action":"RESYNC","id":null,"data":null}"#
    );
    assert_eq!(
        filled(&FULL, &projection),
        r#"{"action":"UPDATE","id":"5","data":{"text":"h\"i"}}"#
    );
}

#[test]
fn a_result_has_its_cursor_where_there_is_one() {
    let mut row = Template::default();
    row.text("{\"text\":");
    row.field(2);
    row.text("}");
    let mut template = Template::default();
    template.text("{\"before\":");
    template.before(row);
    template.key(false, "changed");
    template.changed();
    template.key(false, "at");
    template.cursor();
    let projection = template.finish();
    let row = |text: &str| {
        let text = Value::Text(text.into());
        let secret = Value::Text(text.canonical());
        Row::from([Value::Int(5), secret, text, Value::Null])
    };
    let cursor = Cursor {
        log: 10,
        position: 7,
        token: 11,
    };
    let change = Change {
        before: Some(row("old")),
        cursor: Some(cursor),
        ..Change::unlogged(&FULL, Action::Update, row("new"))
    };
    assert_eq!(
        projection
            .frame(&change, Transition::Stays, usize::MAX)
            .unwrap(),
        r#"{"before":{"text":"old"},"changed":["TEXT"],"at":"v1.a.7.b","extensions":{"graphex":{"cursor":"v1.a.7.b"}}}"#
    );
    assert_eq!(
        projection.signal(Signal::Resync, Some(cursor)),
        r#"{"before":null,"changed":null,"at":"v1.a.7.b","extensions":{"graphex":{"cursor":"v1.a.7.b"}}}"#
    );
    let unlogged = Change::unlogged(&FULL, Action::Update, row("new"));
    assert_eq!(
        projection
            .frame(&unlogged, Transition::Stays, usize::MAX)
            .unwrap(),
        r#"{"before":null,"changed":null,"at":null}"#
    );
}

#[test]
fn a_large_value_may_be_shown_once_of_each_row() {
    let mut template = Template::default();
    let shown = |times: usize| {
        let mut row = Template::default();
        (0..times).for_each(|_| row.field(2));
        row
    };
    template.row(shown(1));
    template.before(shown(1));
    let once = template.finish();
    let mut template = Template::default();
    template.before(shown(2));
    let twice = template.finish();
    let row = Row::from([
        Value::Int(5),
        Value::Null,
        Value::Text("x".repeat(1_000)),
        Value::Null,
    ]);
    let change = Change {
        before: Some(row.clone()),
        ..Change::unlogged(&FULL, Action::Update, row)
    };
    assert!(once.frame(&change, Transition::Stays, 100).is_some());
    assert!(twice.frame(&change, Transition::Stays, 100).is_none());
}

/// Nothing of a row is shown to who does not have it.
#[test]
fn a_row_that_enters_or_leaves_shows_no_value_of_where_it_was() {
    let mut template = Template::default();
    template.text("{\"action\":");
    template.action();
    template.key(false, "id");
    template.id();
    for (key, side) in [("data", 0), ("before", 1)] {
        let mut row = Template::default();
        row.field(2);
        template.key(false, key);
        if side == 0 {
            template.row(row);
        } else {
            template.before(row);
        }
    }
    template.key(false, "changed");
    template.changed();
    let projection = template.finish();
    let row = |text: &str| {
        let text = Value::Text(text.into());
        Row::from([Value::Int(5), Value::Null, text, Value::Null])
    };
    let change = Change {
        before: Some(row("old")),
        ..Change::unlogged(&FULL, Action::Update, row("new"))
    };
    let frame = |transition| projection.frame(&change, transition, usize::MAX).unwrap();
    assert_eq!(
        frame(Transition::Stays),
        r#"{"action":"UPDATE","id":"5","data":"new","before":"old","changed":["TEXT"]}"#
    );
    assert_eq!(
        frame(Transition::Enters),
        r#"{"action":"ENTER","id":"5","data":"new","before":null,"changed":null}"#
    );
    assert_eq!(
        frame(Transition::Leaves),
        r#"{"action":"LEAVE","id":"5","data":null,"before":null,"changed":null}"#
    );
}
