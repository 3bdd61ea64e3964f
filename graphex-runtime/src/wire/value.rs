//! Values, exact to the last bit: a tag, a length and that many bytes, so that a reader can
//! skip what it does not know.

use std::sync::Arc;

use super::{Reader, Unreadable, Writer};
use crate::value::{Date, DateTime, Decimal, Instant, Time, Value};

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const INT: u8 = 3;
const FLOAT: u8 = 4;
const TEXT: u8 = 5;
const DECIMAL: u8 = 6;
const UUID: u8 = 7;
const DATE: u8 = 8;
const TIME: u8 = 9;
const DATE_TIME: u8 = 10;
const INSTANT: u8 = 11;
const LIST: u8 = 12;
const JSON: u8 = 13;

/// Lists within lists that are read; a model's type says how deep its values are.
const NESTING: usize = 32;

impl Writer {
    pub(super) fn value(&mut self, value: &Value) {
        self.byte(tag(value));
        self.block(|block| match value {
            Value::Null | Value::Bool(_) => {}
            Value::Int(number) => block.int(*number),
            Value::Float(number) => block.raw(&number.to_bits().to_le_bytes()),
            Value::Text(text) => block.raw(text.as_bytes()),
            Value::Decimal(number) => block.raw(number.as_str().as_bytes()),
            Value::Uuid(bytes) => block.raw(bytes),
            Value::Date(date) => block.signed(date.days),
            Value::Time(time) => block.unsigned(time.nanos),
            Value::DateTime(DateTime { date, time }) => {
                block.signed(date.days);
                block.unsigned(time.nanos);
            }
            Value::Instant(Instant { seconds, nanos }) => {
                block.signed(*seconds);
                block.unsigned(u64::from(*nanos));
            }
            Value::List(items) => items.iter().for_each(|item| block.value(item)),
            // JSON is text already, and keeps the order of its keys so.
            Value::Json(_) => {
                let mut text = Vec::new();
                value.write_json(&mut text);
                block.raw(&text);
            }
        });
    }

    /// Two's complement without the bytes that only repeat the sign, the lowest first.
    fn int(&mut self, number: i128) {
        let bits = i128::BITS - number.unsigned_abs().leading_zeros();
        // One more for the sign; at most 129 bits for the smallest number, which needs but 128.
        let length = (bits / 8 + 1).min(16) as usize;
        self.raw(&number.to_le_bytes()[..length]);
    }
}

fn tag(value: &Value) -> u8 {
    match value {
        Value::Null => NULL,
        Value::Bool(false) => FALSE,
        Value::Bool(true) => TRUE,
        Value::Int(_) => INT,
        Value::Float(_) => FLOAT,
        Value::Text(_) => TEXT,
        Value::Decimal(_) => DECIMAL,
        Value::Uuid(_) => UUID,
        Value::Date(_) => DATE,
        Value::Time(_) => TIME,
        Value::DateTime(_) => DATE_TIME,
        Value::Instant(_) => INSTANT,
        Value::List(_) => LIST,
        Value::Json(_) => JSON,
    }
}

impl Reader<'_> {
    /// A value; null for one of a kind that this code does not know.
    pub(super) fn value(&mut self) -> Result<Value, Unreadable> {
        self.nested_value(NESTING)
    }

    /// Passes over a value.
    pub(super) fn skip_value(&mut self) -> Result<(), Unreadable> {
        self.byte()?;
        self.block().map(drop)
    }

    fn nested_value(&mut self, nesting: usize) -> Result<Value, Unreadable> {
        let tag = self.byte()?;
        let mut block = self.block()?;
        Ok(match tag {
            FALSE => Value::Bool(false),
            TRUE => Value::Bool(true),
            INT => Value::Int(block.int()?),
            FLOAT => Value::Float(f64::from_bits(u64::from_le_bytes(block.exactly()?))),
            TEXT => Value::Text(block.rest_text()?.to_owned()),
            DECIMAL => {
                let number = Decimal::new(block.rest_text()?);
                Value::Decimal(number.ok_or(Unreadable::Garbage)?)
            }
            UUID => Value::Uuid(block.exactly()?),
            DATE => Value::Date(block.date()?),
            TIME => Value::Time(block.time()?),
            DATE_TIME => Value::DateTime(DateTime {
                date: block.date()?,
                time: block.time()?,
            }),
            INSTANT => {
                let seconds = block.signed()?;
                let nanos = u32::try_from(block.unsigned()?).map_err(|_| Unreadable::Garbage)?;
                Value::Instant(Instant { seconds, nanos })
            }
            LIST => {
                let nesting = nesting.checked_sub(1).ok_or(Unreadable::Garbage)?;
                let mut items = Vec::new();
                while !block.is_empty() {
                    items.push(block.nested_value(nesting)?);
                }
                Value::List(items)
            }
            JSON => {
                let json = serde_json::from_slice(block.rest());
                Value::Json(Arc::new(json.map_err(|_| Unreadable::Garbage)?))
            }
            _ => Value::Null,
        })
    }

    fn int(&mut self) -> Result<i128, Unreadable> {
        let bytes = self.rest();
        let highest = *bytes.last().ok_or(Unreadable::Garbage)?;
        let sign = if highest < 0x80 { 0 } else { 0xff };
        let mut number = [sign; 16];
        let kept = number.get_mut(..bytes.len()).ok_or(Unreadable::Garbage)?;
        kept.copy_from_slice(bytes);
        Ok(i128::from_le_bytes(number))
    }

    fn date(&mut self) -> Result<Date, Unreadable> {
        let days = self.signed()?;
        Ok(Date { days })
    }

    fn time(&mut self) -> Result<Time, Unreadable> {
        let nanos = self.unsigned()?;
        Ok(Time { nanos })
    }
}
