//! `status` and `watch`: how far a campaign is.

use crate::args::{StatusArgs, WatchArgs};
use crate::output;
use crate::screen::colour;
use pennydrop_lab::campaign::status::{Question, Status, status as read};
use pennydrop_lab::known::End;
use pennydrop_lab::words::{count, duration};
use pennydrop_lab::{Error, Record, Signals};
use serde_json::json;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// Width of a bar.
const BAR: usize = 30;

pub fn status(a: &StatusArgs) -> Result<u8, Error> {
    let s = read(&Record::read(Path::new(&a.folder))?)?;
    if a.json {
        output::json(&to_json(&s, &a.folder));
    } else {
        output::data(&text(&s, false));
    }
    Ok(0)
}

fn to_json(s: &Status, folder: &str) -> serde_json::Value {
    json!({
        "schema": "pennydrop.status/1",
        "record": folder,
        "known": s.known,
        "begun": s.begun,
        "questions": s.questions.iter().map(|q| json!({
            "question": q.hash,
            "label": q.label,
            "runs": q.runs,
            "at_most": q.until,
            "settings": q.settings,
            "done": q.done,
            "decided": q.decided,
            "ends": q.ends,
            "censored": q.censored,
            "most_censored": q.worst.iter().map(|(s, n, c)| json!({"setting": s, "n": n, "censored": c})).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "workers": s.workers.iter().map(|w| json!({
            "question": w.question,
            "shard": format!("{}/{}", w.shard.0, w.shard.1),
            "host": w.host,
            "pid": w.pid,
            "live": w.live,
            "until": w.until,
            "progress": w.progress,
        })).collect::<Vec<_>>(),
        "runs_per_s": s.rate(),
        "eta_s": s.eta(),
    })
}

/// What is said of a campaign, a line each.
fn text(s: &Status, colours: bool) -> String {
    let paint = |code: &str, text: &str| if colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() };
    let mut out = String::new();
    for q in &s.questions {
        let share = if q.until { q.decided as f64 / q.settings.max(1) as f64 } else { q.done as f64 / q.runs.max(1) as f64 };
        let full = ((share * BAR as f64) as usize).min(BAR);
        let bar = format!("{}{}", "█".repeat(full), "░".repeat(BAR - full));
        let of = if q.until {
            format!("{} of {} settings decided, {} runs", q.decided, q.settings, count(q.done as u64))
        } else {
            format!("{} of {} runs", count(q.done as u64), count(q.runs as u64))
        };
        out += &format!("{} {} {} {:.0} %  {of}\n", paint("1", &q.label), q.hash, paint("32", &bar), 100.0 * share);
        let ends: Vec<String> = q.ends.iter().map(|(e, n)| format!("{} {}", count(*n as u64), End::parse(e).words())).collect();
        if !ends.is_empty() {
            out += &format!("  {}; {} censored\n", ends.join(", "), count(q.censored as u64));
        }
        for (setting, n, censored) in q.worst.iter().take(5).filter(|w| !w.0.is_empty()) {
            out += &format!("  {} of {n} censored: {setting}\n", paint("33", &censored.to_string()));
        }
    }
    let live: Vec<String> = s
        .workers
        .iter()
        .filter(|w| w.live)
        .map(|w| {
            let number = |k: &str| w.progress.get(k).and_then(serde_json::Value::as_u64).unwrap_or(0);
            format!("  worker {}/{} on {} (process {}): {} of {} runs", w.shard.0, w.shard.1, w.host, w.pid, count(number("ended")), count(number("total")))
        })
        .collect();
    match (&live[..], s.questions.iter().all(Question::over)) {
        // A worker may still be at its last words.
        (_, true) => out += "complete\n",
        ([], false) => {
            out +=
                &format!("nobody works on it{}: pennydrop resume goes on\n", if s.begun > 0 { format!(", {} runs are begun", s.begun) } else { String::new() })
        }
        (live, _) => {
            out += &(live.join("\n") + "\n");
            out += &format!("  {:.1} runs/s, {} left\n", s.rate(), s.eta().map_or("unknown time".into(), duration));
        }
    }
    out
}

pub fn watch(a: &WatchArgs) -> Result<u8, Error> {
    let folder = Path::new(&a.folder);
    let signals = Signals::listen()?;
    let terminal = std::io::stdout().is_terminal();
    let colours = terminal && colour();
    let mut drawn = 0;
    loop {
        let s = read(&Record::read(folder)?)?;
        let text = text(&s, colours);
        let mut out = String::new();
        if drawn > 0 && terminal {
            out += &format!("\x1b[{drawn}A\x1b[J");
        }
        // A line that wraps would take two rows, and be drawn over by one.
        let width = terminal_size::terminal_size().filter(|_| terminal).map_or(usize::MAX, |(w, _)| usize::from(w.0));
        text.lines().for_each(|line| out += &(cut(line, width) + "\n"));
        drawn = text.lines().count();
        // A reader that has gone away ends the watch.
        let mut stdout = std::io::stdout().lock();
        let told = stdout.write_all(out.as_bytes()).and_then(|()| stdout.flush());
        drop(stdout);
        let finished = s.questions.iter().all(Question::over) || (!s.live() && !a.wait);
        if told.is_err() || signals.stop() || finished {
            return Ok(0);
        }
        // In small pieces, so that Ctrl-C is heard.
        for _ in 0..(a.every * 10.0).ceil() as u64 {
            if signals.stop() {
                return Ok(0);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// The first `width` characters of a line, not counting colours, which end where the line is cut.
fn cut(line: &str, width: usize) -> String {
    let (mut out, mut shown, mut escape) = (String::new(), 0, false);
    for c in line.chars() {
        if c == '\x1b' {
            escape = true;
        }
        if !escape && shown == width {
            return if out.contains('\x1b') { out + "\x1b[0m" } else { out };
        }
        shown += usize::from(!escape);
        escape &= c != 'm';
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn lines_are_cut_to_the_terminal() {
        assert_eq!(cut("abcdef", 10), "abcdef");
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut("\x1b[32mab\x1b[0mcd", 3), "\x1b[32mab\x1b[0mc\x1b[0m");
        assert_eq!(cut("\x1b[32mabcd\x1b[0m", 2), "\x1b[32mab\x1b[0m");
        assert_eq!(cut("█░█", 3), "█░█");
    }
}
