//! The table of a run: for the terminal, and as `docs/benchmarks.md`.

use std::fmt::Write;

use super::machine::Machine;
use super::results::{Results, Verdict};
use super::rows::{Figure, Row};
use super::stats::{Ratio, median, range};

/// What the terminal shows.
pub(crate) fn terminal(results: &Results, machine: &Machine) -> String {
    let mut text = format!("{}\n", heading(results));
    if let Some(warning) = machine.warning() {
        text += &format!("{warning}\n");
    }
    for group in groups(results) {
        text += &format!("\n{:<34}", group.name);
        for runtime in &group.runtimes {
            text += &format!("{runtime:>25}");
        }
        for peer in &group.runtimes[1..] {
            text += &format!("{:>26}", format!("{peer} ÷ {}", results.subject()));
        }
        text.push('\n');
        for (row, figure) in group.lines() {
            text += &format!("{:<18}{:<16}", row.workload, figure.name());
            for runtime in &group.runtimes {
                text += &format!("{:>25}", cell(results, runtime, row, figure));
            }
            for peer in &group.runtimes[1..] {
                let ratio = results.ratio(peer, row.workload, figure);
                text += &format!("{:>26}", ratio.map_or_else(|| "–".into(), comparison));
            }
            text.push('\n');
        }
    }
    text
}

/// The page, which no hand edits.
pub(crate) fn markdown(results: &Results, machine: &Machine, json: &str) -> String {
    let mut page = String::from("# Benchmarks\n\n");
    page += "<!-- Written by `cargo xtask bench`. Edits are lost. -->\n\n";
    page += &format!("{}\n", heading(results));
    page +=
        "Absolute figures differ from machine to machine; only ratios taken in one run count.\n\n";
    page += "![How many times better than tokio, row by row](benchmarks.svg)\n\n";
    if results.failures() > 0 {
        page += &format!("**{} cells failed** and are missing below.\n\n", results.failures());
    }
    page += &summary(results);
    page += &tables(results);
    page += &method(results);
    page += "## Machine\n\n| | |\n|---|---|\n";
    page += &format!("| date | {} UTC |\n", machine.stamp);
    for (name, fact) in &machine.facts {
        page += &format!("| {name} | {fact} |\n");
    }
    if let Some(warning) = machine.warning() {
        page += &format!("\n**Note**: {warning}.\n");
    }
    page += &format!(
        "\nEvery cell of this run: [`benches/results/{json}`](../benches/results/{json}).\n"
    );
    page
}

fn heading(results: &Results) -> String {
    let options = &results.options;
    let size = if options.quick {
        ", quick run (a fifth of the size: a look, not a measurement)"
    } else {
        ""
    };
    format!(
        "{} against {}, {} workers each, {} interleaved rounds{size}.",
        results.subject(),
        results.peers().join(", "),
        options.workers,
        options.runs,
    )
}

/// Where the subject is ahead and where it is not, by the first figure of each row.
fn summary(results: &Results) -> String {
    let mut text = String::new();
    for peer in results.peers() {
        let named = |wanted: Verdict| {
            let rows = results.rows().filter(|row| {
                let ratio = results.ratio(peer, row.workload, row.figures[0]);
                ratio.map(Verdict::of) == Some(wanted)
            });
            let names: Vec<String> = rows.map(|row| format!("`{}`", row.workload)).collect();
            match names.len() {
                0 => "none".to_owned(),
                n => format!("{n} ({})", names.join(", ")),
            }
        };
        let (ahead, level, behind) =
            (named(Verdict::Ahead), named(Verdict::Level), named(Verdict::Behind));
        text += &format!("Against **{peer}**, by the first figure of each row:\n\n");
        text +=
            &format!("- ahead: {ahead}\n- cannot be told apart: {level}\n- behind: {behind}\n\n");
    }
    text
}

fn tables(results: &Results) -> String {
    let mut text = String::new();
    for group in groups(results) {
        text += &table_head(results, &group);
        for (row, figure) in group.lines() {
            let first = figure == row.figures[0];
            let name = if first { format!("`{}`", row.workload) } else { String::new() };
            write!(text, "| {name} | {} |", figure.name()).expect("a String takes every write");
            for runtime in &group.runtimes {
                text += &format!(" {} |", cell(results, runtime, row, figure));
            }
            for peer in &group.runtimes[1..] {
                let ratio = results.ratio(peer, row.workload, figure);
                text += &format!(" {} |", ratio.map_or_else(|| "–".into(), marked));
            }
            text.push('\n');
        }
        text.push('\n');
    }
    text
}

fn table_head(results: &Results, group: &Group<'_>) -> String {
    let mut text = format!("## {}\n\n", group.name);
    for row in &group.rows {
        text += &format!("- `{}`: {}.\n", row.workload, row.what);
    }
    text += "\n| row | figure |";
    for runtime in &group.runtimes {
        text += &format!(" {runtime} |");
    }
    for peer in &group.runtimes[1..] {
        text += &format!(" {peer} ÷ {} |", results.subject());
    }
    let columns = 2 * group.runtimes.len() - 1;
    text + "\n|---|---|" + &"--:|".repeat(columns) + "\n"
}

fn method(results: &Results) -> String {
    let options = &results.options;
    format!(
        "\
## Method

- `cargo xtask bench` runs every cell (one runtime, one workload) as a fresh process of `benches/`, built with thin LTO; the process warms up before its clocks start.
- The rounds are interleaved: all runtimes run a workload before the next workload starts, and they take turns in going first. {runs} rounds.
- A cell of the table is the median over the rounds, with the least and the greatest in parentheses.
- CPU is the CPU time of all threads of the process, user and system, per operation.
- A ratio is the geometric mean over the pairs of one round, with its 95 % interval in brackets (Student's, over the logarithms). Above 1 {subject} is better, for requests per second too. **Bold** where the whole interval is above 1, *italic* where it is below.
- Each workload is written once, generic over the runtime, and an adapter calls each runtime's own functions: `tokio::spawn`, `smol::spawn`, native join handles, each one's own `yield_now`, `sleep` and `timeout`.
- flume and kanal are channels without a runtime: they run on filch's, and have only rows about channels. `bare` is no peer but a bound: the row's work by hand.
- tokio is the multi-thread runtime with all features enabled; smol is its global executor with `SMOL_THREADS={workers}`, as `smol::spawn` with its default of one thread would be unfair.
- Work starts inside a spawned task, unless a row says *foreign thread*. The main thread waits on a channel, so that no runtime borrows it as one more worker.
- Echo servers are loaded by one program for all (one thread with one epoll, two for `churn`, where one would be the limit whatever serves it; loopback, in a process of its own), which shares the machine's cores with the server: CPU per request is the fairer figure. Its latencies are those of a closed loop; with 1000 connections nine tenths of them pass until the load's thread has read an answer (design 0004).
- `http_64` is loaded by `wrk --latency` in the same way. hyper's connection is the same for all, without timeouts; filch's streams have hyper's traits themselves, tokio's come in hyper-util's `TokioIo`, smol's in smol-hyper's `FuturesIo`.
- `churn`: the load closes by a reset what the server has closed, so that no closed connection is left in the kernel.
- Rows that wake a sleeping thread (`spawn_outside_one`, `blocking_one`, `echo_1`) are judged on CPU.
- Lateness is measured against the deadline that was asked for; a sleep that ends early stops the run.
- Memory is the growth of the resident set divided by the count; the system's allocator is used throughout.

",
        runs = options.runs,
        subject = results.subject(),
        workers = options.workers,
    )
}

/// The rows of one group that were measured, and who has any of them: the subject first.
struct Group<'a> {
    name: &'static str,
    rows: Vec<&'static Row>,
    runtimes: Vec<&'a String>,
}

impl Group<'_> {
    fn lines(&self) -> impl Iterator<Item = (&'static Row, Figure)> {
        self.rows.iter().flat_map(|row| row.figures.iter().map(|figure| (*row, *figure)))
    }
}

fn groups(results: &Results) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for row in results.rows() {
        match groups.last_mut() {
            Some(group) if group.name == row.group => group.rows.push(row),
            _ => {
                let runtimes = results.runtimes_of(row.group);
                groups.push(Group { name: row.group, rows: vec![row], runtimes });
            }
        }
    }
    groups
}

/// The median, and the least and the greatest. A dash where the runtime has not this row.
fn cell(results: &Results, runtime: &str, row: &Row, figure: Figure) -> String {
    let values = results.values(runtime, row.workload, figure);
    let Some(middle) = median(&values) else {
        return if results.has_failed(runtime, row.workload) { "failed" } else { "–" }.into();
    };
    let (least, greatest) = range(&values);
    format!("{} ({}–{})", short(middle), short(least), short(greatest))
}

fn comparison(ratio: Ratio) -> String {
    format!("{} [{}, {}]", times(ratio.mean), times(ratio.low), times(ratio.high))
}

fn marked(ratio: Ratio) -> String {
    match Verdict::of(ratio) {
        Verdict::Ahead => format!("**{}**", comparison(ratio)),
        Verdict::Level => comparison(ratio),
        Verdict::Behind => format!("*{}*", comparison(ratio)),
    }
}

/// Three digits, thousands as k.
fn short(value: f64) -> String {
    match value {
        v if v >= 999_500.0 => format!("{:.2}M", v / 1e6),
        v if v >= 99_950.0 => format!("{:.0}k", v / 1e3),
        v if v >= 9_999.5 => format!("{:.1}k", v / 1e3),
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Two digits behind the point where 1 is near, and no more than three in all.
fn times(ratio: f64) -> String {
    if ratio < 0.01 { "<0.01".into() } else { short(ratio) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::options::Options;

    #[test]
    fn figures_keep_three_digits() {
        let shown = [0.456, 9.996, 45.64, 99.96, 1234.4, 26_443.3, 1_234_567.0].map(short);
        assert_eq!(shown, ["0.46", "10.0", "45.6", "100", "1234", "26.4k", "1.23M"]);
    }

    #[test]
    fn a_runtime_has_columns_only_where_it_has_a_row_and_a_dash_where_it_has_not_this_one() {
        let options = Options::parse(&["--against".into(), "tokio,bare".into()]).expect("valid");
        let mut results = Results::new(&options);
        for round in 0..2 {
            let fields = || vec![("ops".to_owned(), 1.0), ("wall_ns".to_owned(), 2.0)];
            for runtime in ["filch", "tokio"] {
                results.add(runtime, "spawn_join", round, fields());
                results.add(runtime, "mutex_held", round, fields());
            }
            results.add("filch", "mutex_free", round, fields());
            results.add("bare", "mutex_free", round, fields());
        }
        results.add_failure("tokio", "mutex_free", "it hung");
        let tables = tables(&results);
        let line = |start: &str| tables.lines().find(|line| line.starts_with(start)).unwrap_or("");
        assert!(tables.contains("| row | figure | filch | tokio | tokio ÷ filch |"));
        assert!(
            tables
                .contains("| row | figure | filch | tokio | bare | tokio ÷ filch | bare ÷ filch |")
        );
        assert!(line("| `mutex_free` | wall").contains("| failed | 2.00 (2.00–2.00) | – |"));
        assert!(line("| `mutex_held` | wall").contains("| 2.00 (2.00–2.00) | – |"));
    }
}
