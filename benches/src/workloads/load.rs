//! The `load` program beside this one, and what it says.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running load generator; it is ended with this.
pub(super) struct Load {
    process: Child,
    input: ChildStdin,
    lines: BufReader<ChildStdout>,
}

impl Load {
    pub(super) fn start(args: &[&str]) -> Self {
        let this = std::env::current_exe().expect("Linux names the running program");
        let mut process = Command::new(this.with_file_name("load"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the load program lies beside this one");
        let input = process.stdin.take().expect("piped above");
        let lines = BufReader::new(process.stdout.take().expect("piped above"));
        Load { process, input, lines }
    }

    /// The next line, which starts with `word`; or the end of this program.
    pub(super) fn expect(&mut self, word: &str) -> String {
        let mut line = String::new();
        let _ = self.lines.read_line(&mut line);
        assert!(line.starts_with(word), "wanted {word:?} from the load program, got {line:?}");
        line.trim_end().to_owned()
    }

    /// Lets it take its next step.
    pub(super) fn go_on(&mut self) {
        self.input.write_all(b"\n").expect("it reads its input before it ends");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
