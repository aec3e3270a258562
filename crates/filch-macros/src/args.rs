//! What stands between the parentheses of `#[filch::main(…)]` and `#[filch::test(…)]`.

use crate::error::Error;
use crate::expand::Attribute;
use crate::tokens::{generated, is_punct, with_span, without_invisible_groups};
use proc_macro::{Literal, Span, TokenStream, TokenTree};

/// Which runtime polls the function's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    MultiThread,
    CurrentThread,
    Local,
}

/// What becomes of a test whose tasks outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaks {
    /// What the environment says.
    Default,
    Allow,
    Warn,
    Fail,
}

/// The arguments with defaults filled in.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) flavor: Flavor,
    pub(crate) workers: Option<Literal>,
    pub(crate) start_paused: Option<bool>,
    /// `main` only.
    pub(crate) handle_ctrl_c: Option<bool>,
    /// Tests only.
    pub(crate) leaks: Leaks,
    /// The path of the facade: `::filch`, unless the user calls it something else.
    pub(crate) facade: TokenStream,
}

impl Args {
    /// What the bare attribute means.
    pub(crate) fn default_of(attribute: Attribute) -> Self {
        let flavor = match attribute {
            Attribute::Main => Flavor::MultiThread,
            Attribute::Test => Flavor::CurrentThread,
        };
        let facade = generated("::filch", Span::call_site());
        Args {
            flavor,
            workers: None,
            start_paused: None,
            handle_ctrl_c: None,
            leaks: Leaks::Default,
            facade,
        }
    }

    /// Reads the attribute's arguments.
    pub(crate) fn parse(attribute: Attribute, tokens: TokenStream) -> Result<Self, Error> {
        let mut args = Args::default_of(attribute);
        let mut seen = Vec::new();
        let tokens = without_invisible_groups(tokens);
        for tokens in tokens.split(|token| is_punct(token, ',')) {
            let Some(name) = tokens.first() else { continue };
            let argument = Argument::parse(attribute, name, tokens)?;
            if seen.contains(&argument.key) {
                return Err(Error::new(
                    argument.name_span,
                    format!("`{}` is given twice", argument.name),
                ));
            }
            argument.store(attribute, &mut args)?;
            seen.push(argument.key);
        }
        args.check(attribute)?;
        Ok(args)
    }

    /// Refuses a combination that the runtime's builder could only ignore.
    fn check(&self, attribute: Attribute) -> Result<(), Error> {
        let Some(workers) = self.workers.as_ref().filter(|_| self.flavor != Flavor::MultiThread)
        else {
            return Ok(());
        };
        let message = format!(
            "a number of workers needs the multi-thread runtime: write `#[filch::{}(flavor = \"multi_thread\", workers = {workers})]`",
            attribute.name()
        );
        Err(Error::new(workers.span(), message))
    }
}

/// The arguments there are, whichever of their names the user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Flavor,
    Workers,
    StartPaused,
    HandleCtrlC,
    Leaks,
    Crate,
    UnhandledPanic,
}

/// One `name = value`.
struct Argument<'a> {
    key: Key,
    name: String,
    name_span: Span,
    value: &'a [TokenTree],
}

impl<'a> Argument<'a> {
    fn parse(
        attribute: Attribute,
        name: &TokenTree,
        tokens: &'a [TokenTree],
    ) -> Result<Self, Error> {
        let name_span = name.span();
        let name = name.to_string();
        let key = match name.as_str() {
            "flavor" => Key::Flavor,
            "workers" | "worker_threads" => Key::Workers,
            "start_paused" => Key::StartPaused,
            "handle_ctrl_c" if attribute == Attribute::Main => Key::HandleCtrlC,
            "leaks" if attribute == Attribute::Test => Key::Leaks,
            "crate" => Key::Crate,
            "unhandled_panic" => Key::UnhandledPanic,
            _ => {
                return Err(Error::new(
                    name_span,
                    format!("unknown argument `{name}`: {}", accepted(attribute)),
                ));
            }
        };
        match tokens {
            [_, equals, value @ ..] if is_punct(equals, '=') && !value.is_empty() => {
                Ok(Argument { key, name, name_span, value })
            }
            _ => Err(Error::new(
                name_span,
                format!("`{name}` needs a value: {}", accepted(attribute)),
            )),
        }
    }

    /// Writes the value where it belongs, or says why it does not fit.
    fn store(&self, attribute: Attribute, args: &mut Args) -> Result<(), Error> {
        match self.key {
            Key::Flavor => args.flavor = self.flavor()?,
            Key::Workers => args.workers = Some(self.workers()?),
            Key::StartPaused => args.start_paused = Some(self.boolean()?),
            Key::HandleCtrlC => args.handle_ctrl_c = Some(self.boolean()?),
            Key::Leaks => args.leaks = self.leaks()?,
            Key::Crate => args.facade = self.facade()?,
            Key::UnhandledPanic => {
                let message = format!(
                    "`unhandled_panic` is not supported by filch yet: a task's panic comes out of its `JoinHandle`; {}",
                    accepted(attribute)
                );
                return Err(Error::new(self.name_span, message));
            }
        }
        Ok(())
    }

    fn flavor(&self) -> Result<Flavor, Error> {
        match self.string().as_deref() {
            Some("multi_thread") => Ok(Flavor::MultiThread),
            Some("current_thread") => Ok(Flavor::CurrentThread),
            Some("local") => Ok(Flavor::Local),
            _ => Err(self.mismatch("one of \"multi_thread\", \"current_thread\" and \"local\"")),
        }
    }

    fn workers(&self) -> Result<Literal, Error> {
        let wanted = "a whole number of at least 1, such as `4`";
        let [TokenTree::Literal(literal)] = self.value else {
            return Err(self.mismatch(wanted));
        };
        let digits = literal.to_string().replace('_', "");
        match digits.trim_end_matches("usize").parse::<usize>() {
            Ok(1..) => Ok(literal.clone()),
            _ => Err(self.mismatch(wanted)),
        }
    }

    fn boolean(&self) -> Result<bool, Error> {
        match self.value {
            [TokenTree::Ident(ident)] if ident.to_string() == "true" => Ok(true),
            [TokenTree::Ident(ident)] if ident.to_string() == "false" => Ok(false),
            _ => Err(self.mismatch("`true` or `false`")),
        }
    }

    fn leaks(&self) -> Result<Leaks, Error> {
        match self.string().as_deref() {
            Some("allow") => Ok(Leaks::Allow),
            Some("warn") => Ok(Leaks::Warn),
            Some("fail") => Ok(Leaks::Fail),
            _ => Err(self.mismatch("one of \"fail\", \"warn\" and \"allow\"")),
        }
    }

    /// A path, bare or between quotes.
    fn facade(&self) -> Result<TokenStream, Error> {
        let wanted = "the path under which this crate knows filch, such as \"my_filch\"";
        let path = match self.string() {
            Some(path) => path.parse().map_err(|_| self.mismatch(wanted))?,
            None => self.value.iter().cloned().collect(),
        };
        let path: TokenStream = with_span(path, self.value_span());
        let belongs =
            |token: TokenTree| matches!(token, TokenTree::Ident(_)) || is_punct(&token, ':');
        if path.is_empty() || !path.clone().into_iter().all(belongs) {
            return Err(self.mismatch(wanted));
        }
        Ok(path)
    }

    /// What stands between the quotes, if the value is a plain string.
    fn string(&self) -> Option<String> {
        let [TokenTree::Literal(literal)] = self.value else {
            return None;
        };
        let literal = literal.to_string();
        Some(literal.strip_prefix('"')?.strip_suffix('"')?.to_owned())
    }

    fn value_span(&self) -> Span {
        self.value.first().map_or(self.name_span, TokenTree::span)
    }

    fn mismatch(&self, wanted: &str) -> Error {
        let value: TokenStream = self.value.iter().cloned().collect();
        Error::new(self.value_span(), format!("`{}` must be {wanted}, not `{value}`", self.name))
    }
}

fn accepted(attribute: Attribute) -> String {
    let own = match attribute {
        Attribute::Main => ", `handle_ctrl_c = true | false`",
        Attribute::Test => ", `leaks = \"fail\" | \"warn\" | \"allow\"`",
    };
    format!(
        "`#[filch::{}]` accepts `flavor = \"multi_thread\" | \"current_thread\" | \"local\"`, `workers = N` \
         (or `worker_threads = N`), `start_paused = true | false`{own} and `crate = \"path\"`",
        attribute.name()
    )
}
