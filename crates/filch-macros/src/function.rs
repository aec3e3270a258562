//! The outline of a function item: where its parts are, not what they mean.

use crate::error::Error;
use crate::tokens::{is_ident, is_punct};
use proc_macro::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use std::iter::Peekable;

/// An `async fn`, cut where the expansion inserts something.
#[derive(Debug)]
pub(crate) struct Function {
    /// The outer attributes, each a `#` and its brackets.
    pub(crate) attributes: TokenStream,
    /// Visibility and qualifiers without `async`, then `fn`, the name and the generics.
    pub(crate) head: TokenStream,
    pub(crate) name: Ident,
    pub(crate) arguments: Group,
    /// What follows `->`, if anything does.
    pub(crate) output: Option<TokenStream>,
    pub(crate) where_clause: TokenStream,
    pub(crate) body: Group,
}

impl Function {
    /// Cuts `item`, the item under `#[filch::<attribute>]`.
    pub(crate) fn parse(attribute: &str, item: TokenStream) -> Result<Self, Error> {
        let refuse = |span| {
            let message = format!(
                "`#[filch::{attribute}]` needs an `async fn` with a body: write `async fn name() {{ … }}`"
            );
            Error::new(span, message)
        };
        let mut tokens = item.into_iter().peekable();
        let attributes = take_attributes(&mut tokens);
        let (mut head, fn_span, is_async) = take_qualifiers(&mut tokens).map_err(refuse)?;
        if !is_async {
            return Err(refuse(fn_span));
        }
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            return Err(refuse(fn_span));
        };
        head.extend([TokenTree::from(name.clone())]);
        head.extend(take_generics(&mut tokens));
        let Some(TokenTree::Group(arguments)) = tokens.next() else {
            return Err(refuse(name.span()));
        };
        let output = take_output(&mut tokens);
        let mut rest: Vec<TokenTree> = tokens.collect();
        let Some(TokenTree::Group(body)) = rest.pop().filter(is_braces) else {
            return Err(refuse(name.span()));
        };
        Ok(Function {
            attributes,
            head,
            name,
            arguments,
            output,
            where_clause: rest.into_iter().collect(),
            body,
        })
    }

    /// The type the function returns, unless it has no name (`impl Trait`).
    pub(crate) fn named_output(&self) -> Option<TokenStream> {
        match &self.output {
            None => {
                Some(TokenTree::from(Group::new(Delimiter::Parenthesis, TokenStream::new())).into())
            }
            Some(output) if crate::tokens::contains_ident(output, "impl") => None,
            Some(output) => Some(output.clone()),
        }
    }

    /// The body's inner attributes (`#![…]`) and its other tokens.
    pub(crate) fn split_body(&self) -> (TokenStream, TokenStream) {
        let mut tokens = self.body.stream().into_iter().peekable();
        let mut inner = TokenStream::new();
        while tokens.peek().is_some_and(|token| is_punct(token, '#')) {
            let mut ahead = tokens.clone();
            let attribute: Vec<TokenTree> = ahead.by_ref().take(3).collect();
            if !matches!(attribute.get(1), Some(token) if is_punct(token, '!')) {
                break;
            }
            inner.extend(attribute);
            tokens = ahead;
        }
        (inner, tokens.collect())
    }
}

type Tokens = Peekable<proc_macro::token_stream::IntoIter>;

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn take_attributes(tokens: &mut Tokens) -> TokenStream {
    let mut attributes = TokenStream::new();
    while tokens.peek().is_some_and(|token| is_punct(token, '#')) {
        attributes.extend(tokens.by_ref().take(2));
    }
    attributes
}

/// What precedes the name, up to `fn`, without `async`; the span of `fn`; whether `async` was there.
/// The error is the span of what is not a function.
fn take_qualifiers(tokens: &mut Tokens) -> Result<(TokenStream, Span, bool), Span> {
    let mut head = TokenStream::new();
    let mut is_async = false;
    let mut last = Span::call_site();
    for token in tokens {
        last = token.span();
        if is_ident(&token, "async") {
            is_async = true;
            continue;
        }
        let found = is_ident(&token, "fn");
        if is_braces(&token) || is_punct(&token, ';') || is_punct(&token, '=') {
            break;
        }
        head.extend([token]);
        if found {
            return Ok((head, last, is_async));
        }
    }
    Err(last)
}

/// `<…>`, if the function has generics. The `>` of a `->` does not close them.
fn take_generics(tokens: &mut Tokens) -> TokenStream {
    let mut generics = TokenStream::new();
    if !tokens.peek().is_some_and(|token| is_punct(token, '<')) {
        return generics;
    }
    let (mut depth, mut after_dash) = (0_usize, false);
    for token in tokens {
        match &token {
            token if is_punct(token, '<') => depth += 1,
            token if is_punct(token, '>') && !after_dash => depth -= 1,
            _ => {}
        }
        after_dash = matches!(&token, TokenTree::Punct(p) if p.as_char() == '-' && p.spacing() == Spacing::Joint);
        generics.extend([token]);
        if depth == 0 {
            break;
        }
    }
    generics
}

/// The type behind `->`, up to `where` or the body.
fn take_output(tokens: &mut Tokens) -> Option<TokenStream> {
    tokens.peek().filter(|token| is_punct(token, '-'))?;
    tokens.by_ref().take(2).for_each(drop);
    let mut output = TokenStream::new();
    while let Some(token) = tokens.next_if(|token| !is_ident(token, "where") && !is_braces(token)) {
        output.extend([token]);
    }
    Some(output)
}
