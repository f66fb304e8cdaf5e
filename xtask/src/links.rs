//! Links between the pages: every page of the book is in its table of contents, and every relative link leads to a file.

use crate::step;
use std::path::{Path, PathBuf};

const BOOK: &str = "book/src";

/// The step.
pub fn check(root: &Path) -> step::Outcome {
    let book = book(root)?;
    let summary = root.join(BOOK).join("SUMMARY.md");
    let contents: Vec<PathBuf> = targets(&step::read(&summary)?).into_iter().map(|t| root.join(BOOK).join(t)).collect();
    let mut problems = Vec::new();
    for page in book.iter().filter(|p| **p != summary && !contents.contains(p)) {
        problems.push(format!("{} is not in SUMMARY.md", page.display()));
    }
    let all: Vec<PathBuf> = book.into_iter().chain(pages(root)?).collect();
    let mut count = 0;
    for page in &all {
        for target in targets(&step::read(page)?) {
            count += 1;
            if !page.parent().unwrap_or(root).join(&target).exists() {
                problems.push(format!("{}: there is no `{target}`", page.display()));
            }
        }
    }
    if problems.is_empty() { Ok(format!("{count} links on {} pages", all.len())) } else { Err(problems) }
}

/// The Markdown files of a folder, not of the folders in it, in order of name.
pub fn pages(folder: &Path) -> Result<Vec<PathBuf>, Vec<String>> {
    let mut pages: Vec<PathBuf> = entries(folder)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    Ok(pages)
}

/// The pages of the book: those of its folder, and of the folders in it.
pub fn book(root: &Path) -> Result<Vec<PathBuf>, Vec<String>> {
    let folder = root.join(BOOK);
    let mut all = pages(&folder)?;
    let mut folders: Vec<PathBuf> = entries(&folder)?.into_iter().filter(|p| p.is_dir()).collect();
    folders.sort();
    for inner in folders {
        all.extend(pages(&inner)?);
    }
    Ok(all)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|e| vec![format!("{}: {e}", folder.display())])?;
    Ok(entries.flatten().map(|e| e.path()).collect())
}

/// The relative targets of inline links and images, without fragments; code is passed over.
fn targets(text: &str) -> Vec<String> {
    let (mut found, mut fenced) = (Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            for (i, _) in prose.match_indices("](") {
                let target = prose[i + 2..].split([')', '#', ' ']).next().unwrap_or_default();
                if !target.is_empty() && !target.contains(':') {
                    found.push(target.to_string());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_links_outside_code() {
        let text = "[a](a.md) ![b](img/b.svg \"t\") [c](https://example.org) [d](#here) [e](e.md#x) `[f](f.md)`\n```\n[g](g.md)\n```\n[h](h.md)";
        assert_eq!(targets(text), ["a.md", "img/b.svg", "e.md", "h.md"]);
    }

    #[test]
    fn a_lost_page_and_a_dead_link_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let book = dir.path().join(BOOK);
        std::fs::create_dir_all(&book).unwrap();
        std::fs::write(book.join("SUMMARY.md"), "- [One](one.md)").unwrap();
        std::fs::write(book.join("one.md"), "text").unwrap();
        assert_eq!(check(dir.path()), Ok("1 links on 2 pages".into()));
        std::fs::write(book.join("two.md"), "[x](three.md)").unwrap();
        let problems = check(dir.path()).unwrap_err().join("\n");
        assert!(problems.contains("two.md is not in SUMMARY.md") && problems.contains("there is no `three.md`"), "{problems}");
    }
}
