//! Data goes to stdout, talk to stderr.

use pennydrop_lab::Error;
use std::io::Write;

/// Prints data. A reader that has seen enough (`| head`) is no failure: the process then ends as if it had been asked to.
pub fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
        // Nobody reads; nothing is half-done, since data comes last.
    }
}

/// The command as it was typed, for figures: quoted where a shell needs it.
pub fn typed() -> String {
    let quoted = |w: String| if w.chars().all(|c| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c)) && !w.is_empty() { w } else { format!("'{w}'") };
    std::env::args().skip(1).fold("pennydrop".to_string(), |line, w| line + " " + &quoted(w))
}

/// Prints JSON, a line.
pub fn json(value: &serde_json::Value) {
    data(&format!("{value:#}\n"));
}

/// Prints talk, a line.
pub fn talk(text: &str) {
    // If stderr is closed, there is nowhere left to say so.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Reports an error (what, where, why, one thing to do) and gives the exit code.
pub fn report(e: &Error) -> u8 {
    talk(&format!("error: {e}"));
    if let Some(advice) = e.advice() {
        talk(&format!("  try: {advice}"));
    }
    e.exit_code()
}

/// Columns of text with two blanks between them; the last is not padded.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |k: usize| rows.iter().filter_map(|r| r.get(k)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (k, cell) in row.iter().enumerate() {
            line += cell;
            if k + 1 < row.len() {
                line += &" ".repeat(widths[k] - cell.chars().count() + 2);
            }
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
