//! `cell <runtime> <workload> [--workers N] [--scale X]`: one runtime doing one workload, measured.
//!
//! It prints one line of JSON and ends, so that no cell inherits another one's heap, threads or timers.
//! It compares nothing: `cargo xtask bench` runs the cells side by side and draws the conclusions.
//! Every workload is written once, generic over [`rt::Rt`]; an adapter per runtime is all that differs.

mod countdown;
mod filch_rt;
mod report;
mod rt;
mod signal;
mod smol_rt;
mod tokio_rt;
mod workloads;

use std::process::ExitCode;

use report::Report;
use rt::Rt;

const USAGE: &str =
    "usage: cell <tokio|smol|filch> <workload> [--workers N] [--scale X]   |   cell --list";

/// What the command line asks for.
struct Ask {
    runtime: String,
    workload: String,
    workers: usize,
    scale: f64,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args == ["--list"] {
        workloads::names().for_each(|name| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    match parse(&args).and_then(|ask| measure(&ask)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("cell: {message}");
            ExitCode::FAILURE
        }
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
    let report = match ask.runtime.as_str() {
        "tokio" => run::<tokio_rt::Tokio>(ask),
        "smol" => run::<smol_rt::Smol>(ask),
        "filch" => run::<filch_rt::Filch>(ask),
        other => return Err(format!("no runtime named {other}\n{USAGE}")),
    };
    let report = report.ok_or_else(|| format!("no workload named {}", ask.workload))?;
    Ok(report.to_json(&ask.runtime, &ask.workload, ask.workers))
}

fn run<R: Rt>(ask: &Ask) -> Option<Report> {
    let workload = workloads::find::<R>(&ask.workload)?;
    Some(workload(&R::start(ask.workers), ask.scale))
}
