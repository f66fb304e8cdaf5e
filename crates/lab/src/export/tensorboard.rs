//! TensorBoard's event files: a folder a run, with one file of scalars.
//!
//! A tag for each column of numbers of the curves, `step` as the step, seconds since the run began as the wall time (so the clock of "relative" is right and
//! that of "wall" begins in 1970). TensorBoard holds scalars in single precision. A file is a sequence of records (length, checksum, bytes, checksum; see
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord>, "TFRecords format details"), each a protocol buffer `Event`
//! (<https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto>): five fields, written here by hand.

use super::{Exported, Source, check_target, named, temporary, wrote};
use crate::Error;
use pennydrop_store::ScanData;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// By this file an export knows a folder that an export made.
pub(super) const MARK: &str = "pennydrop-export.json";
const FILE: &str = "events.out.tfevents.0.pennydrop";

pub(super) fn write(source: &Source, path: &Path, force: bool) -> Result<Exported, Error> {
    let folder = temporary(path)?;
    let done = files(source, &folder).map_err(|e| named(e, path)).and_then(|done| {
        check_target(path, force, super::Format::Tensorboard)?;
        if path.symlink_metadata().is_ok() {
            fs::remove_dir_all(path).map_err(|e| wrote(path, e))?;
        }
        fs::rename(&folder, path).map_err(|e| wrote(path, e))?;
        Ok(done)
    });
    if done.is_err() {
        // The error above is the one to tell.
        let _ = fs::remove_dir_all(&folder);
    }
    done
}

fn files(source: &Source, folder: &Path) -> Result<Exported, Error> {
    fs::create_dir(folder).map_err(|e| wrote(folder, e))?;
    let mark = serde_json::json!({"schema": "pennydrop.tensorboard/1", "campaign": source.folder.display().to_string()});
    fs::write(folder.join(MARK), format!("{mark}\n")).map_err(|e| wrote(folder, e))?;
    let names = source.names();
    let mut open: Option<(String, PathBuf, Vec<u8>)> = None;
    let mut done = Exported::default();
    source.blocks(&names, |scan| {
        let steps = scan.get_i64("step").unwrap_or_default();
        let walls = scan.get_f64("wall_s").unwrap_or_default();
        let tags: Vec<(&str, &[Option<f64>])> = scan
            .columns()
            .filter_map(|(name, data)| match data {
                ScanData::F64(v) if name != "wall_s" => Some((name, v.as_slice())),
                _ => None,
            })
            .collect();
        let Some(ids) = scan.get_text("run_id") else { return Ok(()) };
        for row in 0..scan.rows() {
            let id = ids.get(row).unwrap_or_default();
            if open.as_ref().is_none_or(|(run, ..)| run != id) {
                close(open.take())?;
                let place = folder.join(id);
                fs::create_dir(&place).map_err(|e| wrote(&place, e))?;
                open = Some((id.to_string(), place.join(FILE), record(&version())));
                done.files += 1;
            }
            if let Some((_, path, bytes)) = &mut open {
                let values = tags.iter().filter_map(|(name, v)| Some((*name, v[row]?)));
                let wall = walls.get(row).copied().flatten().unwrap_or(0.0);
                bytes.extend(record(&event(wall, steps.get(row).copied().flatten().unwrap_or(0), values)));
                if bytes.len() > 1 << 20 {
                    append(path, bytes)?;
                    bytes.clear();
                }
            }
        }
        Ok(())
    })?;
    close(open)?;
    done.rows = source.rows() as u64;
    Ok(done)
}

fn close(open: Option<(String, PathBuf, Vec<u8>)>) -> Result<(), Error> {
    open.map_or(Ok(()), |(_, path, bytes)| append(&path, &bytes))
}

fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = fs::OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut f| f.write_all(bytes)).map_err(|e| wrote(path, e))
}

fn varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// A field of bytes.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

/// The first event of every file: what it is.
fn version() -> Vec<u8> {
    let mut out = vec![1 << 3 | 1];
    out.extend(0f64.to_le_bytes());
    bytes(&mut out, 3, b"brain.Event:2");
    out
}

/// `Event { wall_time = 1, step = 2, summary = 5 { value = 1 { tag = 1, simple_value = 2 } } }`.
fn event<'a>(wall: f64, step: i64, values: impl Iterator<Item = (&'a str, f64)>) -> Vec<u8> {
    let mut out = vec![1 << 3 | 1];
    out.extend(wall.to_le_bytes());
    out.push(2 << 3);
    varint(&mut out, step as u64);
    let mut summary = Vec::new();
    for (tag, x) in values {
        let mut value = Vec::new();
        bytes(&mut value, 1, tag.as_bytes());
        value.push(2 << 3 | 5);
        value.extend((x as f32).to_le_bytes());
        bytes(&mut summary, 1, &value);
    }
    bytes(&mut out, 5, &summary);
    out
}

/// A record: length, its checksum, bytes, their checksum.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length).to_le_bytes(), data, &masked(data).to_le_bytes()].concat()
}

/// A checksum that does not stay the same when checksums are checksummed.
fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

/// CRC-32C (Castagnoli, RFC 3720), a byte at a time.
fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut i = 0;
        while i < 256 {
            let mut c = i as u32;
            let mut k = 0;
            while k < 8 {
                c = if c & 1 == 1 { c >> 1 ^ 0x82F6_3B78 } else { c >> 1 };
                k += 1;
            }
            table[i] = c;
            i += 1;
        }
        table
    };
    !data.iter().fold(!0, |c, b| c >> 8 ^ TABLE[((c ^ u32::from(*b)) & 255) as usize])
}

/// A file's events as (wall time, step, tags and values), by a reader that shares no code with the writer but the checksum.
#[cfg(test)]
pub(super) fn read(file: &[u8]) -> Vec<(f64, i64, Vec<(String, f32)>)> {
    /// Fields of a message: number, and either bits or bytes.
    fn fields(mut at: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
        fn number(at: &mut &[u8]) -> u64 {
            let end = at.iter().position(|b| b & 0x80 == 0).unwrap();
            let x = at[..=end].iter().rev().fold(0, |x, b| x << 7 | u64::from(b & 0x7f));
            *at = &at[end + 1..];
            x
        }
        fn take<'a>(at: &mut &'a [u8], n: usize) -> &'a [u8] {
            let (taken, rest) = at.split_at(n);
            *at = rest;
            taken
        }
        let mut found = Vec::new();
        while !at.is_empty() {
            let key = number(&mut at);
            found.push(match key & 7 {
                0 => (key >> 3, number(&mut at), Vec::new()),
                1 => (key >> 3, u64::from_le_bytes(take(&mut at, 8).try_into().unwrap()), Vec::new()),
                5 => (key >> 3, u64::from(u32::from_le_bytes(take(&mut at, 4).try_into().unwrap())), Vec::new()),
                2 => {
                    let n = number(&mut at) as usize;
                    (key >> 3, 0, take(&mut at, n).to_vec())
                }
                other => panic!("wire type {other}"),
            });
        }
        found
    }
    let mut at = 0;
    let mut events = Vec::new();
    while at < file.len() {
        let word = |i: usize| u32::from_le_bytes(file[i..i + 4].try_into().unwrap());
        let length = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
        let unmask = |m: u32| m.wrapping_sub(0xA282_EAD8).rotate_left(15);
        assert_eq!(unmask(word(at + 8)), crc32c(&file[at..at + 8]));
        let data = &file[at + 12..at + 12 + length];
        assert_eq!(unmask(word(at + 12 + length)), crc32c(data));
        let event = fields(data);
        let get = |n: u64| event.iter().find(|f| f.0 == n);
        if at == 0 {
            assert_eq!(get(3).unwrap().2, b"brain.Event:2");
        } else {
            let value = |f: (u64, u64, Vec<u8>)| {
                let v = fields(&f.2);
                (String::from_utf8(v[0].2.clone()).unwrap(), f32::from_bits(v[1].1 as u32))
            };
            let values = fields(&get(5).unwrap().2).into_iter().map(value).collect();
            events.push((f64::from_bits(get(1).unwrap().1), get(2).unwrap().1 as i64, values));
        }
        at += 16 + length;
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_castagnolis() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    }

    #[test]
    fn a_known_record_has_these_bytes() {
        // The first record of every file that TensorFlow's writer makes with time 0: 24 bytes of content.
        let bytes = record(&version());
        assert_eq!(bytes.len(), 16 + 24);
        assert_eq!(bytes[..12], [24, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[12..36], *b"\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2");
    }
}
