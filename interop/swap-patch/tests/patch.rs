//! A program that takes filch from git runs on a driver crate that filch has never seen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the files of this story are.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).expect("copied");
        return;
    }
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("listed");
        if entry.file_name() != "target" {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    }
}

/// Puts the tree, as it is, into a git repository and answers its address.
fn publish(repository: &Path) -> String {
    let root = here().join("../..");
    fs::create_dir_all(repository).expect("made");
    copy(&root.join("Cargo.toml"), &repository.join("Cargo.toml"));
    copy(&root.join("crates"), &repository.join("crates"));
    let nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"];
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all", "--force"],
        &["commit", "--quiet", "--no-gpg-sign", "--message", "snapshot"],
    ] {
        output(Command::new("git").current_dir(repository).args(nobody).args(arguments));
    }
    format!("file://{}", repository.display())
}

/// Writes the manifests with `address` where the public one would stand.
fn write_manifests(folder: &Path, address: &str) {
    let app = here().join("app/main.rs").display().to_string();
    let thin_driver = here().join("thin-driver/lib.rs").display().to_string();
    let app = format!(
        r#"
[package]
name = "app"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "app"
path = {app:?}

[dependencies]
filch = {{ git = "{address}" }}

[patch."{address}"]
filch-driver = {{ path = "thin-driver" }}

[profile.dev]
debug = false

[workspace]
"#
    );
    let thin_driver = format!(
        r#"
[package]
name = "filch-driver"
version = "0.1.0"
edition = "2024"

[lib]
path = {thin_driver:?}

[features]
epoll = []
polling = []

[dependencies]
filch-core = {{ git = "{address}" }}
rustix = {{ version = "1", features = ["event"] }}
"#
    );
    fs::create_dir_all(folder.join("thin-driver")).expect("made");
    fs::write(folder.join("Cargo.toml"), app).expect("written");
    fs::write(folder.join("thin-driver/Cargo.toml"), thin_driver).expect("written");
    let lock = here().join("../Cargo.lock");
    if lock.is_file() {
        copy(&lock, &folder.join("Cargo.lock")); // So that the same versions are used, which are there already.
    }
}

fn cargo(folder: &Path, arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."); // Where what it depends on is built.
    output(Command::new(cargo).current_dir(folder).env("CARGO_TARGET_DIR", target).args(arguments))
}

#[test]
fn a_patched_driver_replaces_the_stock_crate() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("patch");
    for made_anew in ["filch", "thin-driver", "Cargo.lock"] {
        let path = folder.join(made_anew);
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
    let address = publish(&folder.join("filch"));
    write_manifests(&folder, &address);
    let tree = cargo(&folder, &["tree", "--quiet", "--edges", "normal", "--prefix", "none"]);
    let driver = tree.lines().find(|line| line.starts_with("filch-driver ")).expect("a driver");
    assert!(driver.contains("thin-driver"), "{driver}");
    assert!(!tree.lines().any(|line| line.starts_with("polling ")), "{tree}");
    assert_eq!(cargo(&folder, &["run", "--quiet"]), "patched\n");
}
