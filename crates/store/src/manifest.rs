//! What one writer has published. Each writer has its own manifest and rewrites only that: no locks, and merging is reading.

use crate::checkpoint::short;
use crate::error::Error;
use crate::files;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Schema version of campaigns, manifests, parts, segments and leases written by this crate. 2 added segments, decisions, leases, and manifests that say
/// which files their parts stand for: a program that knows 1 only would count rows twice or miss them.
pub const SCHEMA: u32 = 2;

const MOVE_ASIDE: &str = "restore it from a copy, or move it out of the folder: the parts that it lists are then not read";

/// Who wrote a file: everything on which the bits of a result depend.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Producer {
    /// Version of the program, e.g. `0.1.0`.
    pub engine: String,
    /// Numerics version: changes whenever a change of the code changes the bits of some run.
    pub numerics: String,
    /// Numerics class: build, instruction set and processor model. Results are compared to the bit within one class only.
    pub class: String,
}

/// One immutable file of rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartInfo {
    /// Path within the campaign's folder, with `/`.
    pub file: String,
    /// `runs`, `curves` or `decisions`.
    pub kind: String,
    /// Its schema version.
    pub schema: u32,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// BLAKE3 hash of the file.
    pub blake3: String,
    /// Who made its rows, if not the manifest's writer: they were swept up from another's files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<Producer>,
}

/// A writer's manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Schema version.
    pub schema: u32,
    /// The writer's name.
    pub writer: String,
    /// Who it was.
    #[serde(flatten)]
    pub made_by: Producer,
    /// Hash of the campaign's text, so that a manifest copied into another campaign is noticed.
    pub campaign: String,
    /// Parts in the order of their publication.
    pub parts: Vec<PartInfo>,
    /// Checkpoints that this writer had saved (and not removed) when the manifest was last written: run id to hash of the tensors. Checkpoints verify
    /// themselves; this list only serves to notice one that has gone missing.
    pub checkpoints: BTreeMap<String, String>,
    /// Segments whose first so many bytes are in its parts: they are not read again, though they may still be there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absorbed: BTreeMap<String, u64>,
    /// Parts, of any writer, whose rows are in its parts. Kept for ever, because another's manifest may go on listing them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub replaces: BTreeSet<String>,
}

/// The file is a JSON object with these two members in this form, so that the hash is over exact bytes whatever JSON library reads it.
const BEFORE_HASH: &str = "{\"blake3\":\"";
const AFTER_HASH: &str = "\",\"manifest\":\n";
const AFTER_BODY: &str = "\n}\n";

impl Manifest {
    /// One that lists nothing.
    pub(crate) fn new(writer: &str, made_by: &Producer, campaign: &str) -> Manifest {
        Manifest {
            schema: SCHEMA,
            writer: writer.to_string(),
            made_by: made_by.clone(),
            campaign: campaign.to_string(),
            parts: Vec::new(),
            checkpoints: BTreeMap::new(),
            absorbed: BTreeMap::new(),
            replaces: BTreeSet::new(),
        }
    }

    /// The file's name in the campaign's folder.
    pub(crate) fn file_name(writer: &str) -> String {
        format!("manifest-{writer}.json")
    }

    /// Whether a file name is a manifest's.
    pub(crate) fn is_name(name: &str) -> bool {
        name.starts_with("manifest-") && name.ends_with(".json")
    }

    pub(crate) fn encode(&self) -> Result<String, Error> {
        let body = serde_json::to_string_pretty(self).map_err(|e| Error::invalid(format!("the manifest cannot be written: {e}")))?;
        let hash = blake3::hash(body.as_bytes()).to_hex();
        Ok(format!("{BEFORE_HASH}{hash}{AFTER_HASH}{body}{AFTER_BODY}"))
    }

    /// Publishes it in `folder`, in place of its predecessor.
    pub(crate) fn publish(&self, folder: &Path) -> Result<(), Error> {
        files::publish(&folder.join(Self::file_name(&self.writer)), self.encode()?.as_bytes())
    }

    /// Parses and verifies a manifest.
    pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Manifest, Error> {
        let damaged = |what: String| Error::damaged(path, what, MOVE_ASIDE);
        let text = std::str::from_utf8(bytes).map_err(|e| damaged(format!("not UTF-8 at byte {}", e.valid_up_to())))?;
        let frame = || damaged("it does not have the form of a manifest: cut short, or edited".into());
        let rest = text.strip_prefix(BEFORE_HASH).ok_or_else(frame)?;
        let (hash, rest) = rest.split_once(AFTER_HASH).ok_or_else(frame)?;
        let body = rest.strip_suffix(AFTER_BODY).ok_or_else(frame)?;
        let found = blake3::hash(body.as_bytes()).to_hex();
        if *found != *hash {
            return Err(damaged(format!("its content has hash {} and was written with {}", short(&found), short(hash))));
        }
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let version = serde_json::from_str::<Version>(body).map_err(|e| damaged(format!("no schema version: {e}")))?.schema;
        if version > SCHEMA {
            return Err(Error::Newer { path: path.to_path_buf(), found: version, known: SCHEMA });
        }
        serde_json::from_str(body).map_err(|e| damaged(e.to_string()))
    }

    /// All manifests of a folder, in the order of their writers' names; an unreadable one does not hide the others.
    pub(crate) fn read_each(folder: &Path, campaign: &str) -> Result<Vec<Result<Manifest, Error>>, Error> {
        let mut all = Vec::new();
        for name in Self::names(folder)? {
            let path = folder.join(&name);
            match files::read_if_there(&path) {
                // One that vanished since the listing was moved aside by hand: as if it had been gone before.
                Ok(None) => {}
                Ok(Some(bytes)) => all.push(Self::parse(&path, &bytes).and_then(|m| m.check(&path, &name, campaign))),
                Err(e) => all.push(Err(e)),
            }
        }
        Ok(all)
    }

    /// Names of all manifests. Listed until two listings agree: a name that is published anew while a folder is listed may be passed over by some systems.
    fn names(folder: &Path) -> Result<BTreeSet<String>, Error> {
        let mut all = BTreeSet::new();
        for _ in 0..16 {
            let before = all.len();
            all.extend(files::names(folder)?.into_iter().filter(|n| Self::is_name(n)));
            if all.len() == before {
                break;
            }
        }
        Ok(all)
    }

    /// Checks that the manifest belongs where it lies, and lists nothing outside the folder.
    fn check(self, path: &Path, name: &str, campaign: &str) -> Result<Manifest, Error> {
        if name != Self::file_name(&self.writer) {
            return Err(Error::damaged(path, format!("it belongs to writer {:?}", self.writer), MOVE_ASIDE));
        }
        if self.campaign != campaign {
            return Err(Error::damaged(path, "it belongs to another campaign", MOVE_ASIDE));
        }
        for part in &self.parts {
            if part.schema > SCHEMA {
                return Err(Error::Newer { path: path.to_path_buf(), found: part.schema, known: SCHEMA });
            }
            if part.file.strip_prefix("data/").is_none_or(|n| files::check_name("part", n).is_err()) {
                return Err(Error::damaged(path, format!("it lists {:?}, which is no part of this folder", part.file), MOVE_ASIDE));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        let part =
            PartInfo { file: "data/runs-a-000000.parquet".into(), kind: "runs".into(), schema: 1, rows: 3, bytes: 99, blake3: "00".into(), made_by: None };
        let made_by = Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() };
        let checkpoints = [("r1".to_string(), "ff".to_string())].into();
        Manifest { parts: vec![part], checkpoints, ..Manifest::new("a", &made_by, "c") }
    }

    #[test]
    fn survives_the_round_trip_and_is_plain_json() {
        let text = example().encode().unwrap();
        assert_eq!(Manifest::parse(Path::new("m"), text.as_bytes()).unwrap(), example());
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["manifest"]["parts"][0]["rows"], 3);
        assert_eq!(json["manifest"]["numerics"], "1");
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let bytes = example().encode().unwrap().into_bytes();
        for cut in 0..bytes.len() {
            assert!(Manifest::parse(Path::new("m"), &bytes[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Manifest::parse(Path::new("m"), &changed).is_err(), "byte {at}");
        }
    }

    #[test]
    fn those_of_schema_1_are_read() {
        let body = r#"{"schema": 1, "writer": "a", "engine": "0.1.0", "numerics": "1", "class": "test", "campaign": "c", "parts":
            [{"file": "data/runs-a-000000.parquet", "kind": "runs", "schema": 1, "rows": 3, "bytes": 99, "blake3": "00"}], "checkpoints": {"r1": "ff"}}"#;
        let text = format!("{BEFORE_HASH}{}{AFTER_HASH}{body}{AFTER_BODY}", blake3::hash(body.as_bytes()).to_hex());
        assert_eq!(Manifest::parse(Path::new("m"), text.as_bytes()).unwrap(), Manifest { schema: 1, ..example() });
    }

    #[test]
    fn newer_ones_are_named_as_such() {
        let mut newer = example();
        newer.schema = SCHEMA + 1;
        let e = Manifest::parse(Path::new("m"), newer.encode().unwrap().as_bytes()).unwrap_err();
        assert!(matches!(e, Error::Newer { found: 3, known: 2, .. }), "{e}");
    }
}
