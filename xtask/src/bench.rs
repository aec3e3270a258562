//! `cargo xtask bench`: filch and its peers side by side, cell by cell, in one run.
//!
//! It measures nothing itself: each cell is a fresh process of the `cell` program of `benches/`.
//! The rounds are interleaved, and the runtimes take turns in going first, so that what drifts (clock speed,
//! neighbors on the machine) drifts for all of them.
//! Only figures of one run are compared with each other.

mod cell;
mod chart;
mod machine;
mod options;
mod page;
mod results;
mod rows;
mod stats;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use crate::outcome::{Outcome, Tally, Trouble};
use crate::sh;

use machine::Machine;
use options::Options;
use results::Results;

/// Builds the cells, runs them all, prints the table, and writes what is to be kept.
///
/// # Errors
///
/// Fails on an unknown option, when the cells do not build, and when a cell crashed or hung.
pub(crate) fn run(args: &[String]) -> Outcome {
    let options = Options::parse(args)?;
    build()?;
    let mut machine = Machine::describe();
    if let Some(warning) = machine.warning() {
        eprintln!("xtask bench: {warning}");
    }
    let results = measure(&options)?;
    machine.end();
    print!("{}", page::terminal(&results, &machine));
    write(&results, &machine)?;
    match results.failures() {
        0 => Ok(Tally::NONE),
        n => Err(format!("{n} cells failed; their messages stand above the table").into()),
    }
}

fn build() -> Result<(), Trouble> {
    let bins = ["--bin", "cell", "--bin", "load"];
    sh::run(&mut sh::cargo(
        ["build", "--profile", "measure", "--package", "benches"].iter().chain(&bins),
    ))
}

/// Round by round, workload by workload, every runtime once that has it.
fn measure(options: &Options) -> Result<Results, Trouble> {
    let mut results = Results::new(options);
    let runtimes: Vec<(&String, Vec<String>)> = options
        .runtimes
        .iter()
        .map(|runtime| Ok((runtime, cell::workloads_of(runtime)?)))
        .collect::<Result<_, String>>()?;
    // A line that is written over and over is for people to watch, not for logs.
    let progress = std::io::stderr().is_terminal().then_some("\r\x1b[K");
    let workloads = able_workloads(options);
    for round in 0..options.runs {
        for &workload in &workloads {
            if let Some(clear) = progress {
                eprint!("{clear}round {} of {}: {workload}", round + 1, options.runs);
            }
            let has = |(_, names): &&(_, Vec<String>)| names.iter().any(|name| name == workload);
            let able: Vec<&String> =
                runtimes.iter().filter(has).map(|(runtime, _)| *runtime).collect();
            for turn in 0..able.len() {
                let runtime = able[(round + turn) % able.len()];
                match cell::run(runtime, workload, options) {
                    Ok(figures) => results.add(runtime, workload, round, figures),
                    Err(why) => results.add_failure(runtime, workload, &why),
                }
            }
        }
    }
    eprint!("{}", progress.unwrap_or_default());
    Ok(results)
}

/// The workloads to run, without those that want a program which is not there.
fn able_workloads(options: &Options) -> Vec<&'static str> {
    let mut workloads = rows::workloads(&options.only);
    workloads.retain(|workload| match rows::needs(workload).filter(|program| !sh::has(program)) {
        None => true,
        Some(program) => {
            eprintln!("note: no {program} (apt-get install {program}); {workload} is left out");
            false
        }
    });
    workloads
}

/// The JSON of every run, beside the build or in the tree; the page and its picture for complete ones.
fn write(results: &Results, machine: &Machine) -> Result<(), Trouble> {
    let options = &results.options;
    let folder =
        if options.keeps() { sh::root().join("benches/results") } else { sh::target_dir("bench") };
    let file = folder.join(format!("{}{}.json", machine.stamp, options.suffix()));
    write_file(&file, &results.to_json(machine))?;
    if options.keeps() && options.only.is_empty() {
        let docs = sh::root().join("docs");
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        write_file(&docs.join("benchmarks.md"), &page::markdown(results, machine, &name))?;
        write_file(&docs.join("benchmarks.svg"), &chart::svg(results))?;
    }
    Ok(())
}

fn write_file(file: &Path, text: &str) -> Result<(), Trouble> {
    let folder = file.parent().map(PathBuf::from).unwrap_or_default();
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(file, text))
        .map_err(|error| Trouble::from(format!("cannot write {}: {error}", file.display())))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}
