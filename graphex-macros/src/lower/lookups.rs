//! The entries of `lookup(...)`.

use proc_macro2::Ident;
use quote::ToTokens;
use syn::{DeriveInput, parse_quote};

use super::columns::Columns;
use super::listed;
use crate::attr::lookup::{LookupName, LookupNames};
use crate::case;
use crate::error::Errors;
use crate::model::{Listed, Lookup, Reference, Spelled};
use crate::ty;

impl Columns {
    /// The lookups. What cannot be read of one leaves a gap, so that it still takes as many
    /// arguments as the user's function.
    pub(super) fn lookups(
        &self,
        list: Option<LookupNames>,
        key: Option<usize>,
        input: &DeriveInput,
        errors: &mut Errors,
    ) -> Listed<Lookup> {
        listed(list, parse_quote!(lookup), errors, |entry, errors| {
            let LookupName {
                name,
                fields,
                operand,
            } = entry;
            let args = match fields.map(|fields| errors.keep(fields)) {
                Some(fields) => {
                    let fields = fields.into_iter().flatten();
                    let named = fields.map(|field| {
                        let field = errors.keep(field)?;
                        self.reference(&field, "lookup", errors)
                    });
                    named.collect()
                }
                None => vec![key.map(|field| Reference {
                    field,
                    at: name.clone(),
                    guessed: false,
                })],
            };
            let operand = errors.keep(operand);
            Some(Lookup {
                ident: function(&name),
                name: Spelled::new(case::unraw(&name), &name),
                args,
                operand: operand.map(|operand| ty::outside(&operand, &input.ident)),
            })
        })
    }
}

/// The name as that of a function: a keyword gets its `r#`. Names that cannot have
/// one were refused.
fn function(name: &Ident) -> Ident {
    syn::parse2(name.to_token_stream())
        .unwrap_or_else(|_| Ident::new_raw(&case::unraw(name), name.span()))
}
