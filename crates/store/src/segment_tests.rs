//! Segments as bytes: headers, checksums and what is found after damage.

use super::*;
use std::io::Cursor;

fn header() -> Header {
    Header {
        schema: SCHEMA,
        campaign: "c".into(),
        writer: "w".into(),
        made_by: Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() },
    }
}

fn run(id: &str) -> Table {
    Table::default().str("run_id", [Some(id)]).i64("steps", [Some(7)]).f64("loss", [Some(0.1)])
}

/// The bytes of a segment with one run a frame.
fn segment(header: &Header, runs: &[&str]) -> Vec<u8> {
    let temp = tempfile::tempdir().unwrap();
    let mut log = Log::default();
    for id in runs {
        log.append(temp.path(), header, &[(0, &run(id))]).unwrap();
    }
    std::fs::read(temp.path().join(file_name(&header.writer, 0))).unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<Segment, Error> {
    parse(Path::new("s.seg"), Cursor::new(bytes), bytes.len() as u64, Some("c"), None, 1 << 20)
}

fn frame_of(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let at = begin(&mut out);
    out.extend(payload);
    end(&mut out, at).unwrap();
    out
}

#[test]
fn headers_are_checked() {
    let whole = segment(&header(), &["a", "b"]);
    let read = read_bytes(&whole).unwrap();
    assert_eq!((read.frames, read.torn, read.tables[0].1.rows()), (2, 0, 2));
    assert_eq!((read.writer.as_str(), &read.made_by), ("w", &header().made_by));
    let newer = segment(&Header { schema: SCHEMA + 1, ..header() }, &["a"]);
    assert!(matches!(read_bytes(&newer), Err(Error::Newer { found, .. }) if found == SCHEMA + 1));
    let foreign = segment(&Header { campaign: "d".into(), ..header() }, &["a"]);
    assert!(read_bytes(&foreign).unwrap_err().to_string().contains("another campaign"));
    // A data frame first, a second header, a frame of an unknown sort, an empty one: all with good checksums.
    let first = HEAD as usize + lengths(whole[..16].try_into().unwrap()).0 as usize;
    for bytes in [whole[first..].to_vec(), [&whole[..], &whole[..first]].concat(), [whole.clone(), frame_of(&[7, 1])].concat(), [whole, frame_of(&[])].concat()]
    {
        assert!(matches!(read_bytes(&bytes), Err(Error::Damaged { .. })));
    }
}

#[test]
fn a_false_frame_within_a_row_hides_nothing() {
    // A marker in a text, even with a whole frame after it, is no frame as long as the frame around it is good.
    let inner = frame_of(&[9, 9, 9]);
    let text: String = inner.iter().map(|b| char::from(b & 0x7f)).collect();
    let mut ids = segment(&header(), &[&text, "b"]);
    assert_eq!(read_bytes(&ids).unwrap().frames, 2);
    // Rubbish after the last frame is a torn tail, however long; a whole frame in it is not.
    let whole = ids.len() as u64;
    ids.extend((0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8));
    assert_eq!(read_bytes(&ids).unwrap().torn, 200_000);
    ids.extend(MARKER);
    ids.extend([0xff; 8]);
    assert_eq!(read_bytes(&ids).unwrap().torn, 200_016);
    let next = ids.len();
    ids.extend(frame_of(&[1, 0]));
    let e = read_bytes(&ids).unwrap_err().to_string();
    assert!(e.contains(&format!("byte {whole} ")) && e.contains(&format!("byte {next} ")), "{e}");
}

#[test]
fn a_frame_is_found_wherever_the_windows_of_the_search_end() {
    let whole = segment(&header(), &["a"]);
    for gap in ((1 << 16) - 20..(1 << 16) + 20).chain([1, 7, 16, 3 << 16]) {
        let bytes = [whole.clone(), vec![0x89; gap], frame_of(&[1, 0])].concat();
        let e = read_bytes(&bytes).unwrap_err().to_string();
        assert!(e.contains(&format!("byte {} is whole", whole.len() + gap)), "{gap}: {e}");
    }
}

#[test]
fn a_file_made_of_markers_takes_no_quadratic_time() {
    let mut bytes = segment(&header(), &["a"]);
    // Every 16 bytes a frame that claims the rest of the file.
    let total = 4 << 20;
    while bytes.len() + 16 <= total {
        let left = (total - bytes.len() - 16) as u32;
        bytes.extend(MARKER);
        bytes.extend((left & !15).to_le_bytes());
        bytes.extend([1, 2, 3, 4]);
    }
    assert!(matches!(read_bytes(&bytes), Err(Error::Damaged { .. })));
}

/// Makes the fuzzer's seeds anew.
#[test]
#[ignore = "writes fuzz/seeds/segment"]
fn make_seeds() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/segment"));
    std::fs::create_dir_all(&folder).unwrap();
    let temp = tempfile::tempdir().unwrap();
    let mut log = Log::default();
    let curve = Table::default()
        .str("run_id", vec![Some("a"); 5])
        .i64("step", (0..5).map(|s| Some(s * s)))
        .f64("loss", [Some(0.1), Some(f64::NAN), None, Some(-0.0), Some(f64::INFINITY)])
        .f64("narrow", (0..5).map(|s| Some(f64::from(s) / 2.0)))
        .bool("ok", [Some(true), None, None, Some(false), Some(true)])
        .str("note", vec![None::<&str>; 5]);
    for id in ["a", "b"] {
        log.append(temp.path(), &header(), &[(0, &run(id)), (1, &curve)]).unwrap();
    }
    let whole = std::fs::read(temp.path().join(file_name("w", 0))).unwrap();
    let claim = [vec![1, 1, 0, 0, 1, 0, 1, b'a', 11], vec![0x80; 9], vec![1, 2]].concat();
    let header_only = &segment(&header(), &["a"])[..HEAD as usize + lengths(whole[..16].try_into().unwrap()).0 as usize];
    for (name, bytes) in [
        ("whole.seg", whole.clone()),
        ("torn.seg", whole[..whole.len() - 9].to_vec()),
        ("damaged-before-whole.seg", [&whole[..whole.len() - 9], &frame_of(&[1, 0])[..]].concat()),
        ("claims-many-rows.seg", [header_only, &frame_of(&claim)[..]].concat()),
    ] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}
