//! Frames: round trips of any tables, and every kind of nonsense.

use super::*;
use proptest::prelude::*;

fn all(payload: &[u8], want: Option<usize>, gathered: &mut Gathered) -> Result<(), Wrong> {
    gathered.add(&payload[1..], want, &mut (1 << 24))
}

fn cells<T: Clone + std::fmt::Debug + 'static>(value: impl Strategy<Value = T> + Clone + 'static, rows: usize) -> BoxedStrategy<Vec<Option<T>>> {
    let any = prop::collection::vec(prop::option::of(value.clone()), rows);
    let full = prop::collection::vec(value.clone().prop_map(Some), rows);
    let same = prop::option::of(value).prop_map(move |x| vec![x; rows]);
    prop_oneof![any, full, same].boxed()
}

fn column(rows: usize) -> BoxedStrategy<ColumnData> {
    let numbers = prop_oneof![any::<u64>().prop_map(f64::from_bits), any::<f32>().prop_map(f64::from), Just(f64::NAN), Just(-0.0), Just(f64::NEG_INFINITY)];
    let singles = prop_oneof![any::<f32>().prop_map(f64::from), Just(f64::NAN)];
    prop_oneof![
        cells(prop_oneof![any::<i64>(), -9i64..9], rows).prop_map(ColumnData::I64),
        cells(numbers, rows).prop_map(ColumnData::F64),
        cells(singles, rows).prop_map(ColumnData::F64),
        cells("\\PC{0,12}", rows).prop_map(ColumnData::Str),
        cells(any::<bool>(), rows).prop_map(ColumnData::Bool),
    ]
    .boxed()
}

fn table() -> BoxedStrategy<Table> {
    (0usize..20)
        .prop_flat_map(|rows| prop::collection::vec(column(rows), 1..6))
        .prop_map(|columns| Table { columns: columns.into_iter().enumerate().map(|(i, data)| Column { name: format!("column {i}"), data }).collect() })
        .boxed()
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(frames in prop::collection::vec(prop::collection::vec((0..KINDS.len(), table()), 1..4), 1..5)) {
        let (mut known, mut gathered) = (Known::new(), Gathered::default());
        let mut want: Vec<(usize, Table)> = Vec::new();
        for frame in &frames {
            let tables: Vec<(usize, &Table)> = frame.iter().map(|(k, t)| (*k, t)).collect();
            let mut payload = Vec::new();
            for definition in encode(&tables, &known, &mut payload) {
                let number = known.len() as u64;
                prop_assert_eq!(known.insert(definition, number), None);
            }
            all(&payload, None, &mut gathered).unwrap();
            // Kinds that are not wanted are passed over without harm to those that are.
            let mut some = Gathered::default();
            if known.len() == frame.len() && want.is_empty() {
                all(&payload, Some(frame[0].0), &mut some).unwrap();
            }
            for (kind, table) in frame {
                let names = |t: &Table| t.columns.iter().map(|c| (c.name.clone(), c.data.type_name())).collect::<Vec<_>>();
                match want.iter_mut().find(|(k, t)| k == kind && names(t) == names(table)) {
                    Some((_, t)) => t.append(table.clone()).unwrap(),
                    None => want.push((*kind, table.clone())),
                }
            }
        }
        prop_assert_eq!(gathered.sets, want);
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic(mut payload in prop::collection::vec(any::<u8>(), 1..200), edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), real: bool) {
        if real {
            let t = Table::default().str("run_id", [Some("a"), None, Some("b")]).f64("x", [Some(1.5), Some(0.1), None]).i64("n", [Some(3); 3]).bool("b", [Some(true), None, Some(false)]);
            payload.clear();
            encode(&[(0, &t), (0, &t)], &Known::new(), &mut payload);
            for (at, value) in edits {
                let at = at.index(payload.len());
                payload[at] = value;
            }
        }
        let mut gathered = Gathered::default();
        if all(&payload, None, &mut gathered).is_ok() {
            gathered.sets.iter().for_each(|(_, t)| t.check().unwrap());
        }
    }
}

#[test]
fn few_bytes_cannot_take_much_memory() {
    let t = Table::default().str("s", vec![Some("x".repeat(1000)); 100]).i64("n", vec![None; 100]);
    let mut payload = Vec::new();
    encode(&[(0, &t)], &Known::new(), &mut payload);
    assert!(payload.len() < 1100);
    assert_eq!(Gathered::default().add(&payload[1..], None, &mut 100_000), Err(Wrong::TooLarge));
    Gathered::default().add(&payload[1..], None, &mut 110_000).unwrap();
    // A claim of 2⁶³ rows, all of them null
    let mut claim = vec![1, 0, 0, 1, 0, 1, b'a', 11];
    put(&mut claim, 1 << 63);
    claim.push(ALL_NULL);
    assert_eq!(Gathered::default().add(&claim, None, &mut (1 << 40)), Err(Wrong::TooLarge));
}

#[test]
fn a_row_of_many_columns_stays_small() {
    let mut row = Table::default().str("run_id", [Some("0123456789abcdef")]);
    for i in 0..119 {
        row = row.f64(&format!("a_column_with_a_long_name_{i}"), [Some(f64::from(i) / 7.0)]);
    }
    let mut known = Known::new();
    let mut sizes = Vec::new();
    for _ in 0..2 {
        let mut payload = Vec::new();
        for definition in encode(&[(0, &row)], &known, &mut payload) {
            known.insert(definition, 0);
        }
        sizes.push(payload.len());
    }
    assert!(sizes[0] > 4000 && sizes[1] < 1150, "{sizes:?}");
}
