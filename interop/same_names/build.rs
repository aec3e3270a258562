//! Writes a second copy of each program in `programs/`, with `tokio::` replaced by `filch::`, and the list of all.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=programs");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let mut names = Vec::new();
    for entry in fs::read_dir(here.join("programs")).expect("programs/ is there") {
        let file = entry.expect("programs/ is readable").path();
        let text = fs::read_to_string(&file).expect("a program is text");
        let name = file.file_stem().expect("a program has a name").to_string_lossy().into_owned();
        fs::write(out.join(format!("{name}.rs")), text.replace("tokio::", "filch::"))
            .expect("the output folder can be written");
        names.push(name);
    }
    names.sort();
    let list = modules("with_tokio", &here.join("programs"), &names)
        + &modules("with_filch", &out, &names)
        + &tests(&names);
    fs::write(out.join("list.rs"), list).expect("the output folder can be written");
}

/// A module that holds the programs of a folder.
fn modules(module: &str, folder: &Path, names: &[String]) -> String {
    let mut text = format!("#[cfg(test)]\nmod {module} {{\n");
    for name in names {
        let file = folder.join(format!("{name}.rs"));
        writeln!(text, "    #[path = {file:?}]\n    pub(crate) mod {name};")
            .expect("a String takes every write");
    }
    text + "}\n"
}

/// A test of each program.
fn tests(names: &[String]) -> String {
    let test = |name: &String| {
        format!(
            "#[test]\nfn {name}() {{ same(with_tokio::{name}::run, with_filch::{name}::run); }}\n"
        )
    };
    names.iter().map(test).collect()
}
