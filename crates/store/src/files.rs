//! Publishing: a file appears under its name whole, or not at all.

use crate::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Temporary files start with this; readers pass them over.
pub(crate) const TEMP: &str = ".tmp-";

/// Reads this crate's files up to here without asking: larger ones are refused before memory is taken.
const LARGEST_FILE: u64 = 1 << 36;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A name that no other writer has: 16 hexadecimal digits of a hash of process, time, a counter and the process's random keys. Two writers may sit in
/// different containers with equal process ids, hence the rest.
#[allow(clippy::disallowed_methods, reason = "a writer's name must differ from process to process, and is never part of a result")]
pub(crate) fn unique_name() -> String {
    use std::hash::BuildHasher;
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let random = std::hash::RandomState::new().hash_one(0u8);
    let seed = format!("{} {nanos} {random} {}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
    blake3::hash(seed.as_bytes()).to_hex()[..16].to_string()
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|e| match e.kind() {
        // "exists" means: exists as something else than a folder
        io::ErrorKind::AlreadyExists => Error::Unwritable { path: path.to_path_buf(), source: e },
        _ => Error::writing(path, e),
    })
}

/// Makes a rename in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    match File::open(folder).and_then(|f| f.sync_all()) {
        // Some network file systems and Windows cannot sync a folder; there the rename is as durable as they make it.
        Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) || cfg!(windows) => Ok(()),
        other => other.map_err(|e| Error::writing(folder, e)),
    }
}

/// Writes `bytes` to a temporary file beside `path` and makes them durable. On failure nothing is left.
fn write_beside(path: &Path, bytes: &[u8]) -> Result<(PathBuf, PathBuf), Error> {
    let folder = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let temp = folder.join(format!("{TEMP}{}", unique_name()));
    let written = OpenOptions::new().write(true).create_new(true).open(&temp).and_then(|mut f| {
        f.write_all(bytes)?;
        f.sync_all()
    });
    match written {
        Ok(()) => Ok((folder, temp)),
        Err(e) => {
            // The first error is the one to report; a temporary file that stays is passed over by readers and swept later.
            let _ = fs::remove_file(&temp);
            Err(Error::writing(path, e))
        }
    }
}

/// Publishes `bytes` as `path`, replacing what was there: temporary file, fsync, rename, fsync of the folder.
pub(crate) fn publish(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let (folder, temp) = write_beside(path, bytes)?;
    if let Err(e) = fs::rename(&temp, path) {
        let _ = fs::remove_file(&temp);
        return Err(Error::writing(path, e));
    }
    sync_folder(&folder)
}

/// Publishes `bytes` as `path` unless something is there already; says whether it did. Of two processes that race, exactly one wins.
pub(crate) fn publish_new(path: &Path, bytes: &[u8]) -> Result<bool, Error> {
    let (folder, temp) = write_beside(path, bytes)?;
    // A hard link, unlike a rename, fails if the name is taken. File systems without links get a check that is not atomic.
    let linked = match fs::hard_link(&temp, path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(_) if path.exists() => Ok(false),
        Err(_) => fs::rename(&temp, path).map(|()| true),
    };
    let _ = fs::remove_file(&temp);
    match linked {
        Ok(new) => {
            sync_folder(&folder)?;
            Ok(new)
        }
        Err(e) => Err(Error::writing(path, e)),
    }
}

/// Opens a plain file and gives its length. Devices and pipes, which have no size and may have no end, are refused. `None` if it does not exist.
pub(crate) fn open_if_there(path: &Path) -> Result<Option<(File, u64)>, Error> {
    // Below something that is no folder there is nothing either.
    let missing = |e: &io::Error| matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    let checked = |meta: fs::Metadata| {
        if !meta.is_file() {
            let what = "it is not a plain file".to_string();
            return Err(Error::Unsupported { path: path.to_path_buf(), what, advice: "copy its content to a plain file first" });
        }
        if meta.len() > LARGEST_FILE {
            return Err(Error::TooLarge { path: path.to_path_buf(), what: format!("{} bytes, and the limit is {LARGEST_FILE}", meta.len()) });
        }
        Ok(meta.len())
    };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    match fs::metadata(path) {
        Ok(meta) => checked(meta)?,
        Err(e) if missing(&e) => return Ok(None),
        Err(e) => return Err(Error::reading(path, e)),
    };
    // And looked at again: another may have been published under its name in between, and the length must be that of the file that is read.
    let opened = File::open(path).and_then(|file| file.metadata().map(|meta| (file, meta)));
    match opened {
        Ok((file, meta)) => Ok(Some((file, checked(meta)?))),
        Err(e) if missing(&e) => Ok(None),
        Err(e) => Err(Error::reading(path, e)),
    }
}

/// Reads a plain file whole; refuses what [`open_if_there`] refuses.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let Some((file, length)) = open_if_there(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    let size = length as usize;
    if bytes.try_reserve_exact(size).is_err() {
        return Err(Error::TooLarge { path: path.to_path_buf(), what: format!("{size} bytes, more than this machine can give") });
    }
    // A file that grows meanwhile is read up to the size it had: published files never grow.
    file.take(length).read_to_end(&mut bytes).map_err(|e| Error::reading(path, e))?;
    Ok(Some(bytes))
}

/// [`read_if_there`], where absence is an error.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    read_if_there(path)?.ok_or_else(|| Error::reading(path, io::ErrorKind::NotFound.into()))
}

/// Names of the entries of a folder, sorted; those that are not UTF-8 are none of ours. Empty if the folder does not exist.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(e) => e,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::reading(folder, e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(|e| Error::reading(folder, e))?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Checks a name that becomes part of a path: letters, digits, `-`, `_`, `.`, `+`, `=`, at most 200 bytes, not starting with a dot.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.+=".contains(c);
    if name.is_empty() || name.len() > 200 || name.starts_with('.') || !name.chars().all(allowed) {
        return Err(Error::invalid(format!(
            "{what} {name:?} cannot be a file name here: use 1 to 200 letters, digits or any of - _ . + =, not starting with a dot"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publishing_leaves_one_file_and_replaces_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        publish(&path, b"first").unwrap();
        publish(&path, b"2nd").unwrap();
        assert_eq!(read(&path).unwrap(), b"2nd");
        assert!(!publish_new(&path, b"third").unwrap());
        assert!(publish_new(&dir.path().join("b"), b"other").unwrap());
        assert_eq!(read(&path).unwrap(), b"2nd");
        assert_eq!(names(dir.path()).unwrap(), ["a", "b"]);
    }

    #[test]
    fn what_is_published_anew_meanwhile_is_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (path, temp) = (dir.path().join("a"), dir.path().join(".tmp-a"));
        let both = [("short", "x".repeat(10)), ("long", "y".repeat(99))];
        let both = both.map(|(name, text)| (dir.path().join(name), text));
        both.iter().for_each(|(source, text)| fs::write(source, text).unwrap());
        // As `publish` does, without the time that new content takes.
        let publish = |i: usize| {
            fs::hard_link(&both[i % 2].0, &temp).unwrap();
            fs::rename(&temp, &path).unwrap();
        };
        publish(0);
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                (1..50_000).for_each(publish);
                over.store(true, Ordering::SeqCst);
            });
            while !over.load(Ordering::SeqCst) {
                let text = read(&path).unwrap();
                assert!(both.iter().any(|(_, whole)| whole.as_bytes() == text), "{} bytes", text.len());
            }
        });
    }

    #[test]
    fn a_failed_publication_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // The target is a folder that is not empty: the rename must fail, after the temporary file was written.
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        assert!(publish(&path, b"x").is_err());
        assert_eq!(names(dir.path()).unwrap(), ["taken"]);
        let gone = publish(&dir.path().join("no/such/folder/x"), b"x").unwrap_err();
        assert!(matches!(gone, Error::Io { .. }), "{gone}");
    }

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        for bad in ["", ".", "..", "../x", "a/b", "a\\b", ".tmp-1", "a\0", "ä", &"x".repeat(201)] {
            assert!(check_name("run id", bad).is_err(), "{bad:?}");
        }
        for good in ["a", "3f-9_b.c", "run+1=2"] {
            check_name("run id", good).unwrap();
        }
    }

    #[test]
    fn pipes_and_devices_are_refused_at_once() {
        if Path::new("/dev/zero").exists() {
            assert!(matches!(read(Path::new("/dev/zero")), Err(Error::Unsupported { .. })));
        }
    }

    #[test]
    fn writer_names_do_not_repeat() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| unique_name()).collect();
        assert_eq!(names.len(), 1000);
    }
}
