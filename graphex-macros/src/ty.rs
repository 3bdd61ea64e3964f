//! Questions about types, answered on their tokens.

use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

/// The type as it reads outside the struct: generated items are other types, so there `Self`
/// would be another one. Every token keeps its span, for errors that point at the field.
pub(crate) fn outside(ty: &Type, model: &Ident) -> TokenStream {
    without_self(ty.to_token_stream(), model)
}

fn without_self(tokens: TokenStream, model: &Ident) -> TokenStream {
    tokens
        .into_iter()
        .map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => {
                let mut named = model.clone();
                named.set_span(ident.span());
                TokenTree::Ident(named)
            }
            TokenTree::Group(group) => {
                let inner = without_self(group.stream(), model);
                let mut outer = Group::new(group.delimiter(), inner);
                outer.set_span(group.span());
                TokenTree::Group(outer)
            }
            token => token,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use quote::format_ident;
    use syn::parse_quote;

    use super::*;

    #[test]
    fn self_is_the_model() {
        let model = format_ident!("Message");
        let ty: Type = parse_quote!(Option<(Id<Self>, [u8; 4])>);
        let expected: Type = parse_quote!(Option<(Id<Message>, [u8; 4])>);
        assert_eq!(
            outside(&ty, &model).to_string(),
            expected.to_token_stream().to_string()
        );
    }
}
