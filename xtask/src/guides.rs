//! Compiles what the guides (`docs/coming-from-*.md`) show of filch, and what they show to be refused.
//!
//! | in a guide | must |
//! |---|---|
//! | a `rust` block with a `fn main` | compile as it stands |
//! | any other `rust` block, and each code span of a table's column `filch` | compile in an `async fn`, after the guide's names |
//! | the `rust,names` block | is what those names mean |
//! | a `rust,compile_fail` block | be refused with the words of the `text` block that follows |
//!
//! Nothing is run: the tutorial's programs are, and compared with their output.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::outcome::{Outcome, Tally, Trouble};
use crate::{readme, sh};

/// Compiles them in a package of its own, a file for each; a snippet counts as a test.
pub(crate) fn check() -> Outcome {
    let snippets: Vec<Snippet> = guides()?.iter().flat_map(Guide::snippets).collect();
    let package = Package::create(&snippets)?;
    package.check(&["--lib"]).map_err(|output| blame("a snippet does not compile", &output))?;
    for snippet in &snippets {
        package.refuses(snippet)?;
    }
    Ok(Tally { passed: snippets.len(), ..Tally::NONE })
}

fn blame(what: &str, output: &str) -> Trouble {
    eprintln!("{output}");
    format!("guides: {what}").into()
}

#[derive(Debug)]
struct Guide {
    /// `coming_from_asyncio`.
    name: String,
    text: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Snippet {
    /// Where it stands, the guide's name and a line: its file is named so.
    name: String,
    kind: Kind,
    /// The text of its file.
    code: String,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Compiles,
    /// Must not compile; the words are the compiler's.
    Refused {
        words: String,
    },
}

fn guides() -> Result<Vec<Guide>, Trouble> {
    let folder = sh::root().join("docs");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("docs: {error}"))?;
    let mut guides = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
        if name.starts_with("coming_from_") {
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
            guides.push(Guide { name, text });
        }
    }
    guides.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(guides)
}

impl Guide {
    fn snippets(&self) -> Vec<Snippet> {
        let mut all = self.blocks();
        all.extend(self.cells());
        all
    }

    fn blocks(&self) -> Vec<Snippet> {
        let blocks = readme::blocks(&self.text);
        let mut snippets = Vec::new();
        for (at, block) in blocks.iter().enumerate() {
            let (kind, code) = match block.kind {
                "rust" if block.text.contains("fn main(") => (Kind::Compiles, block.text.clone()),
                "rust" => (Kind::Compiles, self.function(&block.text)),
                "rust,compile_fail" => {
                    let next = blocks.get(at + 1).filter(|next| next.kind == "text");
                    let words = next.map(|next| next.text.clone()).unwrap_or_default();
                    let code = format!("{}\nfn main() {{}}\n", self.function(&block.text));
                    (Kind::Refused { words }, code)
                }
                _ => continue,
            };
            snippets.push(self.snippet(block.line, kind, code));
        }
        snippets
    }

    /// The code spans of tables, in the column `filch`.
    fn cells(&self) -> Vec<Snippet> {
        let mut column = None;
        let mut snippets = Vec::new();
        for (at, line) in self.text.lines().enumerate() {
            if !line.starts_with('|') {
                column = None;
                continue;
            }
            let cells = cells(line);
            match column {
                None => column = Some(cells.iter().position(|cell| cell == "filch")),
                Some(Some(column)) => {
                    let cell = cells.get(column).map(String::as_str).unwrap_or_default();
                    for span in cell.split('`').skip(1).step_by(2) {
                        snippets.push(self.snippet(at + 1, Kind::Compiles, self.function(span)));
                    }
                }
                Some(None) => {}
            }
        }
        // Why numbered: a row may have several.
        for (number, snippet) in snippets.iter_mut().enumerate() {
            snippet.name = format!("{}_{number}", snippet.name);
        }
        snippets
    }

    fn snippet(&self, line: usize, kind: Kind, code: String) -> Snippet {
        Snippet { name: format!("{}_line_{line}", self.name), kind, code }
    }

    /// Statements, after the guide's names.
    fn function(&self, statements: &str) -> String {
        let blocks = readme::blocks(&self.text);
        let names = blocks.iter().find(|block| block.kind == "rust,names");
        let names = names.map(|block| block.text.as_str()).unwrap_or_default();
        format!(
            "async fn snippet() -> Result<(), filch::Error> {{\n{names}\n{statements};\nOk(())\n}}\n"
        )
    }
}

/// The cells of a table's row; `\|` is a `|` within one.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_matches('|').replace("\\|", "\0");
    row.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// A package that depends on filch with its default features.
struct Package {
    folder: PathBuf,
}

impl Package {
    fn create(snippets: &[Snippet]) -> Result<Self, Trouble> {
        let package = Package { folder: sh::target_dir("guides") };
        let mut library = String::from("#![allow(warnings)]\n");
        let mut manifest = format!(
            "[package]\nname = \"guides\"\nedition = \"2024\"\n\
             [dependencies]\nfilch = {{ path = {:?} }}\n[workspace]\n",
            sh::root().join("crates/filch")
        );
        for Snippet { name, kind, code } in snippets {
            package.write(&format!("src/{name}.rs"), code)?;
            let _ = match kind {
                Kind::Compiles => writeln!(library, "mod {name};"),
                Kind::Refused { .. } => {
                    writeln!(manifest, "[[bin]]\nname = {name:?}\npath = \"src/{name}.rs\"")
                }
            };
        }
        package.write("Cargo.toml", &manifest)?;
        package.write("src/lib.rs", &library)?;
        // Why: the versions that were tested, and no network when they are at hand.
        let lock = std::fs::read_to_string(sh::root().join("Cargo.lock"));
        package.write("Cargo.lock", &lock.map_err(|error| format!("Cargo.lock: {error}"))?)?;
        Ok(package)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Trouble> {
        let path = self.folder.join(file);
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// What the compiler says if it refuses.
    fn check(&self, target: &[&str]) -> Result<(), String> {
        // Why this profile: with the dev profile the body of a `#[filch::test]` would not be looked at.
        let mut command = sh::cargo(["check", "--quiet", "--profile", "test"]);
        command.args(target).current_dir(&self.folder);
        command.env("CARGO_TARGET_DIR", sh::target_dir("")); // As the README's program.
        match sh::output(&mut command) {
            Ok(_) => Ok(()),
            Err(Trouble::Failed { why, .. } | Trouble::Missing(why)) => Err(why),
        }
    }

    fn refuses(&self, snippet: &Snippet) -> Result<(), Trouble> {
        let Snippet { name, kind: Kind::Refused { words }, .. } = snippet else { return Ok(()) };
        let Err(output) = self.check(&["--bin", name]) else {
            return Err(format!("{name} compiles, and should not").into());
        };
        let missing = words.lines().find(|line| !output.contains(line.trim()));
        match missing {
            None if !words.is_empty() => Ok(()),
            _ => Err(blame(&format!("{name} is not refused with {missing:?}"), &output)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guide(text: &str) -> Guide {
        Guide { name: "g".into(), text: text.into() }
    }

    #[test]
    fn spans_of_the_column_filch_are_snippets() {
        let found = guide(
            "| Python | filch | note |\n|---|---|---|\n| `a` | `b(\\|\\| 1)`, or `c` | `d` |\n\n| x |\n|---|\n| `y` |\n",
        )
        .snippets();
        let has = |at: usize, code: &str| found[at].code.contains(&format!("\n{code};\n"));
        assert!(found.len() == 2 && has(0, "b(|| 1)") && has(1, "c"), "{found:?}");
        assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("g_line_3_0", "g_line_3_1"));
    }

    #[test]
    fn blocks_are_told_apart() {
        let found = guide(
            "```rust\nfn main() {}\n```\n```rust\nf();\n```\n```python\nf()\n```\n\
             ```rust,compile_fail\ng();\n```\n```text\nerror: no\n```\n",
        )
        .snippets();
        let kinds: Vec<&Kind> = found.iter().map(|snippet| &snippet.kind).collect();
        let words = "error: no\n".to_owned();
        assert_eq!(kinds, [&Kind::Compiles, &Kind::Compiles, &Kind::Refused { words }]);
        assert_eq!(found[0].code, "fn main() {}\n");
    }

    #[test]
    fn the_names_stand_before_the_snippet() {
        let found = guide("```rust\nn + 1\n```\n```rust,names\nlet n = 1;\n```\n").snippets();
        assert!(found[0].code.contains("let n = 1;\n\nn + 1\n;\nOk(())"), "{found:?}");
    }
}
