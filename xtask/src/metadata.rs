//! What cargo says of the workspace and its dependencies.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One package of the dependency graph, on any platform.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// The licence expression, where the package states one.
    pub license: Option<String>,
    /// Where it was resolved from; `None` for paths.
    pub source: Option<String>,
    /// Whether it is a member of the workspace.
    pub member: bool,
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependencies.
#[derive(Debug, Clone)]
pub struct Dependency {
    pub name: String,
    /// The version requirement as written; `*` where none is.
    pub requirement: String,
    /// Whether it is given by path.
    pub path: bool,
    /// Whether only tests, examples and benches see it.
    pub dev: bool,
}

/// The dependency graph.
#[derive(Debug, Clone)]
pub struct Metadata {
    pub packages: Vec<Package>,
    pub target: PathBuf,
}

/// Asks cargo, holding it to Cargo.lock.
pub fn load(root: &Path) -> Result<Metadata, Vec<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).current_dir(root).args(["metadata", "--format-version", "1", "--locked"]).output();
    let output = output.map_err(|e| vec![format!("cargo metadata could not be started: {e}")])?;
    if !output.status.success() {
        return Err(vec![format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim())]);
    }
    let value: Value = serde_json::from_slice(&output.stdout).map_err(|e| vec![format!("cargo metadata: {e}")])?;
    parse(&value).ok_or_else(|| vec!["cargo metadata: not in the form of version 1".to_string()])
}

/// `None` where a field that version 1 of the format promises is absent.
pub fn parse(value: &Value) -> Option<Metadata> {
    let members: Vec<&str> = value["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
    let text = |v: &Value| v.as_str().map(str::to_string);
    let mut packages = Vec::new();
    for package in value["packages"].as_array()? {
        let mut dependencies = Vec::new();
        for dependency in package["dependencies"].as_array()? {
            dependencies.push(Dependency {
                name: text(&dependency["name"])?,
                requirement: text(&dependency["req"])?,
                path: dependency["path"].is_string(),
                dev: dependency["kind"].as_str() == Some("dev"),
            });
        }
        packages.push(Package {
            name: text(&package["name"])?,
            version: text(&package["version"])?,
            license: text(&package["license"]),
            source: text(&package["source"]),
            member: members.contains(&package["id"].as_str()?),
            dependencies,
        });
    }
    Some(Metadata { packages, target: PathBuf::from(value["target_directory"].as_str()?) })
}
