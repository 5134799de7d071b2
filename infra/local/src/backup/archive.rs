//! The tar file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use chrono::Utc;
use tar::{Builder, Header};
use tokio_util::sync::CancellationToken;

use super::BackupError;

/// A tar file that is being written.
pub(super) struct Archive<'a> {
    builder: Builder<BufWriter<File>>,
    /// What it will be called.
    name: &'a Path,
    /// What its paths are relative to.
    root: &'a Path,
    stop: &'a CancellationToken,
}

impl<'a> Archive<'a> {
    pub(super) fn begin(output: File, name: &'a Path, root: &'a Path, stop: &'a CancellationToken) -> Self {
        Self { builder: Builder::new(BufWriter::new(output)), name, root, stop }
    }

    /// Adds a file of the data directory; one that is gone is left out.
    pub(super) fn add(&mut self, path: &Path) -> Result<(), BackupError> {
        let name = path.strip_prefix(self.root).map_err(io::Error::other).map_err(|why| read(path, why))?;
        self.add_as(path, name)
    }

    /// Adds a file under another name.
    pub(super) fn add_as(&mut self, path: &Path, name: &Path) -> Result<(), BackupError> {
        if self.stop.is_cancelled() {
            return Err(BackupError::Interrupted);
        }
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(why) => return Err(read(path, why)),
        };
        let metadata = file.metadata().map_err(|why| read(path, why))?;
        let mut header = Header::new_gnu();
        header.set_metadata(&metadata);
        header.set_mode(metadata.permissions().mode() & 0o600);
        let mut content = Exactly { inner: &mut file, left: metadata.len(), failed: None };
        let added = self.builder.append_data(&mut header, name, &mut content);
        match (added, content.failed) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(why)) => Err(read(path, why)),
            (Err(why), None) => Err(self.unwritten(why)),
        }
    }

    /// Adds a file of this text.
    pub(super) fn add_text(&mut self, name: &Path, text: &str) -> Result<(), BackupError> {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(Utc::now().timestamp()).unwrap_or_default());
        self.builder.append_data(&mut header, name, text.as_bytes()).map_err(|why| self.unwritten(why))
    }

    /// Adds what was received and not looked at yet.
    pub(super) fn add_received(&mut self, folder: &Path) -> Result<(), BackupError> {
        for entry in entries(folder)? {
            self.add_as(&entry.path(), &Path::new("objects/new").join(entry.file_name()))?;
        }
        Ok(())
    }

    /// Adds the objects, but for those that are added by `add_received`, those that are being written, and those of rejected
    /// uploads: nobody is shown them, and they are kept for some days only.
    pub(super) fn add_objects(&mut self, folder: &Path) -> Result<(), BackupError> {
        for entry in entries(folder)? {
            if !["new", "parts", "rejected"].iter().any(|left_out| entry.file_name() == *left_out) {
                self.add_all(&entry)?;
            }
        }
        Ok(())
    }

    fn add_all(&mut self, entry: &fs::DirEntry) -> Result<(), BackupError> {
        let kind = entry.file_type().map_err(|why| read(&entry.path(), why))?;
        if kind.is_file() {
            return self.add(&entry.path());
        }
        if kind.is_dir() {
            for entry in entries(&entry.path())? {
                self.add_all(&entry)?;
            }
        }
        Ok(())
    }

    /// Durable when it returns.
    pub(super) fn finish(self) -> Result<(), BackupError> {
        let name = self.name;
        let finish = || -> io::Result<()> {
            let mut output = self.builder.into_inner()?;
            output.flush()?;
            output.get_ref().sync_all()
        };
        finish().map_err(|why| BackupError::Write { path: name.to_owned(), why })
    }

    fn unwritten(&self, why: io::Error) -> BackupError {
        BackupError::Write { path: self.name.to_owned(), why }
    }
}

fn read(path: &Path, why: io::Error) -> BackupError {
    BackupError::Read { path: path.to_owned(), why }
}

/// What is in a folder, in the order of names; nothing if it is not there.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, BackupError> {
    let mut entries = match fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(read(folder, why)),
    };
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

/// Reads as many bytes as the header promises: fewer would shift everything after them. Keeps its error apart from those of
/// the output.
struct Exactly<R> {
    inner: R,
    left: u64,
    failed: Option<io::Error>,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let outcome = match self.inner.read(&mut buffer[..wanted]) {
            Ok(0) if wanted > 0 => Err(io::Error::other("the file shrank while it was read")),
            outcome => outcome,
        };
        match outcome {
            Ok(read) => {
                self.left -= read as u64;
                Ok(read)
            }
            Err(why) if why.kind() == io::ErrorKind::Interrupted => Err(why),
            Err(why) => {
                self.failed = Some(why);
                Err(io::Error::other("the input failed"))
            }
        }
    }
}
