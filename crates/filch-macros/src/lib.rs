//! The attribute macros of the filch runtime, to be named through the facade: `#[filch::main]`, `#[filch::test]`.
//!
//! This crate has no runtime and no parser of Rust: it reads the few tokens it must know (the arguments, the
//! signature's outline) and passes all others through with their spans, so that the compiler's messages point at the
//! user's lines. `select!`, `join!` and `pin!` are declarative macros of the facade, because there the compiler itself
//! parses the user's patterns and expressions.
//!
//! **Invariant:** an error never swallows the item: it is emitted beside the function expanded with default arguments,
//! so that a wrong argument makes one message and no others in its wake.

mod args;
mod error;
mod expand;
mod function;
mod tokens;

use expand::Attribute;
use proc_macro::TokenStream;

// The documentation and its examples are on the facade's re-exports, where the examples can run.

#[allow(
    missing_docs,
    reason = "documented where the facade re-exports it, as the page would show both texts"
)]
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Main, args, item)
}

#[allow(
    missing_docs,
    reason = "documented where the facade re-exports it, as the page would show both texts"
)]
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(Attribute::Test, args, item)
}
