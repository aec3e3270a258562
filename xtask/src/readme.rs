//! The README's program, in an empty project with the README's Cargo line, prints what the README shows.

use crate::examples;
use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// Builds and runs it in a folder of its own.
pub(crate) fn check() -> Outcome {
    let text = std::fs::read_to_string(sh::root().join("README.md"))
        .map_err(|error| format!("README.md: {error}"))?;
    let quick_start = QuickStart::find(&text)?;
    let printed = quick_start.run()?;
    examples::same(&quick_start.output, &printed).map_err(|what| format!("README.md: {what}"))?;
    Ok(Tally { passed: 1, ..Tally::NONE })
}

#[derive(Debug, PartialEq, Eq)]
struct QuickStart {
    dependency: String,
    program: String,
    output: String,
}

impl QuickStart {
    /// The first `toml` block that names filch, the first `rust` block, and the first `text` block after that.
    fn find(readme: &str) -> Result<Self, Trouble> {
        let blocks = blocks(readme);
        let missing = |what: &str| Trouble::from(format!("README.md has no {what}"));
        let toml = blocks.iter().find(|block| block.kind == "toml" && block.text.contains("filch"));
        let line = toml.and_then(|block| block.text.lines().find(|line| line.starts_with("filch")));
        let rust = blocks.iter().position(|block| block.kind.starts_with("rust"));
        let rust = rust.ok_or_else(|| missing("`rust` block"))?;
        let output = blocks[rust..].iter().find(|block| block.kind == "text");
        Ok(Self {
            dependency: line
                .ok_or_else(|| missing("`toml` block with a line for filch"))?
                .to_owned(),
            program: blocks[rust].text.clone(),
            output: output
                .ok_or_else(|| missing("`text` block with the program's output"))?
                .text
                .clone(),
        })
    }

    fn run(&self) -> Result<String, Trouble> {
        let folder = sh::target_dir("readme");
        let checkout = sh::root().join("crates/filch").to_string_lossy().into_owned();
        let manifest = format!(
            "[package]\nname = \"quick-start\"\nedition = \"2024\"\n[dependencies]\n{}\n[workspace]\n",
            localize(&self.dependency, &checkout)?
        );
        let io = |error: std::io::Error| Trouble::from(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(folder.join("src")).map_err(io)?;
        std::fs::write(folder.join("Cargo.toml"), manifest).map_err(io)?;
        std::fs::write(folder.join("src/main.rs"), &self.program).map_err(io)?;
        // Why: the versions that were tested, and no network when they are at hand.
        std::fs::copy(sh::root().join("Cargo.lock"), folder.join("Cargo.lock")).map_err(io)?;
        let mut command = sh::cargo(["run", "--quiet"]);
        // Why ours: what it depends on was built there for the examples.
        sh::output(command.current_dir(&folder).env("CARGO_TARGET_DIR", sh::target_dir("")))
    }
}

/// A fenced block of a Markdown text.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    /// Where its fence stands, counted from one.
    pub(crate) line: usize,
    /// What follows the fence.
    pub(crate) kind: &'a str,
    pub(crate) text: String,
}

/// The fenced blocks, in the order of the text.
pub(crate) fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    for (at, line) in markdown.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(kind) if !open => {
                blocks.push(Block { line: at + 1, kind: kind.trim(), text: String::new() });
            }
            Some(_) => {}
            None if open => {
                let block = blocks.last_mut().expect("a block is open");
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
        open ^= line.starts_with("```");
    }
    blocks
}

/// Replaces where the line takes filch from by the checkout.
fn localize(dependency: &str, checkout: &str) -> Result<String, Trouble> {
    for key in ["git = \"", "path = \""] {
        if let Some((before, rest)) = dependency.split_once(key) {
            let (_, after) =
                rest.split_once('"').ok_or("README.md: the Cargo line has an open string")?;
            return Ok(format!("{before}path = {checkout:?}{after}"));
        }
    }
    Err(format!("README.md: the Cargo line has neither `git` nor `path`: {dependency}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_start_is_found_among_other_blocks() {
        let readme = "```toml\n[dependencies]\nfilch = { git = \"u\", features = [\"a\"] }\n```\n\
                      ```sh\nx\n```\n```rust\nfn main() {}\n```\n```text\nhi\n```\n";
        let found = QuickStart::find(readme).expect("it is there");
        assert_eq!(
            localize(&found.dependency, "/c").ok().as_deref(),
            Some("filch = { path = \"/c\", features = [\"a\"] }")
        );
        assert_eq!((found.program.as_str(), found.output.as_str()), ("fn main() {}\n", "hi\n"));
    }

    #[test]
    fn a_readme_without_output_is_refused() {
        assert!(
            QuickStart::find("```toml\nfilch = { git = \"u\" }\n```\n```rust\nfn main() {}\n```\n")
                .is_err()
        );
    }
}
