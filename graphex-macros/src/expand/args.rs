//! `MessageSubscriptionArgs`: what a client asked, as hooks see it; and who may ask.

use proc_macro2::TokenStream;
use quote::quote;

use super::alias;
use crate::case::unraw;
use crate::model::{Model, Payload};

/// Expands to the struct `MessageSubscriptionArgs` and its making from `RawArgs`.
pub(super) fn args(model: &Model) -> TokenStream {
    let Model { vis, allows, .. } = model;
    let (private, ident, fields) = (model.private(), model.args_ident(), model.fields_ident());
    let doc = format!("What a client asked of `{}`.", unraw(&model.ident));
    let (declared, taken) = match model.payload {
        Payload::Full => (
            quote! {
                /// The fields asked for; `None` means all.
                #vis data: ::core::option::Option<#private::Vec<#fields>>,
            },
            quote!(data: __raw.data(),),
        ),
        Payload::IdOnly => (TokenStream::new(), TokenStream::new()),
    };
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #(#allows)*
        #[allow(dead_code)]
        #vis struct #ident {
            /// The action subscribed to.
            #vis action: #private::SubscriptionAction,
            /// Whether to subscribe or to unsubscribe.
            #vis operation: #private::SubscriptionOperation,
            /// The primary key of the one row asked for.
            #vis id: ::core::option::Option<#private::ID>,
            /// What is asked of the rows.
            #vis filters: #private::Filters,
            #declared
            /// The channel that joins, in the two-channel protocol.
            #vis channel_id: ::core::option::Option<#private::String>,
        }
        #[automatically_derived]
        impl ::core::convert::From<#private::RawArgs> for #ident {
            fn from(__raw: #private::RawArgs) -> Self {
                Self {
                    #taken
                    action: __raw.action,
                    operation: __raw.operation,
                    id: __raw.id,
                    filters: __raw.filters,
                    channel_id: __raw.channel_id,
                }
            }
        }
    }
}

/// Without `authorize`, expands to an `Authorized` that lets everybody pass.
pub(super) fn open_to_all(model: &Model) -> TokenStream {
    if model.authorize.is_some() {
        return TokenStream::new();
    }
    let (private, subject) = (alias(), model.subject());
    quote! {
        #[automatically_derived]
        impl #private::Authorized for #subject {
            fn authorize(
                _: &#private::Context<'_>,
                _: &Self::Args,
            ) -> impl ::core::future::Future<Output = #private::HookResult<()>> + ::core::marker::Send {
                ::core::future::ready(::core::result::Result::Ok(()))
            }
        }
    }
}
