//! The commands of the book: what a page shows in a `console,test` block must work.

use crate::{links, metadata, step};
use std::path::Path;
use std::process::{Command, Stdio};

const MARK: &str = "```console,test";

/// The step. Each command runs with the built binary in an empty folder of its own page.
pub fn check(root: &Path) -> step::Outcome {
    let binary = metadata::load(root)?.target.join(format!("debug/pennydrop{}", std::env::consts::EXE_SUFFIX));
    let scratch = std::env::temp_dir().join(format!("pennydrop-book-{}", std::process::id()));
    let outcome = run(root, &binary, &scratch);
    // Left-overs in the temporary folder do no harm.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome
}

fn run(root: &Path, binary: &Path, scratch: &Path) -> step::Outcome {
    let (mut problems, mut count) = (Vec::new(), 0);
    for page in links::book(root)? {
        let name = page.file_stem().unwrap_or_default();
        let folder = scratch.join(name);
        std::fs::create_dir_all(&folder).map_err(|e| vec![format!("{}: {e}", folder.display())])?;
        for (line, command) in commands(&step::read(&page)?) {
            count += 1;
            let at = format!("{}:{line}: `{command}`", page.display());
            let words = match words(&command) {
                Ok(words) => words,
                Err(problem) => {
                    problems.push(format!("{at}: {problem}"));
                    continue;
                }
            };
            println!("  $ {command}");
            let output = Command::new(binary).args(&words[1..]).current_dir(&folder).stdin(Stdio::null()).output();
            match output {
                Ok(o) if o.status.success() => {}
                Ok(o) => problems.push(format!("{at}: {}\n{}", o.status, String::from_utf8_lossy(&o.stderr).trim_end())),
                Err(e) => problems.push(format!("{at}: {} could not be started: {e}", binary.display())),
            }
        }
    }
    if count == 0 {
        // Then this step would pass whatever the command does.
        problems.push(format!("no page has a `{}` block", &MARK[3..]));
    }
    if problems.is_empty() { Ok(format!("{count} commands")) } else { Err(problems) }
}

/// The lines behind `$ ` in the marked blocks of a page, with their line numbers.
fn commands(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut marked) = (Vec::new(), false);
    for (i, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            marked = line.trim_end() == MARK;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| marked) {
            found.push((i + 1, command.trim().to_string()));
        }
    }
    found
}

/// A command split as a shell would, as far as the book goes: blanks, single and double quotes, and nothing else.
///
/// # Errors
/// It is not a call of `pennydrop`, or needs a real shell.
fn words(command: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in command.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '&' | ';' | '<' | '>' | '$' | '*' | '?' | '(' | ')' | '\\' | '#') => {
                return Err(format!("`{c}` needs a shell; keep tested commands plain"));
            }
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    if words.first().is_none_or(|w| w != "pennydrop") { Err("only calls of `pennydrop` are tested".into()) } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marked_blocks_hold_commands() {
        let text = "```console,test\n$ pennydrop list tasks\nadd\n```\n```console\n$ pennydrop run nanda\n```\n$ not in a block\n";
        assert_eq!(commands(text), [(2, "pennydrop list tasks".to_string())]);
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        assert_eq!(words("pennydrop run  q 'seed=range(0, 8)' a=\"\"").unwrap(), ["pennydrop", "run", "q", "seed=range(0, 8)", "a="]);
        assert!(words("pennydrop run seed=range(0,8)").unwrap_err().contains("needs a shell"));
        assert!(words("pennydrop 'run").is_err());
        assert!(words("rm -r x").unwrap_err().contains("only calls"));
    }

    /// A stand-in for the command: `true` and `false` exist wherever these chores run.
    #[cfg(unix)]
    #[test]
    fn a_failing_command_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let book = dir.path().join("book/src");
        std::fs::create_dir_all(&book).unwrap();
        std::fs::write(book.join("a.md"), "x\n```console,test\n$ pennydrop doctor\n```\n").unwrap();
        let scratch = dir.path().join("scratch");
        let with = |binary: &str| run(dir.path(), Path::new(binary), &scratch);
        assert_eq!(with("/bin/true"), Ok("1 commands".into()));
        assert!(with("/bin/false").unwrap_err()[0].contains("a.md:3: `pennydrop doctor`"));
        std::fs::write(book.join("a.md"), "no commands").unwrap();
        assert!(with("/bin/true").unwrap_err()[0].contains("no page"));
    }
}
