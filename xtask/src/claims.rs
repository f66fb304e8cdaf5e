//! The ledger of claims: a sample of every experiment trained again, and every verdict made anew.

use crate::{metadata, step};
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit code of `pennydrop claims check` where a result or a verdict is no longer what the ledger says.
const CHANGED: i32 = 4;

/// The step. The built binary checks the ledger of the work tree, and trains in a folder that is removed afterwards.
pub fn check(root: &Path) -> step::Outcome {
    let binary = metadata::load(root)?.target.join(format!("debug/pennydrop{}", std::env::consts::EXE_SUFFIX));
    let scratch = std::env::temp_dir().join(format!("pennydrop-claims-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).map_err(|e| vec![format!("{}: {e}", scratch.display())])?;
    let outcome = run(root, &binary, &scratch);
    // Left-overs in the temporary folder do no harm.
    let _ = std::fs::remove_dir_all(&scratch);
    outcome
}

fn run(root: &Path, binary: &Path, scratch: &Path) -> step::Outcome {
    println!("  $ pennydrop claims check");
    let mut command = Command::new(binary);
    command.args(["claims", "check", "--claims"]).arg(root.join("claims")).current_dir(scratch).stdin(Stdio::null());
    let output = command.output().map_err(|e| vec![format!("{} could not be started: {e}", binary.display())])?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprint!("{err}");
    match output.status.code() {
        Some(0) => Ok(out.trim().to_string()),
        Some(CHANGED) => Err(vec![format!("the ledger no longer says what its runs say: {}", out.trim())]),
        _ => Err(vec![format!("pennydrop claims check: {}", output.status)]),
    }
}

#[cfg(test)]
mod tests {
    /// A stand-in for the command, as in the test of the book.
    #[cfg(unix)]
    #[test]
    fn every_exit_code_but_0_is_red() {
        use super::*;
        let dir = tempfile::tempdir().unwrap();
        let with = |code: i32| {
            let script = dir.path().join(format!("exits-{code}"));
            std::fs::write(&script, format!("#!/bin/sh\necho \"$2 of $4\"\nexit {code}\n")).unwrap();
            let mut mode = std::fs::metadata(&script).unwrap().permissions();
            std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
            std::fs::set_permissions(&script, mode).unwrap();
            run(dir.path(), &script, dir.path())
        };
        assert_eq!(with(0), Ok(format!("check of {}", dir.path().join("claims").display())));
        assert!(with(4).unwrap_err()[0].contains("no longer says"));
        assert!(with(75).unwrap_err()[0].contains("75"));
        assert!(run(dir.path(), Path::new("/nowhere/pennydrop"), dir.path()).unwrap_err()[0].contains("could not be started"));
    }
}
