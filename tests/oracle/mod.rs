//! The oracle: random predicates on random rows of real tables. For each change, those who are
//! told have to be those whose predicates SQL finds true for the row.

#![allow(dead_code, unused_imports, reason = "each test target uses its part")]

mod counts;
mod datum;
mod demand;
mod graphql;
mod model;
mod operand;
mod pattern;
mod pool;
mod random;
mod run;

pub(crate) use datum::{Datum, Sort, Stored, Years, stored};

pub(crate) use model::{Column, Model, Scope, model};
pub(crate) use operand::Operand;
pub(crate) use run::{Database, Volume, check};
