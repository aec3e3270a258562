//! The macros as a program sees them: grammar, promises, and small programs built on them.

mod attributes;
mod join;
mod pin;
mod probe;
mod select;
mod select_grammar;
mod select_programs;
mod watched;
