//! Prepares a release: one version for all crates, the changelog's open section closed. Tagging is left to a person.

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

/// What has a lock file with the version in it.
const WORKSPACES: [&str; 3] =
    ["Cargo.toml", "interop/Cargo.toml", "interop/swap-driver-user/Cargo.toml"];

/// `release <version>`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let [version] = args else { return Err("usage: release <version>".into()) };
    if version.split('.').count() != 3
        || version.split('.').any(|part| part.parse::<u32>().is_err())
    {
        return Err(format!("`{version}` is not a version of three numbers").into());
    }
    msrv(&[])?;
    edit("Cargo.toml", |text| set_version(text, version))?;
    edit("CHANGELOG.md", |text| close_section(text, version))?;
    for workspace in WORKSPACES {
        sh::run(
            sh::cargo(["update", "--workspace", "--manifest-path"]).arg(sh::root().join(workspace)),
        )?;
    }
    println!("next: cargo xtask ci, commit, git tag v{version}, cargo publish --workspace");
    Ok(Tally::NONE)
}

/// Checks that nothing younger than `rust-version` is used: with that toolchain when it is there, else by clippy.
pub(crate) fn msrv(_: &[String]) -> Outcome {
    let manifest = std::fs::read_to_string(sh::root().join("Cargo.toml"))
        .map_err(|error| error.to_string())?;
    let version = value(&manifest, "rust-version").ok_or("Cargo.toml has no rust-version")?;
    let with = |args: &[&str]| sh::program("rustup", ["run", version].iter().chain(args));
    let checked = if sh::output(&mut with(&["cargo", "--version"])).is_ok() {
        sh::run(
            with(&["cargo", "check", "--all-features"])
                .env("CARGO_TARGET_DIR", sh::target_dir("msrv")),
        )
    } else {
        eprintln!("note: no toolchain {version}; clippy's `incompatible_msrv` stands in");
        let lint = ["--", "-D", "clippy::incompatible_msrv"];
        sh::run(sh::cargo(["clippy", "--workspace", "--all-targets", "--all-features"]).args(lint))
    };
    checked.map(|()| Tally::NONE)
}

fn edit(file: &str, change: impl Fn(&str) -> Result<String, Trouble>) -> Result<(), Trouble> {
    let path = sh::root().join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
    std::fs::write(&path, change(&text)?).map_err(|error| format!("{file}: {error}").into())
}

/// The string after `key = ` at the beginning of a line.
fn value<'a>(manifest: &'a str, key: &str) -> Option<&'a str> {
    let line =
        manifest.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
    Some(line.trim().trim_matches('"'))
}

/// The workspace's version, and the exact versions by which its crates name each other.
fn set_version(manifest: &str, version: &str) -> Result<String, Trouble> {
    let old = value(manifest, "version").ok_or("Cargo.toml has no version")?;
    let own =
        manifest.replacen(&format!("version = \"{old}\""), &format!("version = \"{version}\""), 1);
    Ok(own.replace(&format!("version = \"={old}\""), &format!("version = \"={version}\"")))
}

fn close_section(changelog: &str, version: &str) -> Result<String, Trouble> {
    let open = "## [Unreleased]\n";
    if !changelog.contains(open) {
        return Err("CHANGELOG.md has no `## [Unreleased]`".into());
    }
    Ok(changelog.replacen(open, &format!("{open}\n## [{version}]\n"), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_is_set_everywhere() {
        let old = "[workspace.package]\nversion = \"0.1.0\"\na = { version = \"=0.1.0\" }\nb = \"0.1.0\"\n";
        let new = "[workspace.package]\nversion = \"0.2.0\"\na = { version = \"=0.2.0\" }\nb = \"0.1.0\"\n";
        assert_eq!(set_version(old, "0.2.0").ok().as_deref(), Some(new));
    }

    #[test]
    fn the_open_section_stays_on_top() {
        let closed =
            close_section("# C\n\n## [Unreleased]\n\n- x\n", "0.2.0").expect("there is one");
        assert_eq!(closed, "# C\n\n## [Unreleased]\n\n## [0.2.0]\n\n- x\n");
    }
}
