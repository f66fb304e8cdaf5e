//! Embeds the claims ledger: every file of `claims/` that a ledger is made of, by its path.

#![allow(clippy::disallowed_methods, reason = "a build script reads its environment")]

use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../claims");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    walk(&root, &mut files)?;
    files.sort();
    let mut text = String::from("static EMBEDDED: &[(&str, &str)] = &[\n");
    for path in files {
        let name = path.strip_prefix(&root)?.to_string_lossy().replace('\\', "/");
        text += &format!("    ({name:?}, include_str!({:?})),\n", path.to_string_lossy());
    }
    text += "];\n";
    std::fs::write(PathBuf::from(std::env::var("OUT_DIR")?).join("claims.rs"), text)?;
    Ok(())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            println!("cargo:rerun-if-changed={}", path.display());
            walk(&path, files)?;
        } else if path.extension().is_some_and(|e| e == "toml" || e == "csv" || e == "json") {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}
