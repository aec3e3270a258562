//! One cell: a fresh process of the `cell` program, ended when it hangs. The program itself says which cells there are.

use std::time::Duration;

use super::options::Options;
use crate::outcome::Trouble;
use crate::sh;

/// Why: the longest cell takes five seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// The numbers of one cell, by name.
pub(crate) type Fields = Vec<(String, f64)>;

/// The workloads that a runtime has; a library of channels has only some.
pub(crate) fn workloads_of(runtime: &str) -> Result<Vec<String>, String> {
    Ok(output(&[runtime, "--list"])?.lines().map(String::from).collect())
}

/// Runs one cell.
pub(crate) fn run(runtime: &str, workload: &str, options: &Options) -> Result<Fields, String> {
    let (workers, scale) = (options.workers.to_string(), options.scale().to_string());
    let line = output(&[runtime, workload, "--workers", &workers, "--scale", &scale])?;
    parse(&line).ok_or_else(|| format!("not the JSON of a cell: {line}"))
}

fn output(args: &[&str]) -> Result<String, String> {
    let program = sh::target_dir("measure").join("cell");
    let mut command = sh::program(&program.to_string_lossy(), args);
    sh::output_within(&mut command, LIMIT).map_err(|trouble| match trouble {
        Trouble::Missing(why) | Trouble::Failed { why, .. } => why,
    })
}

/// Reads the numbers of one flat JSON object, and skips its strings. No JSON parser: the line is our own.
fn parse(line: &str) -> Option<Fields> {
    let inside = line.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut fields = Vec::new();
    for field in inside.split(',') {
        let (key, value) = field.split_once(':')?;
        if !value.starts_with('"') {
            fields.push((key.trim_matches('"').to_owned(), value.parse().ok()?));
        }
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_a_cell_are_read() {
        let fields = parse("{\"runtime\":\"tokio\",\"ops\":10,\"p50_us\":1.500}\n");
        assert_eq!(fields, Some(vec![("ops".into(), 10.0), ("p50_us".into(), 1.5)]));
        assert_eq!(parse("thread panicked"), None);
    }
}
