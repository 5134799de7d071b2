//! Packs the built web app, as it goes to browsers, into a list of its files, and the notices of third parties with it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Held while `make run` builds the web app at the same time.
const LOCK: &str = "../../target/web-app.lock";

fn main() -> io::Result<()> {
    let built = Path::new("../../web/dist");
    let started = SystemTime::now();
    if let Ok(lock) = File::open(LOCK) {
        lock.lock_shared()?;
        built_before(built, started - Duration::from_secs(2))?;
    }
    // A path that is missing would count as changed each time; an empty folder is noticed once something comes into it.
    let watched = match fs::create_dir_all(built) {
        Ok(()) => built,
        Err(_) => Path::new("../../web/package.json"),
    };
    println!("cargo::rerun-if-changed={}", watched.display());

    let notices = Path::new("../../THIRD-PARTY-NOTICES.txt");
    println!("cargo::rerun-if-changed={}", notices.display());

    let packed = PathBuf::from(std::env::var_os("OUT_DIR").expect("Cargo tells where to write"));
    let mut list = String::from("&[\n");
    let mut files = files(built)?;
    files.push(notices.to_owned());
    for (number, file) in files.iter().enumerate() {
        let to = packed.join(format!("{number}.gz"));
        let mut gzip = GzEncoder::new(fs::File::create(&to)?, Compression::best());
        io::copy(&mut fs::File::open(file)?, &mut gzip)?;
        gzip.finish()?;
        let name =
            if file == notices { Path::new("licenses.txt") } else { file.strip_prefix(built).expect("it lies there") };
        let name = name.to_str().expect("names of files are plain text");
        let to = to.to_str().expect("Cargo writes to plain paths");
        writeln!(list, "({name:?}, include_bytes!({to:?})),").expect("writing to text does not fail");
    }
    fs::write(packed.join("pages.rs"), list + "]\n")
}

/// Dates back what was built while this waited: Cargo takes what is newer than the start of this for changed, and would do
/// everything again.
fn built_before(folder: &Path, time: SystemTime) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            built_before(&path, time)?;
        } else {
            date_back(&path, time)?;
        }
    }
    date_back(folder, time)
}

fn date_back(path: &Path, time: SystemTime) -> io::Result<()> {
    let file = File::open(path)?;
    if file.metadata()?.modified()? > time { file.set_modified(time) } else { Ok(()) }
}

/// All below a folder, in the same order each time; none, if it is not there.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    found.sort();
    Ok(found)
}
