//! Leases: who works on what, so that two workers do not train the same runs.
//!
//! They are advice. Losing one, or two workers who both think they have one, wastes work and never costs correctness: a run that is trained twice has the same
//! bits and is counted once. So nothing here stops anybody from writing results.
//!
//! Each holder has a file of its own, `leases/<question>-<I>of<N>-<writer>.json`, and nobody writes another's. Whoever wants a lease looks for live holders,
//! publishes, and looks again: of two that race, the one that published later sees the other and gives way, on every file system that lists what was
//! published. (Both may give way; they try again after pauses of different lengths.)

use crate::campaign::Campaign;
use crate::error::Error;
use crate::files;
use crate::manifest::SCHEMA;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folder of the leases within the campaign's.
pub(crate) const FOLDER: &str = "leases";
/// Times that two racing workers may give way to one another.
const TRIES: u64 = 12;
const REMOVE: &str = "remove it: leases are advice, and its holder writes it again";

/// Who holds a lease, as the file says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// Schema version of the file.
    pub schema: u32,
    /// The writer's name, as in its manifest and segments.
    pub writer: String,
    /// Name of the machine.
    pub host: String,
    /// What else tells machines (and containers) apart: this boot of the kernel and the name space of the process ids. Empty where the system does not say.
    pub space: String,
    /// Process id.
    pub pid: u32,
    /// When the process started, in the kernel's ticks since boot; with it, a process id that was given anew is no mistake. `None` if unknown.
    pub start: Option<u64>,
    /// What is worked on.
    pub question: String,
    /// Which share of it: (I, N).
    pub shard: (u32, u32),
    /// 1 for the first holder of this share, one more for each that took it over from a dead one.
    pub attempt: u32,
    /// When it ends unless it is renewed: seconds since 1970-01-01 UTC.
    pub until: u64,
    /// How far the holder has come, in its own words.
    pub progress: serde_json::Value,
    /// Whether it is still held: it has not ended, and its process is not known to be gone.
    #[serde(skip)]
    pub live: bool,
}

/// A lease that this process holds. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    folder: PathBuf,
    path: PathBuf,
    holder: Holder,
    hold: Duration,
}

impl Campaign {
    /// Takes the lease on share I of N (`shard`) of a question, for the time `hold`, which [`Lease::renew`] begins anew. I may be counted from 0 or from 1: only
    /// I mod N matters, and two shares I of N and J of M overlap if I ≡ J modulo gcd(N, M).
    ///
    /// A holder is dead if its time has passed, or if it was a process of this machine that is gone.
    ///
    /// # Errors
    /// [`Error::Held`] if a live holder has this share or one that overlaps it; [`Error::Invalid`] for a question that cannot be a file name or a share
    /// that is none; [`Error::Full`], [`Error::Unwritable`] or [`Error::Io`] if it cannot be written.
    pub fn lease(&self, question: &str, shard: (u32, u32), hold: Duration) -> Result<Lease, Error> {
        files::check_name("question", question)?;
        let (i, n) = shard;
        if n == 0 || i > n {
            return Err(Error::invalid(format!("{i} of {n} is no share: use I of N with N at least 1 and I at most N")));
        }
        let folder = self.folder().join(FOLDER);
        files::make_folder(&folder)?;
        let path = folder.join(file_name(question, shard, &self.writer()));
        let here = Place::find();
        for round in 0.. {
            let others = overlapping(&folder, question, shard, None, &here)?;
            if let Some(holder) = others.iter().find(|(_, h)| h.live) {
                return Err(held(&holder.1));
            }
            let holder = Holder {
                schema: SCHEMA,
                writer: self.writer(),
                host: here.host.clone(),
                space: here.space.clone(),
                pid: here.pid,
                start: here.start,
                question: question.to_string(),
                shard,
                attempt: others.iter().map(|(_, h)| h.attempt).max().unwrap_or(0).saturating_add(1),
                until: end(hold),
                progress: serde_json::Value::Null,
                live: true,
            };
            if !files::publish_new(&path, &encode(&holder)?)? {
                // Another thread of ours has just taken it; or a lease of ours has ended, and its file is still there.
                match read(&path, &here)? {
                    Some(other) if other.live => return Err(held(&other)),
                    _ => files::publish(&path, &encode(&holder)?)?,
                }
            }
            let lease = Lease { folder: folder.clone(), path: path.clone(), holder, hold };
            let Some((_, rival)) = overlapping(&folder, question, shard, Some(&path), &here)?.into_iter().find(|(_, h)| h.live) else {
                for (dead, _) in others.iter().filter(|(p, _)| *p != path) {
                    // One that stays is dead all the same.
                    let _ = std::fs::remove_file(dead);
                }
                return Ok(lease);
            };
            drop(lease);
            if round >= TRIES {
                return Err(held(&rival));
            }
            // Different from writer to writer and from round to round, and longer from round to round.
            let seed = blake3::hash(format!("{} {round}", self.writer()).as_bytes());
            std::thread::sleep(Duration::from_micros(500 + u64::from(seed.as_bytes()[0]) * 40 * (round + 1)));
        }
        Err(Error::invalid("no lease was taken"))
    }

    /// All holders of leases, live and dead, in the order of their files' names; files that cannot be read are left out ([`Campaign::verify`] names them).
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be listed.
    pub fn leases(&self) -> Result<Vec<Holder>, Error> {
        Ok(self.leases_each()?.into_iter().filter_map(|(_, h)| h.ok()).collect())
    }

    pub(crate) fn leases_each(&self) -> Result<Vec<(PathBuf, Result<Holder, Error>)>, Error> {
        each(&self.folder().join(FOLDER), &Place::find())
    }
}

impl Lease {
    /// Holds it for another while, and says how far the work has come.
    ///
    /// # Errors
    /// [`Error::Held`] if it had ended and another holder has taken it; what was computed may be written all the same. [`Error::Full`],
    /// [`Error::Unwritable`] or [`Error::Io`] if it cannot be written; the old end then stands.
    pub fn renew(&self, progress: &serde_json::Value) -> Result<(), Error> {
        let here = Place::find();
        let rival = || -> Result<(), Error> {
            let others = overlapping(&self.folder, &self.holder.question, self.holder.shard, Some(&self.path), &here)?;
            others.iter().find(|(_, h)| h.live).map_or(Ok(()), |(_, h)| Err(held(h)))
        };
        let holder = Holder { until: end(self.hold), progress: progress.clone(), ..self.holder.clone() };
        // Made again if somebody has removed it: who works is worth knowing.
        let publish = || files::make_folder(&self.folder).and_then(|()| files::publish(&self.path, &encode(&holder)?));
        let renewed = rival().and_then(|()| publish()).and_then(|()| rival());
        if matches!(renewed, Err(Error::Held { .. })) {
            self.give_back();
        }
        renewed
    }

    /// Who holds it, as first published.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    fn give_back(&self) {
        // A file that stays ends by itself.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Where this process runs.
struct Place {
    host: String,
    space: String,
    pid: u32,
    start: Option<u64>,
}

impl Place {
    fn find() -> Place {
        let text = |path: &str| std::fs::read_to_string(path).map(|s| s.trim().to_string()).unwrap_or_default();
        let boot = text("/proc/sys/kernel/random/boot_id");
        let names = std::fs::read_link("/proc/self/ns/pid").map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        let space = if boot.is_empty() || names.is_empty() { String::new() } else { format!("{boot} {names}") };
        let host = Some(text("/proc/sys/kernel/hostname")).filter(|h| !h.is_empty()).unwrap_or_else(|| "a machine".to_string());
        let pid = std::process::id();
        Place { host, space, pid, start: started(pid) }
    }

    /// Whether a holder was a process of this machine that is gone.
    fn gone(&self, holder: &Holder) -> bool {
        let ours = !self.space.is_empty() && holder.host == self.host && holder.space == self.space;
        ours && holder.start.is_some() && started(holder.pid) != holder.start
    }
}

/// When a process of this machine started, in ticks since boot; `None` if there is none, if it has ended and only waits for its parent, or where the system
/// does not say.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold spaces and parentheses; field 3, the state, follows it, and the start is field 22 (proc(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[allow(clippy::disallowed_methods, reason = "a lease ends at a time; no result depends on who holds it")]
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// When a lease that begins now ends: whole seconds, rounded up.
fn end(hold: Duration) -> u64 {
    now().saturating_add(hold.as_secs()).saturating_add(u64::from(hold.subsec_nanos() > 0))
}

fn file_name(question: &str, (i, n): (u32, u32), writer: &str) -> String {
    format!("{question}-{i}of{n}-{writer}.json")
}

fn encode(holder: &Holder) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(holder).map_err(|e| Error::invalid(format!("the lease cannot be written: {e}")))?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads a lease; `None` if it is gone.
fn read(path: &Path, here: &Place) -> Result<Option<Holder>, Error> {
    let Some(bytes) = files::read_if_there(path)? else { return Ok(None) };
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let damaged = |what: String| Error::damaged(path, what, REMOVE);
    let found = serde_json::from_slice::<Version>(&bytes).map_err(|e| damaged(e.to_string()))?.schema;
    if found > SCHEMA {
        return Err(Error::Newer { path: path.to_path_buf(), found, known: SCHEMA });
    }
    let mut holder: Holder = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    let name = file_name(&holder.question, holder.shard, &holder.writer);
    if path.file_name().is_none_or(|n| *n != *name) || holder.shard.1 == 0 {
        return Err(damaged(format!("what it says belongs in {name}")));
    }
    holder.live = holder.until > now() && !here.gone(&holder);
    Ok(Some(holder))
}

/// All leases of a folder.
fn each(folder: &Path, here: &Place) -> Result<Vec<(PathBuf, Result<Holder, Error>)>, Error> {
    let names = files::names(folder)?.into_iter().filter(|n| n.ends_with(".json") && !n.starts_with('.'));
    Ok(names.filter_map(|n| Some((folder.join(&n), read(&folder.join(&n), here).transpose()?))).collect())
}

/// Holders, but for the one in `except`, whose share of the question overlaps with `shard`. One that cannot be read holds nobody up.
fn overlapping(folder: &Path, question: &str, shard: (u32, u32), except: Option<&Path>, here: &Place) -> Result<Vec<(PathBuf, Holder)>, Error> {
    let readable = each(folder, here)?.into_iter().filter_map(|(path, h)| Some((path, h.ok()?)));
    Ok(readable.filter(|(path, h)| h.question == question && overlap(h.shard, shard) && Some(path.as_path()) != except).collect())
}

/// Whether some number is I modulo N and J modulo M.
fn overlap((i, n): (u32, u32), (j, m): (u32, u32)) -> bool {
    let (mut g, mut rest) = (n, m);
    while rest != 0 {
        (g, rest) = (rest, g % rest);
    }
    i % g == j % g
}

fn held(holder: &Holder) -> Error {
    let Holder { writer, host, pid, question, shard: (i, n), .. } = holder;
    Error::Held { who: format!("share {i} of {n} of {question} is being worked on by process {pid} on {host} (writer {writer})"), until: holder.until }
}

/// Seconds since 1970 as a date and time in UTC.
pub(crate) fn utc(seconds: u64) -> String {
    // Civil date from days, after Howard Hinnant's "chrono-compatible low-level date algorithms"; years begin in March there.
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_overlap_exactly_if_some_run_is_in_both() {
        for (n, m) in (1..9u32).flat_map(|n| (1..9u32).map(move |m| (n, m))) {
            for (i, j) in (0..=n).flat_map(|i| (0..=m).map(move |j| (i, j))) {
                let common = (0..n * m).any(|run| run % n == i % n && run % m == j % m);
                assert_eq!(overlap((i, n), (j, m)), common, "{i} of {n} and {j} of {m}");
            }
        }
    }

    #[test]
    fn dates_are_the_calendars() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }

    #[test]
    fn a_process_that_is_gone_holds_nothing() {
        let here = Place::find();
        let Some(start) = here.start else { return }; // a system that does not say
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = started(child.id());
        assert!(other.is_some_and(|s| s >= start));
        let holder = |pid, start, space: &str| Holder {
            schema: SCHEMA,
            writer: "w".into(),
            host: here.host.clone(),
            space: space.into(),
            pid,
            start,
            question: "q".into(),
            shard: (0, 1),
            attempt: 1,
            until: 0,
            progress: serde_json::Value::Null,
            live: false,
        };
        assert!(!here.gone(&holder(child.id(), other, &here.space)));
        assert!(here.gone(&holder(child.id(), Some(start.wrapping_sub(1)), &here.space)), "the process id was given anew");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(here.gone(&holder(child.id(), other, &here.space)));
        assert!(!here.gone(&holder(child.id(), other, "another machine")), "of others only the clock tells");
        assert!(!here.gone(&holder(child.id(), None, &here.space)));
    }
}
