//! What the linker leaves out of the `bootstrap`, so that it is small and starts fast.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=without_unwinding.ld");
    // Of all profiles only the one for Lambda asks for the smallest code; it ends a process that panics.
    if env::var("OPT_LEVEL").as_deref() == Ok("z") {
        let here = env::var("CARGO_MANIFEST_DIR").expect("Cargo tells where the crate is");
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{here}/without_unwinding.ld");
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
}
