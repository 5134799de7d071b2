//! What the linker leaves out of the `bootstrap`, so that it is small and starts fast.

fn main() {
    println!("cargo::rerun-if-changed=without_unwinding.ld");
    // Of all profiles only the one for Lambda asks for the smallest code; it ends a process that panics.
    if std::env::var("OPT_LEVEL").as_deref() == Ok("z") {
        let here = std::env::var("CARGO_MANIFEST_DIR").expect("Cargo tells where the crate is");
        for argument in [&format!("-T,{here}/without_unwinding.ld"), "--no-eh-frame-hdr", "--icf=all"] {
            println!("cargo::rustc-link-arg-bins=-Wl,{argument}");
        }
    }
}
