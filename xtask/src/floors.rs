//! A crate may import only crates on lower floors.

use crate::metadata::{self, Metadata};
use crate::step;
use std::path::Path;

/// The house. A new crate gets its line here before it can be built in CI.
const FLOORS: &[(&str, u8)] = &[
    ("pennydrop-graph", 0),
    ("pennydrop-registry", 0),
    ("pennydrop-stats", 0),
    ("pennydrop-store", 0),
    ("pennydrop-figure", 1),
    ("pennydrop-models", 1),
    ("pennydrop-optim", 1),
    ("pennydrop-tasks", 1),
    ("pennydrop-train", 2),
    ("pennydrop-diagnostics", 3),
    ("pennydrop-theory", 3),
    ("pennydrop-lab", 4),
    ("pennydrop", 5),
];

/// The grammar of rows and values: it knows nothing of networks, so even the ground floor may speak it.
const GROUND: &str = "pennydrop-registry";

/// Not part of the house.
const OUTSIDE: &[&str] = &["xtask"];

/// The step.
pub fn check(root: &Path) -> step::Outcome {
    judge(&metadata::load(root)?)
}

fn floor(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

fn judge(metadata: &Metadata) -> step::Outcome {
    let mut problems = Vec::new();
    let members: Vec<_> = metadata.packages.iter().filter(|p| p.member && !OUTSIDE.contains(&p.name.as_str())).collect();
    for package in &members {
        let Some(own) = floor(&package.name) else {
            problems.push(format!("{} has no floor: add it to xtask/src/floors.rs and to ARCHITECTURE.md", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(other) = floor(&dependency.name) else { continue };
            // Tests may look sideways (a model is tested on a task), never up. Cargo itself refuses cycles.
            let allowed = other < own || dependency.dev && other == own || dependency.name == GROUND && package.name != GROUND;
            if !allowed {
                problems.push(format!("{} (floor {own}) imports {} (floor {other}): only lower floors may be imported", package.name, dependency.name));
            }
        }
    }
    if problems.is_empty() { Ok(format!("{} crates", members.len())) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Dependency, Package};

    fn house(name: &str, imports: &[(&str, bool)]) -> Metadata {
        let line = |(name, dev): &(&str, bool)| Dependency { name: name.to_string(), requirement: "*".into(), path: true, dev: *dev };
        let dependencies = imports.iter().map(line).collect();
        let package = Package { name: name.into(), version: "0.1.0".into(), license: None, source: None, member: true, dependencies };
        Metadata { packages: vec![package], target: "target".into() }
    }

    #[test]
    fn only_downwards() {
        assert!(judge(&house("pennydrop-train", &[("pennydrop-models", false), ("serde", false)])).is_ok());
        assert!(judge(&house("pennydrop-graph", &[("pennydrop-train", false)])).unwrap_err()[0].contains("floor 2"));
        assert!(judge(&house("pennydrop-models", &[("pennydrop-tasks", false)])).is_err(), "sideways");
    }

    #[test]
    fn tests_may_look_sideways_but_not_up() {
        assert!(judge(&house("pennydrop-models", &[("pennydrop-tasks", true)])).is_ok());
        assert!(judge(&house("pennydrop-models", &[("pennydrop-train", true)])).is_err());
    }

    #[test]
    fn the_row_grammar_is_for_all() {
        assert!(judge(&house("pennydrop-store", &[("pennydrop-registry", false)])).is_ok());
        assert!(judge(&house("pennydrop-registry", &[("pennydrop-store", false)])).is_err());
    }

    #[test]
    fn a_crate_without_a_floor_is_named() {
        assert!(judge(&house("pennydrop-attic", &[])).unwrap_err()[0].contains("pennydrop-attic has no floor"));
    }
}
