//! The campaign's folder.

use crate::checkpoint::Checkpoint;
use crate::compact::NewPart;
use crate::error::Error;
use crate::files;
use crate::manifest::{Manifest, PartInfo, Producer, SCHEMA};
use crate::merge::{Source, check_kind, merge};
use crate::parquet_read::{ReadOptions, parse_table_named};
use crate::segment::{self, Log};
use crate::table::Table;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

const TOML: &str = "campaign.toml";
const HEAD: &str = "# pennydrop-campaign ";
const PART_ADVICE: &str = "restore it from a copy, or move its writer's manifest out of the folder and run again";
const COPY_BACK: &str = "restore it from a copy of the campaign";

/// What to do if the folder already holds a campaign with another text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfOther {
    /// Give [`Error::OtherCampaign`].
    Refuse,
    /// Open it as it is: its own text stays.
    Join,
}

/// An open campaign, as one writer sees it. Methods take `&self` and may be called from many threads; other writers, in this process or any other, may
/// work in the same folder at the same time.
///
/// A writer appears in the folder with its first publication; reading leaves no trace.
#[derive(Debug)]
pub struct Campaign {
    folder: PathBuf,
    text: String,
    hash: String,
    writer: String,
    made_by: Producer,
    manifest: Mutex<State>,
    pub(crate) log: Mutex<Log>,
    /// Held while segments become parts. Taken before `log`, and that before `manifest`.
    pub(crate) compacting: Mutex<()>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) manifest: Manifest,
    /// Number of the next part; never used twice, even if publishing failed half-way.
    pub(crate) next: u64,
}

/// First line of `campaign.toml`: a comment for TOML, a JSON object for us.
#[derive(Serialize, Deserialize)]
struct Head {
    schema: u32,
    blake3: String,
    #[serde(flatten)]
    made_by: Producer,
}

/// Something a reader should know, though nothing is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A writer whose numerics version or class is not the one this campaign was opened with: its runs agree with ours statistically, not to the bit.
    OtherNumerics {
        /// The writer.
        writer: String,
        /// Who it was.
        made_by: Producer,
    },
}

impl Campaign {
    /// Creates the folder and freezes `text` (the campaign's TOML) in it. If it holds a campaign with the same text already, opens that.
    ///
    /// # Errors
    /// [`Error::OtherCampaign`] if it holds another one (and `if_other` is [`IfOther::Refuse`]); [`Error::Damaged`] if it holds parts without their
    /// campaign.toml; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if it cannot be written; those of [`Campaign::open`].
    pub fn create(folder: &Path, text: &str, made_by: &Producer, if_other: IfOther) -> Result<Campaign, Error> {
        let path = folder.join(TOML);
        if files::read_if_there(&path)?.is_none() {
            files::make_folder(folder)?;
            if files::names(folder)?.iter().any(|n| Manifest::is_name(n)) || !segment::list(folder)?.is_empty() {
                return Err(Error::damaged(&path, "it is gone, though the folder has manifests or segments", COPY_BACK));
            }
            let head = Head { schema: SCHEMA, blake3: hash(text), made_by: made_by.clone() };
            let head = serde_json::to_string(&head).map_err(|e| Error::invalid(format!("the campaign's head cannot be written: {e}")))?;
            files::publish_new(&path, format!("{HEAD}{head}\n{text}").as_bytes())?;
            // Whoever lost the race reads what the winner wrote.
        }
        let campaign = Campaign::open(folder, made_by)?;
        if campaign.hash != hash(text) && if_other == IfOther::Refuse {
            let (ours, theirs) = (crate::checkpoint::short(&hash(text)), crate::checkpoint::short(&campaign.hash));
            return Err(Error::OtherCampaign { path: folder.to_path_buf(), ours, theirs });
        }
        Ok(campaign)
    }

    /// Opens a campaign, as a reader and (from the first publication) a writer.
    ///
    /// # Errors
    /// [`Error::NotACampaign`] without a campaign.toml; [`Error::Damaged`] if that was changed; [`Error::Newer`] for a newer schema; [`Error::Io`].
    pub fn open(folder: &Path, made_by: &Producer) -> Result<Campaign, Error> {
        let path = folder.join(TOML);
        let bytes = files::read_if_there(&path)?.ok_or_else(|| Error::NotACampaign { path: folder.to_path_buf() })?;
        let damaged = |what: &str| Error::damaged(&path, what, COPY_BACK);
        let whole = String::from_utf8(bytes).map_err(|_| damaged("it is not UTF-8"))?;
        let (first, text) = whole.split_once('\n').ok_or_else(|| damaged("it has one line only"))?;
        let json = first.strip_prefix(HEAD).ok_or_else(|| damaged("its first line is not pennydrop's"))?;
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let found = serde_json::from_str::<Version>(json).map_err(|_| damaged("its first line has no schema version"))?.schema;
        if found > SCHEMA {
            return Err(Error::Newer { path, found, known: SCHEMA });
        }
        let head: Head = serde_json::from_str(json).map_err(|_| damaged("its first line is incomplete"))?;
        let hash = hash(text);
        if head.blake3 != hash {
            return Err(damaged("its text was changed: a campaign's text is frozen"));
        }
        let writer = files::unique_name();
        let state = State { manifest: Manifest::new(&writer, made_by, &hash), next: 0 };
        Ok(Campaign {
            folder: folder.to_path_buf(),
            text: text.to_string(),
            hash,
            writer,
            made_by: made_by.clone(),
            manifest: Mutex::new(state),
            log: Mutex::default(),
            compacting: Mutex::default(),
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The frozen text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// BLAKE3 hash of the frozen text.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// This writer's name.
    pub fn writer(&self) -> String {
        self.writer.clone()
    }

    /// What this writer is.
    pub(crate) fn made_by(&self) -> &Producer {
        &self.made_by
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave the state half-changed: it is changed last, in one step.
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Publishes rows as a new immutable part. When this returns, they survive a power cut; if it fails or is killed, they were never there.
    ///
    /// `kind` is `runs` (needs a text column `run_id`; `steps` and `weights_hash` are understood), `curves` (needs `run_id` and an integer column
    /// `step`; `series` is understood) or `decisions` (needs a text column `question` and integer columns `cell` and `round`). Other columns are free.
    /// Each call costs two fsyncs of a file: publish many rows at a time, or use [`Campaign::log`].
    ///
    /// # Errors
    /// [`Error::Invalid`] if the table breaks the rules; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if it cannot be written.
    pub fn append(&self, kind: &str, table: &Table) -> Result<PartInfo, Error> {
        table.check()?;
        check_kind(kind, Some(table))?;
        let mut published = self.publish_parts(&[NewPart { kind, table, made_by: None }], &[], &[])?;
        published.pop().ok_or_else(|| Error::invalid("no part was published"))
    }

    /// All rows of a kind, of all writers, from parts and from segments: each run (evaluation, decision) once, sorted by key; columns that a part lacks are
    /// nulls in its rows. An empty table without columns if there are none yet.
    ///
    /// # Errors
    /// [`Error::Disagree`] if one run has two results within one numerics class; [`Error::Decisions`] if one decision was taken in two ways;
    /// [`Error::Damaged`] if a manifest, part or segment is not as it was written; [`Error::Newer`], [`Error::TooLarge`], [`Error::Io`];
    /// [`Error::Invalid`] for an unknown kind or columns of clashing types.
    pub fn read(&self, kind: &str) -> Result<Table, Error> {
        let want = check_kind(kind, None)?;
        let sources = self.consistently(|view| {
            let mut sources = Vec::new();
            for (part, made_by) in view.parts().filter(|(p, _)| p.kind == kind) {
                let Some(table) = self.part_if_there(part)? else { return Ok(Err(part.file.clone())) };
                sources.push(Source { table, class: made_by.class.clone(), file: part.file.clone() });
            }
            for name in &view.segments {
                let Some(segment) = segment::read(&self.folder, name, &self.hash, Some(want))? else { return Ok(Err(name.clone())) };
                for (_, table) in segment.tables {
                    sources.push(Source { table, class: segment.made_by.class.clone(), file: name.clone() });
                }
            }
            Ok(Ok(sources))
        })?;
        merge(kind, sources)
    }

    /// What is to be read, as of now.
    pub(crate) fn view(&self) -> Result<View, Error> {
        // Segments are listed first. Rows move from a segment to a part in this order: part, manifest, segment removed. So whatever is missing from the
        // listing is in the manifests, which are read after it.
        let segments = segment::list(&self.folder)?;
        let manifests = self.manifests()?;
        Ok(View::new(&self.folder, manifests, segments))
    }

    /// Reads by `read`, which gives the name of a file if one that the view lists is gone: another process has compacted it, or swept it up, since. Then
    /// the folder is looked at again.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a part that is gone and still listed; those of `read`; those of [`Campaign::manifests`].
    pub(crate) fn consistently<T>(&self, read: impl Fn(&View) -> Result<Result<T, String>, Error>) -> Result<T, Error> {
        let mut view = self.view()?;
        // Each round needs a compaction that ends while we read; that many in a row are none.
        for _ in 0..100 {
            match read(&view)? {
                Ok(done) => return Ok(done),
                Err(gone) => {
                    view = self.view()?;
                    if view.parts().any(|(p, _)| p.file == gone) && !self.folder.join(&gone).exists() {
                        return Err(self.missing(&gone));
                    }
                }
            }
        }
        Err(Error::Io { doing: "read", path: self.folder.clone(), source: std::io::Error::other("its files change faster than they can be read") })
    }

    /// Manifests of all writers, in the order of their names.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::Newer`] or [`Error::Io`] for the first that cannot be read.
    pub fn manifests(&self) -> Result<Vec<Manifest>, Error> {
        self.manifests_each()?.into_iter().collect()
    }

    pub(crate) fn manifests_each(&self) -> Result<Vec<Result<Manifest, Error>>, Error> {
        Manifest::read_each(&self.folder, &self.hash)
    }

    /// One part as it was published, before merging.
    ///
    /// # Errors
    /// [`Error::Damaged`] unless every byte is as published; [`Error::TooLarge`], [`Error::Io`].
    pub fn read_part(&self, part: &PartInfo) -> Result<Table, Error> {
        self.part_if_there(part)?.ok_or_else(|| self.missing(&part.file))
    }

    pub(crate) fn missing(&self, file: &str) -> Error {
        Error::damaged(&self.folder.join(file), "a manifest lists it and it is not there", PART_ADVICE)
    }

    /// [`Campaign::read_part`]; `None` if the file is gone.
    pub(crate) fn part_if_there(&self, part: &PartInfo) -> Result<Option<Table>, Error> {
        const ADVICE: &str = PART_ADVICE;
        let path = self.folder.join(&part.file);
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        if bytes.len() as u64 != part.bytes {
            return Err(Error::damaged(&path, format!("it has {} bytes and was published with {}", bytes.len(), part.bytes), ADVICE));
        }
        let found = blake3::hash(&bytes).to_hex();
        if *found != *part.blake3 {
            let (found, published) = (crate::checkpoint::short(&found), crate::checkpoint::short(&part.blake3));
            return Err(Error::damaged(&path, format!("its content has hash {found} and was published with {published}"), ADVICE));
        }
        // Our own parts repeat themselves (one run id, many steps), so they may unpack to more than a stranger's table.
        let limit = (1u64 << 30).saturating_add(part.bytes.saturating_mul(64));
        let (table, _) = parse_table_named(&path, bytes, &ReadOptions { columns: None, limit: Some(limit) })?;
        if table.rows() as u64 != part.rows {
            return Err(Error::damaged(&path, format!("{} rows, and its manifest says {}", table.rows(), part.rows), ADVICE));
        }
        check_kind(&part.kind, Some(&table)).map_err(|e| Error::damaged(&path, e.to_string(), ADVICE))?;
        Ok(Some(table))
    }

    /// What a reader should know about who wrote this campaign.
    ///
    /// # Errors
    /// As [`Campaign::manifests`].
    pub fn notes(&self) -> Result<Vec<Note>, Error> {
        let other = |m: &Producer| m.numerics != self.made_by.numerics || m.class != self.made_by.class;
        let view = self.view()?;
        let mut makers = BTreeSet::new();
        for manifest in &view.manifests {
            let of_parts = manifest.parts.iter().filter_map(|p| p.made_by.as_ref());
            makers.extend(std::iter::once(&manifest.made_by).chain(of_parts).map(|m| (manifest.writer.clone(), m.clone())));
        }
        for name in &view.segments {
            makers.extend(segment::read_header(&self.folder, name, &self.hash)?);
        }
        Ok(makers.into_iter().filter(|(_, m)| other(m)).map(|(writer, made_by)| Note::OtherNumerics { writer, made_by }).collect())
    }

    /// Where the checkpoint of a run lies or would lie.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the id cannot be a file name.
    pub fn ckpt_path(&self, run_id: &str) -> Result<PathBuf, Error> {
        files::check_name("run id", run_id)?;
        Ok(self.folder.join("ckpt").join(format!("{run_id}.safetensors")))
    }

    /// Saves the state of a run, in place of its last one: atomic and durable.
    ///
    /// # Errors
    /// As [`Checkpoint::encode`] and [`Checkpoint::save`]; [`Error::Invalid`] if the id cannot be a file name.
    pub fn save_ckpt(&self, run_id: &str, checkpoint: &Checkpoint) -> Result<(), Error> {
        let path = self.ckpt_path(run_id)?;
        let bytes = checkpoint.encode_as(&self.made_by)?;
        files::make_folder(&self.folder.join("ckpt"))?;
        files::publish(&path, &bytes)?;
        self.state().manifest.checkpoints.insert(run_id.to_string(), checkpoint.tensors_hash());
        Ok(())
    }

    /// The last saved state of a run, by whichever writer; `None` if there is none.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_ckpt(&self, run_id: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.ckpt_path(run_id)?;
        files::read_if_there(&path)?.map(|bytes| Checkpoint::parse_named(&path, &bytes)).transpose()
    }

    /// Removes the checkpoint of a run that has ended; says whether there was one.
    ///
    /// # Errors
    /// [`Error::Unwritable`] or [`Error::Io`] if it cannot be removed.
    pub fn remove_ckpt(&self, run_id: &str) -> Result<bool, Error> {
        let path = self.ckpt_path(run_id)?;
        self.state().manifest.checkpoints.remove(run_id);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(Error::writing(&path, e)),
        }
    }

    /// Ids of all runs that have a checkpoint, sorted.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be listed.
    pub fn ckpts(&self) -> Result<Vec<String>, Error> {
        Ok(tensor_files(&self.folder.join("ckpt"))?.into_iter().map(|(id, _)| id).collect())
    }

    /// Bytes that checkpoints take on disk.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be listed.
    pub fn ckpt_bytes(&self) -> Result<u64, Error> {
        let files = tensor_files(&self.folder.join("ckpt"))?;
        // One that another writer removes meanwhile takes no room.
        Ok(files.iter().filter_map(|(_, path)| std::fs::metadata(path).ok()).map(|m| m.len()).sum())
    }

    /// Where weights under a name (such as `<run>-<step>`) lie or would lie.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the name cannot be a file name.
    pub fn weights_path(&self, name: &str) -> Result<PathBuf, Error> {
        files::check_name("name of weights", name)?;
        Ok(self.folder.join("weights").join(format!("{name}.safetensors")))
    }

    /// Saves weights to keep, atomic and durable; readable by any safetensors reader.
    ///
    /// # Errors
    /// As [`Campaign::save_ckpt`].
    pub fn save_weights(&self, name: &str, weights: &Checkpoint) -> Result<(), Error> {
        let path = self.weights_path(name)?;
        let bytes = weights.encode_as(&self.made_by)?;
        files::make_folder(&self.folder.join("weights"))?;
        files::publish(&path, &bytes)
    }

    /// Weights kept under a name; `None` if there are none.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_weights(&self, name: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.weights_path(name)?;
        files::read_if_there(&path)?.map(|bytes| Checkpoint::parse_named(&path, &bytes)).transpose()
    }
}

/// What is to be read: the manifests of one moment, and the segments that their parts do not hold.
pub(crate) struct View {
    pub manifests: Vec<Manifest>,
    /// Within the campaign's folder.
    pub segments: Vec<String>,
    replaced: BTreeSet<String>,
}

impl View {
    /// Of manifests, and of segments that were listed before the manifests were read.
    pub fn new(folder: &Path, manifests: Vec<Manifest>, mut segments: Vec<String>) -> View {
        let replaced = manifests.iter().flat_map(|m| &m.replaces).cloned().collect();
        segments.retain(|name| {
            let absorbed = manifests.iter().filter_map(|m| m.absorbed.get(name)).max();
            // One that has grown since had a writer who was taken for dead.
            absorbed.is_none_or(|bytes| std::fs::metadata(folder.join(name)).is_ok_and(|m| m.len() > *bytes))
        });
        View { manifests, segments, replaced }
    }

    /// The parts to read, and who made their rows.
    pub fn parts(&self) -> impl Iterator<Item = (&PartInfo, &Producer)> {
        let all = self.manifests.iter().flat_map(|m| m.parts.iter().map(move |p| (p, p.made_by.as_ref().unwrap_or(&m.made_by))));
        all.filter(|(p, _)| !self.replaced.contains(&p.file))
    }
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The safetensors files of a folder: name without its ending, and path; sorted.
pub(crate) fn tensor_files(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let ours = |name: String| Some((name.strip_suffix(".safetensors").filter(|n| !n.starts_with('.'))?.to_string(), folder.join(&name)));
    Ok(files::names(folder)?.into_iter().filter_map(ours).collect())
}
