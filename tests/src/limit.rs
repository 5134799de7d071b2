//! A server whose memory is limited, as an operator would limit it.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A bound on the memory of one process: a control group where this machine lets us make one, `ulimit -v` otherwise.
pub struct MemoryLimit {
    bytes: u64,
    group: Option<Group>,
}

struct Group {
    folder: PathBuf,
    is_version_2: bool,
}

impl MemoryLimit {
    /// Of this many bytes.
    pub fn of(bytes: u64) -> Self {
        Self { bytes, group: Group::make(bytes) }
    }

    /// Whether it is a control group, whose limit is of what is used; `ulimit -v` counts what is only reserved, too.
    pub fn is_a_control_group(&self) -> bool {
        self.group.is_some()
    }

    /// A program that runs within it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let enter = match &self.group {
            Some(group) => format!("echo $$ > '{}/cgroup.procs'", group.folder.display()),
            None => format!("ulimit -v {}", self.bytes / 1024),
        };
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{enter} && exec \"$@\""), "sh"]).arg(program);
        command
    }

    /// The most that was in use at once, in bytes; `None` without a control group.
    pub fn peak(&self) -> Option<u64> {
        let group = self.group.as_ref()?;
        let file = if group.is_version_2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        std::fs::read_to_string(group.folder.join(file)).ok()?.trim().parse().ok()
    }
}

impl Group {
    fn make(bytes: u64) -> Option<Self> {
        let name = format!("labelcast-test-{}-{bytes}", std::process::id());
        let places =
            [("/sys/fs/cgroup", "memory.max", true), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", false)];
        places.into_iter().find_map(|(mount, file, is_version_2)| {
            let folder = Path::new(mount).join(&name);
            std::fs::create_dir(&folder).ok()?;
            let group = Self { folder, is_version_2 };
            // On a plain folder, or without the controller, this file is not there.
            let limit = group.folder.join(file);
            (limit.exists() && std::fs::write(limit, bytes.to_string()).is_ok()).then_some(group)
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The kernel takes a moment to see that the process is gone; what is left behind is empty.
        for _ in 0..100 {
            if std::fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
