//! Segments: any bytes give rows or an error, never a panic, and never take memory out of proportion to their size.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| pennydrop_store::fuzz_segment(data));
