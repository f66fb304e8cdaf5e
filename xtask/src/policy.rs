//! Licences, banned crates and sources of everything that the workspace depends on, by the rules of `deny.toml`.
//!
//! `deny.toml` is the file of cargo-deny and means here what it means there. We read it ourselves because these three checks need
//! only `cargo metadata` and two pages of code, whereas a fresh machine would first build cargo-deny: 141 crates, and more than three
//! minutes on two cores (0.20.2).
//! A key that we do not know is an error, so that no rule is written and then ignored.

use crate::metadata::{self, Metadata, Package};
use crate::{spdx, step};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

/// The step.
pub fn check(root: &Path) -> step::Outcome {
    let rules = Rules::parse(&step::read(&root.join("deny.toml"))?).map_err(|problem| vec![format!("deny.toml: {problem}")])?;
    judge(&rules, &metadata::load(root)?)
}

/// What `deny.toml` says.
#[derive(Debug, Default)]
struct Rules {
    /// Licences accepted for every crate.
    allow: BTreeSet<String>,
    /// Licences accepted for one crate only.
    exceptions: BTreeMap<String, BTreeSet<String>>,
    /// Crates that may not appear, with the reason.
    deny: BTreeMap<String, String>,
    /// Registries that crates may come from.
    registries: BTreeSet<String>,
    /// Git repositories that crates may come from.
    git: BTreeSet<String>,
    several_versions: Level,
    wildcards: Level,
    wildcard_paths: bool,
    unknown_registry: Level,
    unknown_git: Level,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Level {
    Allow,
    Warn,
    #[default]
    Deny,
}

impl Rules {
    fn parse(text: &str) -> Result<Rules, String> {
        let mut rules = Rules::default();
        for (section, table) in &text.parse::<Table>().map_err(|e| e.to_string())? {
            for (key, value) in table.as_table().ok_or(format!("`{section}` is not a table"))? {
                rules.read(section, key, value).map_err(|problem| format!("{section}.{key}: {problem}"))?;
            }
        }
        Ok(rules)
    }

    fn read(&mut self, section: &str, key: &str, value: &Value) -> Result<(), String> {
        match (section, key) {
            // Every platform and every kind of dependency is looked at, whatever these say; they are there for cargo-deny.
            ("graph", "all-features") | ("licenses", "include-dev") => {}
            ("licenses", "allow") => self.allow = words(value)?,
            ("licenses", "unused-allowed-license") => {}
            ("licenses", "exceptions") => {
                for entry in tables(value)? {
                    self.exceptions.insert(word(entry, "crate")?, words(entry.get("allow").ok_or("an exception without `allow`")?)?);
                }
            }
            ("bans", "multiple-versions") => self.several_versions = level(value)?,
            ("bans", "wildcards") => self.wildcards = level(value)?,
            ("bans", "allow-wildcard-paths") => self.wildcard_paths = value.as_bool().ok_or("not true or false")?,
            ("bans", "deny") => {
                for entry in tables(value)? {
                    self.deny.insert(word(entry, "crate")?, word(entry, "reason")?);
                }
            }
            ("sources", "unknown-registry") => self.unknown_registry = level(value)?,
            ("sources", "unknown-git") => self.unknown_git = level(value)?,
            ("sources", "allow-registry") => self.registries = words(value)?,
            ("sources", "allow-git") => self.git = words(value)?,
            _ => return Err("this check does not know the key; teach it in xtask/src/policy.rs".into()),
        }
        Ok(())
    }
}

fn word(table: &Table, key: &str) -> Result<String, String> {
    table.get(key).and_then(Value::as_str).map(str::to_string).ok_or(format!("an entry without `{key}`"))
}

fn words(value: &Value) -> Result<BTreeSet<String>, String> {
    let list = value.as_array().ok_or("not a list")?;
    list.iter().map(|v| v.as_str().map(str::to_string).ok_or_else(|| format!("`{v}` is not text"))).collect()
}

fn tables(value: &Value) -> Result<Vec<&Table>, String> {
    value.as_array().ok_or("not a list")?.iter().map(|v| v.as_table().ok_or_else(|| format!("`{v}` is not a table"))).collect()
}

fn level(value: &Value) -> Result<Level, String> {
    match value.as_str() {
        Some("allow") => Ok(Level::Allow),
        Some("warn") => Ok(Level::Warn),
        Some("deny") => Ok(Level::Deny),
        _ => Err(format!("`{value}` is not allow, warn or deny")),
    }
}

fn judge(rules: &Rules, metadata: &Metadata) -> step::Outcome {
    let (mut denied, mut warned) = (Vec::new(), Vec::new());
    let mut say = |level: Level, problem: String| match level {
        Level::Allow => {}
        Level::Warn => warned.push(problem),
        Level::Deny => denied.push(problem),
    };
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        let id = format!("{} {}", package.name, package.version);
        versions.entry(&package.name).or_default().insert(&package.version);
        if let Some(problem) = license(rules, package) {
            say(Level::Deny, format!("{id}: {problem}"));
        }
        if let Some(reason) = rules.deny.get(&package.name) {
            say(Level::Deny, format!("{id} is banned: {reason}"));
        }
        if let Some((level, problem)) = source(rules, package) {
            say(level, format!("{id}: {problem}"));
        }
        // A crate from the registry cannot have a wildcard: the registry refuses it.
        for dependency in package.dependencies.iter().filter(|d| package.member && d.requirement == "*") {
            if !(dependency.path && rules.wildcard_paths) {
                say(rules.wildcards, format!("{id}: the dependency on `{}` has no version", dependency.name));
            }
        }
    }
    for (name, several) in versions.iter().filter(|(_, v)| v.len() > 1) {
        say(rules.several_versions, format!("{name} is built in several versions: {}", several.iter().copied().collect::<Vec<_>>().join(", ")));
    }
    for warning in &warned {
        println!("  warning: {warning}");
    }
    if denied.is_empty() { Ok(format!("{} packages", metadata.packages.len())) } else { Err(denied) }
}

fn license(rules: &Rules, package: &Package) -> Option<String> {
    let Some(expression) = &package.license else {
        return Some("states no licence".into());
    };
    let own = rules.exceptions.get(&package.name);
    match spdx::satisfied(expression, &|l| rules.allow.contains(l) || own.is_some_and(|o| o.contains(l))) {
        Ok(true) => None,
        Ok(false) => Some(format!("its licence `{expression}` is not among those of deny.toml")),
        Err(problem) => Some(format!("its licence `{expression}` cannot be read: {problem}")),
    }
}

fn source(rules: &Rules, package: &Package) -> Option<(Level, String)> {
    let Some(source) = &package.source else {
        return (!package.member).then(|| (Level::Deny, "comes from a path outside the workspace".to_string()));
    };
    // `registry+URL`, `sparse+URL/` or `git+URL?branch=…#commit`.
    if let Some(url) = source.strip_prefix("git+") {
        let url = url.split(['?', '#']).next().unwrap_or(url);
        return (!rules.git.contains(url)).then(|| (rules.unknown_git, format!("comes from the git repository {url}")));
    }
    let url = source.strip_prefix("registry+").unwrap_or(source);
    (!rules.registries.contains(url)).then(|| (rules.unknown_registry, format!("comes from the registry {url}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    const INDEX: &str = "https://github.com/rust-lang/crates.io-index";

    fn rules() -> Rules {
        Rules::parse(
            r#"
            [licenses]
            allow = ["MIT"]
            exceptions = [{ crate = "fonts", allow = ["OFL-1.1"] }]
            [bans]
            multiple-versions = "warn"
            wildcards = "deny"
            allow-wildcard-paths = true
            deny = [{ crate = "openssl-sys", reason = "no network" }]
            [sources]
            unknown-registry = "deny"
            unknown-git = "deny"
            allow-registry = ["https://github.com/rust-lang/crates.io-index"]
            allow-git = []
            "#,
        )
        .unwrap()
    }

    fn package(name: &str, license: &str) -> Package {
        let source = Some(format!("registry+{INDEX}"));
        Package { name: name.into(), version: "1.0.0".into(), license: Some(license.into()), source, member: false, dependencies: Vec::new() }
    }

    fn problems(packages: Vec<Package>) -> Vec<String> {
        judge(&rules(), &Metadata { packages, target: "target".into() }).err().unwrap_or_default()
    }

    #[test]
    fn licences_are_judged_a_crate_at_a_time() {
        assert_eq!(problems(vec![package("a", "MIT OR GPL-3.0"), package("fonts", "OFL-1.1 AND MIT")]), Vec::<String>::new());
        assert!(problems(vec![package("a", "OFL-1.1")])[0].contains("not among"));
        assert!(problems(vec![Package { license: None, ..package("a", "MIT") }])[0].contains("no licence"));
    }

    #[test]
    fn sources_are_held_to_the_list() {
        let from = |source: Option<&str>| problems(vec![Package { source: source.map(str::to_string), ..package("a", "MIT") }]);
        assert!(from(Some("registry+https://example.org/index"))[0].contains("registry https://example.org/index"));
        assert!(from(Some("sparse+https://example.org/index/"))[0].contains("registry"));
        assert!(from(Some("git+https://example.org/a?branch=main#0123"))[0].ends_with("https://example.org/a"));
        assert!(from(None)[0].contains("outside"));
    }

    #[test]
    fn bans_and_wildcards() {
        assert!(problems(vec![package("openssl-sys", "MIT")])[0].contains("no network"));
        let with = |path| {
            let dependencies = vec![Dependency { name: "b".into(), requirement: "*".into(), path, dev: false }];
            problems(vec![Package { member: true, source: None, dependencies, ..package("a", "MIT") }])
        };
        assert!(with(false)[0].contains("`b` has no version"));
        assert!(with(true).is_empty());
    }

    #[test]
    fn several_versions_only_warn_here_and_fail_when_denied() {
        let packages = vec![package("a", "MIT"), Package { version: "2.0.0".into(), ..package("a", "MIT") }];
        assert!(problems(packages.clone()).is_empty());
        let strict = Rules { several_versions: Level::Deny, ..rules() };
        assert!(judge(&strict, &Metadata { packages, target: "target".into() }).unwrap_err()[0].contains("1.0.0, 2.0.0"));
    }

    #[test]
    fn a_rule_that_would_be_ignored_is_an_error() {
        assert!(Rules::parse("[bans]\nskip = []").unwrap_err().contains("bans.skip"));
        assert!(Rules::parse("[bans]\nwildcards = \"perhaps\"").unwrap_err().contains("perhaps"));
    }
}
