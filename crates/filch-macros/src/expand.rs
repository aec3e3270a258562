//! From an `async fn` to a plain one that hands its body to a runtime.

use crate::args::{Args, Flavor, Leaks};
use crate::error::Error;
use crate::function::Function;
use crate::tokens::{braces, generated, is_ident, is_punct};
use proc_macro::{Span, TokenStream, TokenTree};

/// The attribute that is being expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Main,
    Test,
}

impl Attribute {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attribute::Main => "main",
            Attribute::Test => "test",
        }
    }
}

/// Expands `item`. What is wrong with it, or with `args`, comes out as a `compile_error!` beside it.
pub(crate) fn expand(attribute: Attribute, args: TokenStream, item: TokenStream) -> TokenStream {
    let function = match Function::parse(attribute.name(), item.clone()) {
        Ok(function) => function,
        Err(error) => return error.into_tokens().into_iter().chain(item).collect(),
    };
    let checked =
        Args::parse(attribute, args).and_then(|args| check(attribute, &function).map(|()| args));
    let (error, args) = match checked {
        Ok(args) => (TokenStream::new(), args),
        Err(error) => (error.into_tokens(), Args::default_of(attribute)),
    };
    error.into_iter().chain(plain_function(attribute, &args, function)).collect()
}

/// Refuses what no test harness and no program start could call.
fn check(attribute: Attribute, function: &Function) -> Result<(), Error> {
    let takes_arguments = !function.arguments.stream().is_empty();
    match attribute {
        Attribute::Main if takes_arguments && function.name.to_string() == "main" => {
            Err(Error::new(
                function.arguments.span(),
                "the main function takes no arguments: read them from `std::env::args()`",
            ))
        }
        Attribute::Test if takes_arguments => {
            Err(Error::new(function.arguments.span(), "a test function takes no arguments"))
        }
        Attribute::Test => match second_test_attribute(&function.attributes) {
            Some(span) => {
                Err(Error::new(span, "a second test attribute makes the test run twice: remove it"))
            }
            None => Ok(()),
        },
        Attribute::Main => Ok(()),
    }
}

/// Where among `attributes` a `#[test]` or `#[<path>::test]` stands.
fn second_test_attribute(attributes: &TokenStream) -> Option<Span> {
    attributes.clone().into_iter().find_map(|token| {
        let TokenTree::Group(brackets) = token else {
            return None;
        };
        let is_path =
            |token: &TokenTree| matches!(token, TokenTree::Ident(_)) || is_punct(token, ':');
        let last = brackets.stream().into_iter().take_while(is_path).last()?;
        is_ident(&last, "test").then(|| last.span())
    })
}

fn plain_function(attribute: Attribute, args: &Args, function: Function) -> TokenStream {
    let span = Span::mixed_site();
    let (inner_attributes, statements) = function.split_body();
    let future = future(&function, statements);
    let mut body = inner_attributes;
    body.extend(generated("let body = async", span));
    body.extend([future]);
    body.extend(generated(";", span));
    body.extend(run(attribute, args, &function));

    let mut item = function.attributes;
    if attribute == Attribute::Test {
        item.extend(generated("#[::core::prelude::v1::test]", Span::call_site()));
    }
    item.extend(function.head);
    item.extend([TokenTree::from(function.arguments)]);
    if let Some(output) = function.output {
        item.extend(generated("->", span));
        item.extend(output);
    }
    item.extend(function.where_clause);
    item.extend([braces(body, function.body.span())]);
    item
}

/// The braces of the async block: the user's statements, after one that tells their type.
fn future(function: &Function, statements: TokenStream) -> TokenTree {
    let span = Span::mixed_site();
    let mut block = TokenStream::new();
    if let Some(output) = function.named_output() {
        // Why: an async block infers its type from its first exit, often a `?`; a `return` of the declared type in
        // front gives the inference, the coercions and the messages which a plain function has.
        block.extend(generated(
            "#[allow(unreachable_code, clippy::all, clippy::pedantic, reason = \"it only tells the type\")] if false",
            span,
        ));
        let mut tell = generated("let output:", span);
        tell.extend(output);
        tell.extend(generated("= loop {}; return output;", span));
        block.extend([braces(tell, span)]);
    }
    block.extend(statements);
    braces(block, function.body.span())
}

/// The statements that build a runtime and run `body` on it.
fn run(attribute: Attribute, args: &Args, function: &Function) -> TokenStream {
    let span = Span::mixed_site();
    let mut run = TokenStream::new();
    if attribute == Attribute::Test {
        run.extend(erase(function));
        run.extend(leaks(args));
    }
    run.extend(generated("let mut builder =", span));
    run.extend(args.facade.clone());
    let constructor = match args.flavor {
        Flavor::MultiThread => "new_multi_thread",
        Flavor::CurrentThread | Flavor::Local => "new_current_thread",
    };
    run.extend(generated(
        &format!("::runtime::Builder::{constructor}(); builder.enable_all();"),
        span,
    ));
    if let Some(workers) = &args.workers {
        run.extend(generated(&format!("builder.worker_threads({workers});"), span));
    }
    if let Some(start_paused) = args.start_paused {
        run.extend(generated(&format!("builder.start_paused({start_paused});"), span));
    }
    if let Some(handle) = args.handle_ctrl_c {
        run.extend(generated(&format!("builder.handle_ctrl_c({handle});"), span));
    }
    run.extend(args.facade.clone());
    let runner = match (args.flavor, attribute) {
        (Flavor::Local, Attribute::Main) => "run_main_local(builder, body)",
        (Flavor::Local, Attribute::Test) => "run_test_local(builder, leaks, body)",
        (_, Attribute::Main) => "run_main(builder, body)",
        (_, Attribute::Test) => "run_test(builder, leaks, body)",
    };
    run.extend(generated(&format!("::runtime::__private::{runner}"), span));
    run
}

/// The statement that says what becomes of tasks which outlive a test.
fn leaks(args: &Args) -> TokenStream {
    let leaks = match args.leaks {
        Leaks::Default => "Default",
        Leaks::Allow => "Allow",
        Leaks::Warn => "Warn",
        Leaks::Fail => "Fail",
    };
    let span = Span::mixed_site();
    let mut statement = generated("let leaks =", span);
    statement.extend(args.facade.clone());
    statement.extend(generated(&format!("::runtime::__private::Leaks::{leaks};"), span));
    statement
}

/// Hides the type of a test's body, so that all tests of a program share one copy of the code that runs them.
fn erase(function: &Function) -> TokenStream {
    let span = Span::mixed_site();
    let mut erase = generated("let body = ::core::pin::pin!(body);", span);
    if let Some(output) = function.named_output() {
        erase.extend(generated(
            "let body: ::core::pin::Pin<&mut dyn ::core::future::Future<Output =",
            span,
        ));
        erase.extend(output);
        erase.extend(generated(">> = body;", span));
    }
    erase
}
