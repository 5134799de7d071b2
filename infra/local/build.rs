//! Writes what `--version` says: the version, and for a release the commit it is built from and that commit's day.

use std::env;
use std::path::Path;
use std::process::Command;

/// Where a repository keeps what it knows. Without it these sources came as an archive, maybe unpacked inside somebody else's
/// repository, whose commit would be a lie.
const REPOSITORY: &str = "../../.git";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env::var("CARGO_PKG_VERSION").expect("Cargo sets it");
    let version = commit().map_or_else(|| version.clone(), |commit| format!("{version} ({commit})"));
    println!("cargo::rustc-env=LABELCAST_VERSION={version}");
}

/// For example `abc1234 2026-11-29`.
fn commit() -> Option<String> {
    // Builds for development name no commit: each commit would have them compiled anew.
    if env::var("PROFILE").as_deref() != Ok("release") || !Path::new(REPOSITORY).exists() {
        return None;
    }
    // The log grows with each commit and checkout; the head itself changes only with the branch.
    for file in ["logs/HEAD", "HEAD"].into_iter().filter_map(|file| git(&["rev-parse", "--git-path", file])) {
        // A path that is missing would count as changed each time.
        if Path::new(&file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    git(&["log", "-1", "--format=%h %cs", "--abbrev=7"])
}

/// The line that Git prints; nothing where it is not installed, or refuses.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (!line.is_empty()).then_some(line)
}
