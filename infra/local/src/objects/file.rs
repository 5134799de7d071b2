//! An object's file: its bytes, then the 16 bytes of their MD5, which is the ETag. So bytes and ETag are one inode, which
//! is replaced as a whole and never written again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use labelcast_functions::ports::ObjectInfo;
use md5::{Digest, Md5};

const FOOTER: usize = 16;

/// An object that is being written under a temporary name.
pub(super) struct Writing {
    file: File,
    path: PathBuf,
    digest: Md5,
    size: u64,
    kept: bool,
}

impl Writing {
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { file, path, digest: Md5::new(), size: 0, kept: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Gives it its place. Durable when it returns: the file and its folder are synced.
    pub(super) fn keep(mut self, place: &Path) -> io::Result<ObjectInfo> {
        let digest = std::mem::take(&mut self.digest).finalize();
        self.file.write_all(&digest)?;
        self.file.sync_data()?;
        fs::rename(&self.path, place)?;
        self.kept = true;
        sync_folder_of(place)?;
        Ok(ObjectInfo { size: self.size, etag: hex::encode(digest) })
    }
}

impl Drop for Writing {
    /// What was broken off leaves nothing behind.
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn sync_folder_of(place: &Path) -> io::Result<()> {
    match place.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Opens an object for reading from its beginning; `None` if there is none.
pub(super) fn open(place: &Path) -> io::Result<Option<(File, ObjectInfo)>> {
    let mut file = match File::open(place) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let size = length.checked_sub(FOOTER as u64).ok_or(io::ErrorKind::InvalidData)?;
    file.seek(SeekFrom::Start(size))?;
    let mut digest = [0; FOOTER];
    file.read_exact(&mut digest)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Some((file, ObjectInfo { size, etag: hex::encode(digest) })))
}
