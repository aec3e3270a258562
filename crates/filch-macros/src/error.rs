//! A mistake in the user's source and the place it is shown at.

use crate::tokens;
use proc_macro::{Delimiter, Group, Literal, Span, TokenStream, TokenTree};

/// A sentence for the user and the tokens it is about.
#[derive(Debug)]
pub(crate) struct Error {
    span: Span,
    message: String,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Error { span, message: message.into() }
    }

    /// The item `compile_error!` that makes the compiler show this error.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let mut message = Literal::string(&self.message);
        message.set_span(self.span);
        let message = TokenStream::from(TokenTree::from(message));
        let mut call = tokens::generated("::core::compile_error!", self.span);
        let mut braces = Group::new(Delimiter::Brace, message);
        braces.set_span(self.span);
        call.extend([TokenTree::from(braces)]);
        call
    }
}
