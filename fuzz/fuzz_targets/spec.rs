//! Overrides and spec files: any bytes give a spec or an error, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| pennydrop_lab::fuzz_spec(data));
