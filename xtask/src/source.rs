//! House rules that a compiler does not check: files that one reads in a sitting, no stubs, no paths of somebody's machine, and
//! the lower floors without files, clocks, threads or environment.

use crate::step;
use std::path::{Path, PathBuf};

/// A file longer than this is no longer read in a sitting.
const LONGEST: usize = 40_000;

/// Folders that hold no source.
const SKIP: &[&str] = &[".git", "target", "runs", "corpus", "artifacts"];

/// Crates that only compute: the caller lends them memory, workers and a way to stop, so that they also compile to WebAssembly.
const PURE: &[&str] = &["graph", "registry", "stats", "figure", "models", "optim", "tasks", "train", "theory", "diagnostics"];

/// What a crate that only computes does not name, and who does.
const OUTER: &[(&str, &str)] = &[
    ("std::fs", "`store` and `lab` touch files"),
    ("std::env", "`lab` and the command read the environment"),
    ("std::time", "`lab` owns the clock"),
    ("std::thread", "`lab` owns threads and lends workers"),
    ("std::net", "nothing here uses a network"),
    ("std::process", "`lab` and the command deal with processes"),
    ("rayon::", "a global thread pool decides who works on what; `lab` lends workers instead"),
];

/// Macros that stand for code not written. Split, so that this file does not name them.
const STUBS: &[&str] = &[concat!("to", "do!("), concat!("unimplem", "ented!("), concat!("db", "g!(")];

/// Beginnings of paths that exist on one machine only.
const MACHINE: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("/Us", "ers/")];

/// The step.
pub fn check(root: &Path) -> step::Outcome {
    let mut files = Vec::new();
    walk(root, &mut files).map_err(|e| vec![e.to_string()])?;
    files.sort();
    let (mut problems, mut seen) = (Vec::new(), 0);
    for file in &files {
        let bytes = std::fs::read(file).map_err(|e| vec![format!("{}: {e}", file.display())])?;
        // What is not UTF-8 is a fixture or a picture.
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        seen += 1;
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        problems.extend(judge(&path, text));
    }
    if problems.is_empty() { Ok(format!("{seen} files")) } else { Err(problems) }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIP.contains(&entry.file_name().to_string_lossy().as_ref()) {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The problems of one file, `path` relative to the root.
fn judge(path: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let rust = path.ends_with(".rs");
    if rust && text.len() > LONGEST {
        problems.push(format!("{path}: {} bytes; split what is longer than {LONGEST}", text.len()));
    }
    let pure = rust && PURE.iter().any(|c| path.starts_with(&format!("crates/{c}/src/")));
    let mut in_tests = false;
    for (i, line) in text.lines().enumerate() {
        let at = format!("{path}:{}", i + 1);
        // Unit tests close a file; what they touch is their own affair.
        in_tests |= line.starts_with("#[cfg(test)]") || line.starts_with("#![cfg(test)]");
        if let Some(stub) = STUBS.iter().find(|s| rust && line.contains(*s)) {
            problems.push(format!("{at}: `{stub}…)` stands for code not written"));
        }
        if let Some(found) = MACHINE.iter().find(|m| names_path(line, m)) {
            problems.push(format!("{at}: `{found}…` is a path of one machine"));
        }
        if pure && !in_tests && !line.trim_start().starts_with("//") {
            for (name, owner) in OUTER.iter().filter(|(name, _)| line.contains(name)) {
                problems.push(format!("{at}: `{name}` in a crate that only computes; {owner}"));
            }
        }
    }
    problems
}

/// Whether `line` holds a path that begins with `beginning`, and not merely one (or an address) that has it in the middle.
fn names_path(line: &str, beginning: &str) -> bool {
    line.match_indices(beginning).any(|(i, _)| !line[..i].ends_with(|c: char| c.is_alphanumeric() || "/.-_~}<>".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_named_with_their_size() {
        assert!(judge("crates/a/src/lib.rs", &"x\n".repeat(30_000))[0].contains("60000 bytes"));
        assert!(judge("benches/raw.csv", &"x\n".repeat(30_000)).is_empty());
    }

    #[test]
    fn stubs_and_machine_paths() {
        let stub = format!("fn f() {{ {}) }}", STUBS[0]);
        assert!(judge("crates/cli/src/a.rs", &stub)[0].starts_with("crates/cli/src/a.rs:1: "));
        assert!(judge("notes.md", &stub).is_empty());
        let path = format!("see {}me/notes", MACHINE[0]);
        assert!(judge("book/src/a.md", &path)[0].contains("one machine"));
        assert!(judge("book/src/a.md", &format!("https://example.org{}x", MACHINE[2])).is_empty());
    }

    #[test]
    fn only_the_tests_of_a_pure_crate_may_read_files() {
        let reads = "use std::fs::File;\n";
        assert!(judge("crates/graph/src/a.rs", reads)[0].contains("`std::fs`"));
        assert!(judge("crates/store/src/a.rs", reads).is_empty());
        assert!(judge("crates/graph/tests/a.rs", reads).is_empty());
        assert!(judge("crates/graph/src/a.rs", &format!("// {reads}#[cfg(test)]\n{reads}")).is_empty());
    }

    #[test]
    fn the_walk_leaves_out_what_is_built() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["src", "target"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join("a.rs"), STUBS[1]).unwrap();
        }
        let problems = check(dir.path()).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("src/a.rs:1"));
    }
}
