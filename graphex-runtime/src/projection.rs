//! What of a row a subscriber gets, as the template of its frames.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::change::{Action, Change};
use crate::model::{Model, Payload};
use crate::value::write_json_text;

/// The template of a frame: text that is the same for every change, and what each fills in.
///
/// Whatever asked for it (`data`, a GraphQL selection set), equal templates make equal frames, so
/// their subscribers share a plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Projection(Arc<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Piece {
    /// JSON as it is.
    Text(String),
    /// The action as a string: `create`.
    Action,
    /// The action as an enum's value: `CREATE`.
    ActionEnum,
    /// The primary key as a string, which GraphQL's `ID` is (section 3.5.5).
    Id,
    /// The value of a field.
    Field(usize),
}

impl Projection {
    /// The notifications of the two-channel protocol, with what `data` asks for: positions among
    /// the visible fields in any order, doubles allowed; none or an empty list means everything
    /// the model's payload has.
    pub(crate) fn notification(model: &Model, data: Option<&[usize]>) -> Self {
        let mut template = Template::default();
        template.text("{\"stream\":");
        template.string(model.stream);
        template.text(",\"payload\":{\"action\":");
        template.piece(Piece::Action);
        template.text(",\"model\":");
        template.string(model.label);
        template.text(",\"data\":{");
        match model.payload {
            // In id-only mode the key is `id` whatever the column is called.
            Payload::IdOnly => template.member(true, "id", Piece::Field(model.key)),
            Payload::Full => {
                let everything = data.is_none_or(<[_]>::is_empty);
                let asked = |position| data.is_some_and(|data| data.contains(&position));
                let visible = model.visible().enumerate();
                let chosen = visible.filter(|(position, _)| everything || asked(*position));
                for (count, (_, field)) in chosen.enumerate() {
                    let name = model.fields[field].name;
                    template.member(count == 0, name, Piece::Field(field));
                }
            }
        }
        template.text("}}}");
        template.finish()
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let pieces = self.0.iter().map(|piece| {
            size_of::<Piece>()
                + match piece {
                    Piece::Text(text) => text.capacity(),
                    _ => 0,
                }
        });
        pieces.sum()
    }

    /// The frame of a change, as JSON text; none if it is larger than `limit` bytes. What it shows
    /// for the first time does not count: a row that may be written may be sent. But it may
    /// not be multiplied.
    pub(crate) fn frame(&self, change: &Change, limit: usize) -> Option<Bytes> {
        let mut out = Vec::with_capacity(256);
        let mut counted = 0;
        let mut shown = Shown::default();
        for piece in &*self.0 {
            let before = out.len();
            let is_new = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    false
                }
                Piece::Action => {
                    write_json_text(&mut out, change.action.name());
                    false
                }
                Piece::ActionEnum => {
                    write_json_text(&mut out, enum_name(change.action));
                    false
                }
                Piece::Id => {
                    write_json_text(&mut out, &change.key().canonical());
                    shown.is_new(0)
                }
                Piece::Field(field) => {
                    change.row.value(*field).write_json(&mut out);
                    shown.is_new(field + 1)
                }
            };
            counted += if is_new { 0 } else { out.len() - before };
            if counted > limit {
                return None;
            }
        }
        Some(Bytes::from(out))
    }
}

/// What a frame shows already, by small numbers.
#[derive(Default)]
struct Shown(SmallVec<[u64; 1]>);

impl Shown {
    fn is_new(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64, 1 << (number % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }
}

/// GraphQL's `ChangeAction`.
pub(crate) const fn enum_name(action: Action) -> &'static str {
    match action {
        Action::Create => "CREATE",
        Action::Update => "UPDATE",
        Action::Delete => "DELETE",
    }
}

/// A projection in the making.
#[derive(Debug, Default)]
pub(crate) struct Template(Vec<Piece>);

impl Template {
    /// JSON as it is.
    pub(crate) fn text(&mut self, text: &str) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    /// A JSON string.
    pub(crate) fn string(&mut self, text: &str) {
        let mut json = Vec::new();
        write_json_text(&mut json, text);
        // JSON is UTF-8.
        self.text(&String::from_utf8_lossy(&json));
    }

    /// The key of an object's member, with the comma before it.
    pub(crate) fn key(&mut self, first: bool, key: &str) {
        if !first {
            self.text(",");
        }
        self.string(key);
        self.text(":");
    }

    /// The action as an enum's value.
    pub(crate) fn action(&mut self) {
        self.piece(Piece::ActionEnum);
    }

    /// The primary key as GraphQL's `ID`.
    pub(crate) fn id(&mut self) {
        self.piece(Piece::Id);
    }

    /// The value of a field.
    pub(crate) fn field(&mut self, field: usize) {
        self.piece(Piece::Field(field));
    }

    pub(crate) fn finish(mut self) -> Projection {
        for piece in &mut self.0 {
            if let Piece::Text(text) = piece {
                text.shrink_to_fit();
            }
        }
        Projection(self.0.into())
    }

    fn member(&mut self, first: bool, key: &str, value: Piece) {
        self.key(first, key);
        self.piece(value);
    }

    fn piece(&mut self, piece: Piece) {
        self.0.push(piece);
    }
}

/// Tells a subscriber of the two-channel protocol that it may have missed changes.
pub(crate) fn resync_frame(model: &Model) -> Bytes {
    let mut out = Vec::with_capacity(96);
    out.extend_from_slice(b"{\"stream\":");
    write_json_text(&mut out, model.stream);
    out.extend_from_slice(b",\"payload\":{\"action\":\"resync\",\"model\":");
    write_json_text(&mut out, model.label);
    out.extend_from_slice(b"}}");
    Bytes::from(out)
}

/// Tells a subscriber of a standard protocol the same: an execution result with an error, after
/// which the operation goes on.
pub(crate) fn resync_event() -> Bytes {
    Bytes::from_static(
        br#"{"data":null,"errors":[{"message":"changes may have been missed; load again what you show","extensions":{"code":"RESYNC"}}]}"#,
    )
}

#[cfg(test)]
mod tests {
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
            resync_frame(&FULL),
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
}
