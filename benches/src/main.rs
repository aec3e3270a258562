//! `cell <runtime> <workload> [--workers N] [--scale X]`: one runtime doing one workload, measured.
//!
//! It prints one line of JSON and ends, so that no cell inherits another one's heap, threads or timers.
//! It compares nothing: `cargo xtask bench` runs the cells side by side and draws the conclusions.
//! Every workload is written once, generic over [`rt::Rt`]; an adapter per runtime is all that differs.
//! What is no runtime has a few of the rows: a library of channels, and the work by hand.

mod channels;
mod countdown;
mod descriptors;
mod filch_rt;
mod http;
mod report;
mod rt;
mod signal;
mod smol_rt;
mod tokio_rt;
mod workloads;

use std::process::ExitCode;

use filch_rt::Filch;
use smol_rt::Smol;
use tokio_rt::Tokio;
use workloads::{Row, by_hand, of_channels, of_runtime};

const USAGE: &str = "\
usage: cell <runtime> <workload> [--workers N] [--scale X]   |   cell <runtime> --list
runtimes: filch, tokio, smol; flume, kanal (channels on filch); bare (by hand)";

/// What the command line asks for.
struct Ask {
    runtime: String,
    workload: String,
    workers: usize,
    scale: f64,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match answer(&args) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("cell: {message}");
            ExitCode::FAILURE
        }
    }
}

fn answer(args: &[String]) -> Result<String, String> {
    match args {
        [runtime, list] if list == "--list" => {
            Ok(rows(runtime)?.iter().map(|row| row.0).collect::<Vec<_>>().join("\n"))
        }
        _ => measure(&parse(args)?),
    }
}

/// What each name on the command line can do.
fn rows(runtime: &str) -> Result<Vec<Row>, String> {
    match runtime {
        "filch" => Ok(of_runtime::<Filch>()),
        "tokio" => Ok(of_runtime::<Tokio>()),
        "smol" => Ok(of_runtime::<Smol>()),
        "flume" => Ok(of_channels::<Filch, channels::Flume>()),
        "kanal" => Ok(of_channels::<Filch, channels::Kanal>()),
        "bare" => Ok(by_hand()),
        other => Err(format!("no runtime named {other}\n{USAGE}")),
    }
}

fn parse(args: &[String]) -> Result<Ask, String> {
    let [runtime, workload, options @ ..] = args else {
        return Err(USAGE.into());
    };
    let mut ask =
        Ask { runtime: runtime.clone(), workload: workload.clone(), workers: 2, scale: 1.0 };
    for pair in options.chunks(2) {
        match pair {
            [flag, value] if flag == "--workers" => {
                ask.workers = value.parse().map_err(|_| USAGE)?;
            }
            [flag, value] if flag == "--scale" => ask.scale = value.parse().map_err(|_| USAGE)?,
            _ => return Err(USAGE.into()),
        }
    }
    if ask.workers == 0 || !ask.scale.is_finite() || ask.scale <= 0.0 {
        return Err("--workers and --scale want a number above zero".into());
    }
    Ok(ask)
}

fn measure(ask: &Ask) -> Result<String, String> {
    let Ask { runtime, workload, workers, scale } = ask;
    let row = rows(runtime)?.into_iter().find(|row| row.0 == workload);
    let (_, run) = row.ok_or_else(|| format!("{runtime} has no workload named {workload}"))?;
    Ok(run(*workers, *scale).to_json(runtime, workload, *workers))
}
