//! Published set-ups as specs. Each value's source stands beside it in the file.

use crate::Error;
use crate::spec::{Base, file};
use pennydrop_registry::{SpecError, nearest};

/// A set-up in the program.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// The name typed by a user.
    pub name: &'static str,
    /// The file: TOML, whose first lines of comment say what it is and where it comes from.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        static PRESETS: &[Preset] = &[$(Preset { name: $name, text: include_str!(concat!("../../../presets/", $name, ".toml")) }),*];
    };
}

presets![
    "quickstart",
    "nanda",
    "power-division",
    "power-s5",
    "gromov",
    "norm-clamp-mlp",
    "norm-clamp-transformer",
    "norm-separation",
    "sparse-parity",
    "zunkovic-tn"
];

/// All, in the order in which they are listed.
pub fn all() -> &'static [Preset] {
    PRESETS
}

/// The preset called `name`.
///
/// # Errors
/// None is; the message names the nearest.
pub fn find(name: &str) -> Result<&'static Preset, Error> {
    PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
        let names = PRESETS.iter().map(|p| p.name);
        let near = nearest(name, names.clone()).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
        Error::usage(
            format!("there is no preset `{}`; there are {}{near}", crate::spec::grammar::shown(name), names.collect::<Vec<_>>().join(", ")),
            "`pennydrop list presets` says what each is; a spec of your own is named by its path, FILE.toml",
        )
    })
}

impl Preset {
    /// Its first line of comment.
    pub fn summary(&self) -> &'static str {
        self.comment(0)
    }

    /// Its second line of comment: where it comes from.
    pub fn source(&self) -> &'static str {
        self.comment(1).trim_start_matches("Source: ")
    }

    fn comment(&self, line: usize) -> &'static str {
        self.text.lines().nth(line).unwrap_or_default().trim_start_matches('#').trim()
    }

    /// Its keys.
    ///
    /// # Errors
    /// The file in the program is no spec: found by a test.
    pub fn base(&self) -> Result<Base, SpecError> {
        Ok(Base { label: self.name.to_string(), entries: file::parse(self.text)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::resolve;

    #[test]
    fn every_preset_resolves_and_gives_sources() {
        for p in all() {
            resolve(&p.base().unwrap(), &[]).unwrap_or_else(|e| panic!("{}: {e}", p.name));
            assert!(p.text.starts_with("# ") && p.text.lines().nth(1).is_some_and(|l| l.starts_with("# Source: ")), "{}", p.name);
            // A value without its source is a value of ours.
            for (i, line) in p.text.lines().enumerate().filter(|(_, l)| l.contains(" = ")) {
                assert!(line.contains(" # "), "{} line {}: `{line}` has no source", p.name, i + 1);
            }
        }
    }

    #[test]
    fn a_misspelt_preset_names_the_nearest() {
        assert!(find("quikstart").unwrap_err().to_string().contains("did you mean `quickstart`"));
        assert_eq!(find("nanda").unwrap().name, "nanda");
    }
}
