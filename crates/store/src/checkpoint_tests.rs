//! Checkpoints: round trips, and every kind of damage.

use super::*;
use proptest::prelude::*;

fn example() -> Checkpoint {
    Checkpoint {
        tensors: vec![
            Tensor::from_f32("block0.attn.W_Q", &[2, 3], &[1.0, -0.0, f32::NAN, f32::INFINITY, 1e-45, 6.0]),
            Tensor::from_f64("adam.v", &[2], &[f64::NEG_INFINITY, 0.5]),
            Tensor::from_u64("step", &[], &[u64::MAX]),
            Tensor::from_i64("i", &[1], &[i64::MIN]),
            Tensor::from_u32("u", &[2], &[7, 8]),
            Tensor::from_u8("rng", &[3], &[1, 2, 3]),
            Tensor::from_f32("empty", &[0, 5], &[]),
        ],
        meta: [("run".to_string(), "abc".to_string()), ("\"ünicode\"\n".to_string(), "\\ok".to_string())].into(),
        made_by: Producer { engine: "0.1.0".into(), numerics: "1".into(), class: "test".into() },
    }
}

fn sorted(mut c: Checkpoint) -> Checkpoint {
    c.tensors.sort_by(|a, b| a.name.cmp(&b.name));
    c
}

/// A safetensors file of a hand-written header and `data` bytes of data.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn survives_the_round_trip_bit_by_bit() {
    let bytes = example().encode().unwrap();
    assert_eq!(bytes, example().encode().unwrap());
    let back = Checkpoint::parse(&bytes).unwrap();
    assert_eq!(back, sorted(example()));
    assert!(back.tensor("block0.attn.W_Q").unwrap().to_f32().unwrap()[2].is_nan());
    assert_eq!(back.tensor("step").unwrap().to_u64().unwrap(), [u64::MAX]);
    assert!(back.tensor("step").unwrap().to_f32().is_err());
    assert_eq!(load_weights(&bytes).unwrap(), back.tensors);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.safetensors");
    example().save(&path).unwrap();
    assert_eq!(Checkpoint::load(&path).unwrap(), back);
}

#[test]
fn every_cut_is_noticed() {
    let bytes = example().encode().unwrap();
    for cut in 0..bytes.len() {
        let e = Checkpoint::parse(&bytes[..cut]).unwrap_err();
        assert!(matches!(e, Error::Damaged { .. }), "cut at {cut}: {e}");
        assert!(load_weights(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Checkpoint::parse(&longer).is_err());
}

#[test]
fn every_flipped_bit_is_noticed_or_means_the_same() {
    let bytes = example().encode().unwrap();
    let whole = sorted(example());
    let mut noticed = 0;
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        match Checkpoint::parse(&changed) {
            Ok(same) => assert_eq!(same, whole, "bit {bit}"), // such as the case of a JSON escape, or a space of the padding
            Err(_) => noticed += 1,
        }
    }
    assert!(noticed * 100 > bytes.len() * 8 * 95, "{noticed}");
}

#[test]
fn wrong_headers_are_described() {
    let f32_at = |from: u64, to: u64| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":[{from},{to}]}}"#);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "at least 8"),
        (u64::MAX.to_le_bytes().to_vec(), "claims"),
        (file("{", 0), "header is wrong"),
        (file("[1]", 0), "header is wrong"),
        (file(&format!(r#"{{"a":{},"b":{}}}"#, f32_at(0, 4), f32_at(2, 6)), 6), "offset"), // overlap
        (file(&format!(r#"{{"a":{},"b":{}}}"#, f32_at(0, 4), f32_at(8, 12)), 12), "offset"), // gap
        (file(&format!(r#"{{"a":{}}}"#, f32_at(0, 8)), 8), "header is wrong"),             // type and shape do not fit
        (file(&format!(r#"{{"a":{}}}"#, f32_at(0, 4)), 3), "take 4 bytes and 3"),
        (file(&format!(r#"{{"a":{}}}"#, f32_at(0, 4)), 5), "take 4 bytes and 5"),
        (file(r#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#, 4), "F99"),
        (file(r#"{"a":{"dtype":"F64","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}}"#, 8), "header is wrong"),
        (file(r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,8]}}"#, 8), "header is wrong"),
        (file(&format!(r#"{{"__metadata__":{{"pennydrop":"{{}}"}},"a":{}}}"#, f32_at(0, 4)), 4), "schema"),
        (file(&format!("{{\"a\":{}", "[".repeat(100_000)), 0), "recursion"),
        (file(&" ".repeat(300 << 10), 0), "at most"),
    ];
    for (bytes, say) in cases {
        let e = load_weights(&bytes).unwrap_err();
        assert!(matches!(e, Error::Damaged { .. }) && e.to_string().contains(say), "{say}: {e}");
        assert!(Checkpoint::parse(&bytes).is_err());
    }
    // Offsets near 2⁶⁴, in steps that each look possible.
    let huge = (1u64 << 61) - 8;
    let parts: Vec<String> = (0..8).map(|i| format!(r#""t{i}":{{"dtype":"U8","shape":[{huge}],"data_offsets":[{},{}]}}"#, huge * i, huge * (i + 1))).collect();
    assert!(load_weights(&file(&format!("{{{}}}", parts.join(",")), 4)).is_err());
}

#[test]
fn foreign_files_load_and_their_other_types_are_named() {
    let plain = file(r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 8);
    assert_eq!(load_weights(&plain).unwrap(), [Tensor::from_f32("w", &[2], &[0.0, 0.0])]);
    assert!(matches!(Checkpoint::parse(&plain), Err(Error::Damaged { .. })));
    let half = file(r#"{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#, 4);
    let e = load_weights(&half).unwrap_err();
    assert!(matches!(e, Error::Unsupported { .. }) && e.to_string().contains("BF16"), "{e}");
}

#[test]
fn newer_schemas_are_named_as_such() {
    let text = String::from_utf8_lossy(&example().encode().unwrap()).into_owned();
    assert!(text.contains(r#"{\"schema\":1,"#));
    let newer = file(r#"{"__metadata__":{"pennydrop":"{\"schema\":2,\"new\":true}"}}"#, 0);
    assert!(matches!(Checkpoint::parse(&newer), Err(Error::Newer { found: 2, known: 1, .. })));
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    let mut c = example();
    c.tensors.push(Tensor::from_u8("rng", &[1], &[1]));
    assert!(c.encode().unwrap_err().to_string().contains("rng"));
    let mut c = example();
    c.tensors[0].bytes.pop();
    assert!(c.encode().unwrap_err().to_string().contains("W_Q"));
    let mut c = example();
    c.meta.insert("long".into(), "x".repeat(400 << 10));
    assert!(c.encode().unwrap_err().to_string().contains("header"));
    let mut c = example();
    c.tensors[0].name = "__metadata__".into();
    assert!(c.encode().is_err());
}

proptest! {
    #[test]
    fn bytes_of_any_kind_give_an_error_and_not_a_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200), framed: bool) {
        if framed && bytes.len() >= 8 {
            let n = bytes.len() as u64 - 8;
            bytes[..8].copy_from_slice(&n.to_le_bytes());
        }
        prop_assert!(Checkpoint::parse(&bytes).is_err());
        let _ = load_weights(&bytes);
    }

    #[test]
    fn mangled_checkpoints_never_load_as_something_else(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = example().encode().unwrap();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(loaded) = Checkpoint::parse(&bytes) {
            prop_assert_eq!(loaded, sorted(example()));
        }
    }
}
