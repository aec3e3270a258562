//! The few operations on token trees which the other modules share.

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree};

/// Parses `source`, which this crate wrote, and gives every token the span `span`.
pub(crate) fn generated(source: &str, span: Span) -> TokenStream {
    let tokens: TokenStream = source.parse().expect("this crate generates tokens that lex");
    with_span(tokens, span)
}

/// Gives every token of `tokens`, at any depth, the span `span`.
pub(crate) fn with_span(tokens: TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), with_span(group.stream(), span)).into();
        }
        token.set_span(span);
        token
    };
    tokens.into_iter().map(respan).collect()
}

/// `tokens` between braces whose span is `span`.
pub(crate) fn braces(tokens: TokenStream, span: Span) -> TokenTree {
    let mut group = Group::new(Delimiter::Brace, tokens);
    group.set_span(span);
    group.into()
}

/// Whether `token` is the punctuation character `wanted`.
pub(crate) fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// Whether `token` is the identifier or keyword `wanted`.
pub(crate) fn is_ident(token: &TokenTree, wanted: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident.to_string() == wanted)
}

/// Whether the word `wanted` occurs in `tokens` at any depth.
pub(crate) fn contains_ident(tokens: &TokenStream, wanted: &str) -> bool {
    tokens.clone().into_iter().any(|token| match &token {
        TokenTree::Group(group) => contains_ident(&group.stream(), wanted),
        token => is_ident(token, wanted),
    })
}

/// Removes the invisible groups which a declarative macro puts around its fragments.
pub(crate) fn without_invisible_groups(tokens: TokenStream) -> Vec<TokenTree> {
    let mut visible = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
                visible.extend(without_invisible_groups(group.stream()));
            }
            token => visible.push(token),
        }
    }
    visible
}
