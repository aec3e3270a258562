//! The program as its user meets it: it ends by itself, and says what repeats a run.

use std::process::Command;

fn soak(args: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_soak")).args(args).output().expect("the program starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_short_soak_ends_well_and_names_its_seed() {
    let (code, said) = soak(&["--seconds", "1", "--seed", "7"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("seed 7") && said.contains("spawned"), "{said}");
}

#[test]
fn an_unknown_option_is_refused_with_the_usage() {
    let (code, said) = soak(&["--minutes", "1"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("no option `--minutes`") && said.contains("--seconds"), "{said}");
}
