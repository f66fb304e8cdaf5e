//! No file takes memory far beyond twice its size (promise S1), however it lies. One test in its own program, because it counts every allocation.

use pennydrop_store::{Checkpoint, ReadOptions, Table, Tensor, encode_table, load_weights, parse_table};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Peak of what `f` allocates beyond what is allocated already.
fn peak<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = f();
    (PEAK.load(Relaxed) - before, result)
}

const MIB: usize = 1 << 20;

fn framed(header: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.resize(bytes.len().max(size), 0);
    bytes
}

#[test]
fn memory_is_bounded_by_the_file() {
    // An honest checkpoint of 16 MiB: the bytes are copied once.
    let honest = Checkpoint { tensors: vec![Tensor::from_u8("w", &[16 * MIB], &vec![1; 16 * MIB])], ..Default::default() }.encode().unwrap();
    let (used, loaded) = peak(|| Checkpoint::parse(&honest));
    loaded.unwrap();
    assert!(used < honest.len() + MIB, "{used}");

    // Headers that unpack to much more than they take: as large as the limit lets through, and larger.
    for header_size in [250 << 10, 16 * MIB] {
        let zeros = format!("{{\"a\":{{\"dtype\":\"U8\",\"shape\":[0{}],\"data_offsets\":[0,0]}}}}", ",0".repeat(header_size / 2));
        let names: String = (0..header_size / 60).map(|i| format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},")).collect();
        let names = format!("{{{}\"z\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}}}", names);
        let pairs: String = (0..header_size / 8).map(|i| format!("\"{i}\":\"\",")).collect();
        let pairs = format!("{{\"__metadata__\":{{{pairs}\"z\":\"\"}}}}");
        for (what, header) in [("zeros", zeros), ("names", names), ("pairs", pairs)] {
            let bytes = framed(header.as_bytes(), 0);
            let (used, _) = peak(|| load_weights(&bytes));
            assert!(used < 2 * bytes.len() + 16 * MIB, "{what} {header_size}: {used} for {}", bytes.len());
        }
    }
    // A header that claims everything.
    let (used, e) = peak(|| load_weights(&framed(&[b' '; 100], 0)[..20]).unwrap_err().to_string());
    assert!(used < MIB && e.contains("claims"), "{used}: {e}");

    // Parquet: any single byte changed may break the file, but not take memory beyond the stated limit.
    let table = Table::default().str("s", (0..500).map(|i| Some(format!("r{}", i % 9)))).i64("i", (0..500).map(|i| (i % 3 != 0).then_some(i)));
    let bytes = encode_table(&table, &Default::default()).unwrap();
    let options = ReadOptions { columns: None, limit: Some(MIB as u64) };
    let mut worst = 0;
    for at in 0..bytes.len() {
        for value in [0x00, 0x7f, 0x80, 0xff, bytes[at] ^ 0x10, bytes[at].wrapping_add(1)] {
            let mut changed = bytes.clone();
            changed[at] = value;
            let (used, _) = peak(|| parse_table(changed, &options).is_ok());
            worst = worst.max(used);
        }
    }
    assert!(worst < 8 * MIB, "{worst}");
}
