//! What the linker leaves out of the `bootstrap`, so that it is small and starts fast.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=without_unwinding.ld");
    // Of all profiles only the one for Lambda asks for the smallest code; it ends a process that panics.
    if env::var("OPT_LEVEL").as_deref() != Ok("z") {
        return;
    }
    let here = env::var("CARGO_MANIFEST_DIR").expect("Cargo tells where the crate is");
    let mut arguments = vec![format!("-T,{here}/without_unwinding.ld"), "--no-eh-frame-hdr".to_owned()];
    // Zig, which links for other machines, does not fold equal functions.
    if !env::var("RUSTC_LINKER").is_ok_and(|linker| linker.contains("zig")) {
        arguments.push("--icf=all".to_owned());
    }
    for argument in arguments {
        println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
    }
}
