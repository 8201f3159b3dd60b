#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| shuzi_fuzz::csv(bytes));
