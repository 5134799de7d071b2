//! The running jobs, in a file that outlives the process.
//!
//! It is written before a job runs, without waiting for the disk: what is written survives the end of the process, and only
//! the loss of power loses it, which says nothing about a job. So it costs a system call, not a commit.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Target;

/// The file within a data directory. It belongs to one process, so backups leave it out.
const FILE_NAME: &str = "jobs-running";
/// Identifies a file of this layout.
const MAGIC: u64 = u64::from_le_bytes(*b"LCJOBS\0\x01");
/// Length of the header, in 64-bit words: the magic and the run id.
const HEADER: usize = 2;
/// Length of a worker's entry, in words: the number of jobs, whether alone, and their rows.
const WORKER: usize = 2 + Target::MAX_BATCH;

/// What an earlier process left behind.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Interrupted {
    /// The id of its run.
    pub(super) run: u64,
    /// Rows that were running, and whether each ran alone.
    pub(super) jobs: Vec<(i64, bool)>,
}

/// The file of this process.
#[derive(Debug)]
pub(super) struct RunningFile {
    file: File,
    failing: AtomicBool,
}

impl RunningFile {
    /// Reads what the previous process left behind. The caller must hold the directory's lock.
    pub(super) fn left_behind(directory: &Path) -> io::Result<Interrupted> {
        let bytes = match std::fs::read(directory.join(FILE_NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Interrupted::default()),
            Err(error) => return Err(error),
        };
        let words: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let [MAGIC, run, workers @ ..] = words.as_slice() else { return Ok(Interrupted::default()) };
        let jobs = workers.chunks_exact(WORKER).flat_map(|worker| {
            let (count, alone) = (usize::try_from(worker[0]).unwrap_or(0), worker[1] == 1);
            worker[2..].iter().take(count).map(move |id| (id.cast_signed(), alone))
        });
        Ok(Interrupted { run: *run, jobs: jobs.collect() })
    }

    /// Replaces the file by an empty one for `workers` workers, with a random run id.
    pub(super) fn begin(directory: &Path, run: u64, workers: usize) -> io::Result<Self> {
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(directory.join(FILE_NAME))?;
        // As long as it will ever be, so that a full disk does not make it forget.
        let mut words = vec![0_u64; HEADER + workers * WORKER];
        words[..HEADER].copy_from_slice(&[MAGIC, run]);
        file.write_all_at(&bytes(&words), 0)?;
        Ok(Self { file, failing: AtomicBool::new(false) })
    }

    /// Records that a worker is about to run these rows.
    pub(super) fn started(&self, worker: usize, rows: impl ExactSizeIterator<Item = i64>, alone: bool) {
        let mut words = vec![rows.len() as u64, u64::from(alone)];
        words.extend(rows.map(i64::cast_unsigned));
        self.write(worker, &words);
    }

    /// Records that a worker is idle.
    pub(super) fn ended(&self, worker: usize) {
        self.write(worker, &[0]);
    }

    /// Forgets the running jobs, because the operator is ending the process.
    pub(super) fn forget(directory: &Path) {
        // Without the file there are no suspects; nothing else depends on it.
        let _ = std::fs::remove_file(directory.join(FILE_NAME));
    }

    fn write(&self, worker: usize, words: &[u64]) {
        let at = ((HEADER + worker * WORKER) * size_of::<u64>()) as u64;
        let written = self.file.write_all_at(&bytes(words), at);
        let failed = written.is_err();
        if let Err(error) = written
            && !self.failing.load(Ordering::Relaxed)
        {
            tracing::warn!(%error, "running jobs could not be recorded: a job that kills the process would go unnoticed");
            metrics::counter!("labelcast_jobs_running_file_failures_total").increment(1);
        }
        self.failing.store(failed, Ordering::Relaxed);
    }
}

fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_running_at_a_crash_are_known_afterwards() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(RunningFile::left_behind(place.path()).unwrap(), Interrupted::default());
        let file = RunningFile::begin(place.path(), 7, 3).unwrap();
        file.started(0, [1, 2, 3].into_iter(), false);
        file.started(1, [4].into_iter(), false);
        file.started(2, [5].into_iter(), true);
        file.ended(1);
        file.started(0, [6].into_iter(), false);
        drop(file);
        let left = RunningFile::left_behind(place.path()).unwrap();
        assert_eq!(left, Interrupted { run: 7, jobs: vec![(6, false), (5, true)] });
        RunningFile::begin(place.path(), 8, 3).unwrap();
        assert_eq!(RunningFile::left_behind(place.path()).unwrap(), Interrupted { run: 8, jobs: vec![] });
    }

    #[test]
    fn a_foreign_file_is_ignored() {
        let place = tempfile::tempdir().unwrap();
        for content in [Vec::new(), b"x".to_vec(), vec![0xff; 100_000]] {
            std::fs::write(place.path().join(FILE_NAME), content).unwrap();
            assert_eq!(RunningFile::left_behind(place.path()).unwrap(), Interrupted::default());
        }
    }
}
