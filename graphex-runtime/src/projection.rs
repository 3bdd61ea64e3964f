//! What of a row a subscriber gets, and the frame that carries it.

use bytes::Bytes;

use crate::change::{Change, Row};
use crate::model::{Model, Payload};
use crate::value::write_json_text;

/// Which fields of a row a frame carries, in the model's order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Projection(Box<[usize]>);

impl Projection {
    /// What `data` asks for: positions among the visible fields in any order, doubles
    /// allowed; none or an empty list means everything the model's payload has.
    pub(crate) fn new(model: &Model, data: Option<&[usize]>) -> Self {
        if model.payload == Payload::IdOnly {
            return Self([model.key].into());
        }
        let visible = model.visible();
        Self(match data {
            None | Some([]) => visible.collect(),
            Some(asked) => visible
                .enumerate()
                .filter(|(position, _)| asked.contains(position))
                .map(|(_, field)| field)
                .collect(),
        })
    }

    /// The notification of the two-channel protocol, as JSON text.
    pub(crate) fn frame(&self, change: &Change) -> Bytes {
        let model = change.model;
        let mut out = Vec::with_capacity(128);
        out.extend_from_slice(b"{\"stream\":");
        write_json_text(&mut out, model.stream);
        out.extend_from_slice(b",\"payload\":{\"action\":");
        write_json_text(&mut out, change.action.name());
        out.extend_from_slice(b",\"model\":");
        write_json_text(&mut out, model.label);
        out.extend_from_slice(b",\"data\":");
        self.write_data(&mut out, model, &change.row);
        out.extend_from_slice(b"}}");
        Bytes::from(out)
    }

    fn write_data(&self, out: &mut Vec<u8>, model: &Model, row: &Row) {
        for (position, &field) in self.0.iter().enumerate() {
            out.push(if position == 0 { b'{' } else { b',' });
            // In id-only mode the key is `id` whatever the column is called.
            let name = match model.payload {
                Payload::IdOnly => "id",
                Payload::Full => model.fields[field].name,
            };
            write_json_text(out, name);
            out.push(b':');
            row.value(field).write_json(out);
        }
        if self.0.is_empty() {
            out.push(b'{');
        }
        out.push(b'}');
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Action;
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

    fn frame(model: &'static Model, data: Option<&[usize]>) -> String {
        let change = Change {
            model,
            action: Action::Update,
            row: Row::from([
                Value::Int(5),
                Value::Text("hidden".into()),
                Value::Text("h\"i".into()),
                Value::Null,
            ]),
        };
        let frame = Projection::new(model, data).frame(&change);
        String::from_utf8(frame.to_vec()).unwrap()
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
            Projection::new(&FULL, None),
            Projection::new(&FULL, Some(&[2, 1, 0]))
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
}
