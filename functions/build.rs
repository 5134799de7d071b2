//! Builds again when the page was built.

use std::path::Path;

fn main() {
    // A path that is missing would count as changed each time.
    let built = Path::new("../web/dist/index.html");
    let watched = if built.exists() { "../web/dist" } else { "../web/package.json" };
    println!("cargo::rerun-if-changed={watched}");
}
