//! What xtask reads from a `Cargo.toml`: the name, the features, the dependencies. No TOML parser: ours are plain.

use std::path::Path;

use crate::sh;

/// One package's manifest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
    /// Of the library: normal and build dependencies, of every target.
    pub(crate) dependencies: Vec<String>,
    pub(crate) dev_dependencies: Vec<String>,
}

impl Manifest {
    /// Reads every package under `crates/`, in the order of their names.
    pub(crate) fn published() -> Vec<Self> {
        let folders =
            std::fs::read_dir(sh::root().join("crates")).expect("the workspace has crates");
        let files =
            folders.map(|folder| folder.expect("crates/ is readable").path().join("Cargo.toml"));
        let mut all: Vec<Self> =
            files.filter(|file| file.is_file()).map(|file| Self::read(&file)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn read(file: &Path) -> Self {
        Self::parse(&std::fs::read_to_string(file).expect("a manifest is readable"))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                name.clone_into(&mut section);
                manifest.add_table(name);
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.add_key(&section, key.trim(), value.trim());
            }
        }
        manifest
    }

    /// `[dependencies.name]` names a dependency in the header.
    fn add_table(&mut self, section: &str) {
        if let Some((kind, name)) = section.rsplit_once('.') {
            if kind.ends_with("dependencies") {
                self.add_dependency(kind, name);
            }
        }
    }

    fn add_key(&mut self, section: &str, key: &str, value: &str) {
        // `filch-core.workspace = true` and `"quoted" = ..` both name what comes before the dot.
        let name = key.split('.').next().unwrap_or(key).trim_matches('"');
        if section == "package" && key == "name" {
            value.trim_matches('"').clone_into(&mut self.name);
        } else if section == "features" && !key.starts_with('#') && value.starts_with('[') {
            self.features.push(name.to_owned());
        } else if section.ends_with("dependencies") && !key.starts_with('#') {
            self.add_dependency(section, name);
        }
    }

    fn add_dependency(&mut self, section: &str, name: &str) {
        let list = if section.ends_with("dev-dependencies") {
            &mut self.dev_dependencies
        } else {
            &mut self.dependencies
        };
        list.push(name.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_dependency_is_seen() {
        let manifest = Manifest::parse(
            r#"
            [package]
            name = "a"
            [features]
            default = ["x"]
            x = []
            [dependencies]
            b.workspace = true
            # c = "1"
            [target."cfg(unix)".dependencies]
            d = { version = "1" }
            [dependencies.e]
            version = "1"
            [dev-dependencies]
            f = "1"
            "#,
        );
        assert_eq!(manifest.name, "a");
        assert_eq!(manifest.features, ["default", "x"]);
        assert_eq!(manifest.dependencies, ["b", "d", "e"]);
        assert_eq!(manifest.dev_dependencies, ["f"]);
    }
}
