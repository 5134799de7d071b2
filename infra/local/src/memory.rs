//! How much memory this process may use, by what the machine, its control group and its limits say.

use std::fs;
use std::path::{Path, PathBuf};

use labelcast_functions::budget::ByteSize;
use rustix::process::{Resource, getrlimit};

/// Where control groups are mounted.
const CGROUPS: &str = "/sys/fs/cgroup";

/// The budget unless the operator sets one: half of what the process may use. The other half is for everything that is
/// not counted: connections, the database's cache, and what the allocator keeps.
pub fn default_budget() -> ByteSize {
    ByteSize::new(usable() / 2)
}

/// What the process may use in bytes: the least of the machine's memory, its control group's limit, and `ulimit -v`.
pub fn usable() -> u64 {
    let own_groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| machine_memory(&text));
    [machine, group_limit(Path::new(CGROUPS), &own_groups), getrlimit(Resource::As).current]
        .into_iter()
        .flatten()
        .min()
        // Neither Linux nor a limit: enough for any picture that is taken.
        .unwrap_or(2 << 30)
}

fn machine_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The least limit of the process's group and those above it. `groups` is `/proc/self/cgroup`: `ID:CONTROLLERS:PATH` a
/// line; the line of version 2 has no controllers.
fn group_limit(mount: &Path, groups: &str) -> Option<u64> {
    let mut least: Option<u64> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|controller| controller == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => continue,
        };
        // In a container the path may be the one outside, which is not to be seen; then the mount is the group itself.
        let mut place: PathBuf = root.join(path.trim_start_matches('/'));
        loop {
            let limit = fs::read_to_string(place.join(file)).ok().and_then(|text| text.trim().parse::<u64>().ok());
            least = [least, limit].into_iter().flatten().min();
            if place == root || !place.pop() {
                break;
            }
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, file: &str, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }

    #[test]
    fn total_memory_comes_from_meminfo() {
        let text = "MemTotal:        4042624 kB\nMemFree:          123 kB\n";
        assert_eq!(machine_memory(text), Some(4_042_624 * 1024));
        assert_eq!(machine_memory("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn in_cgroup_v2_the_lowest_limit_of_the_group_and_its_parents_applies() {
        let mount = tempfile::tempdir().unwrap();
        write(&mount.path().join("system.slice/labelcast.service"), "memory.max", "max\n");
        write(&mount.path().join("system.slice"), "memory.max", "1073741824\n");
        let groups = "0::/system.slice/labelcast.service\n";
        assert_eq!(group_limit(mount.path(), groups), Some(1 << 30));
        write(&mount.path().join("system.slice/labelcast.service"), "memory.max", "536870912\n");
        assert_eq!(group_limit(mount.path(), groups), Some(512 << 20));
    }

    #[test]
    fn in_cgroup_v1_the_memory_controllers_limit_applies() {
        let mount = tempfile::tempdir().unwrap();
        write(&mount.path().join("memory/app"), "memory.limit_in_bytes", "268435456\n");
        write(&mount.path().join("cpu/app"), "memory.limit_in_bytes", "1\n");
        write(&mount.path().join("memory"), "memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(group_limit(mount.path(), "4:cpu:/app\n3:memory:/app\n"), Some(256 << 20));
    }

    #[test]
    fn in_a_container_the_mount_root_is_the_group() {
        let mount = tempfile::tempdir().unwrap();
        write(mount.path(), "memory.max", "134217728\n");
        assert_eq!(group_limit(mount.path(), "0::/docker/not-to-be-seen-here\n"), Some(128 << 20));
        assert_eq!(group_limit(mount.path(), ""), None);
    }

    #[test]
    fn the_default_budget_is_at_most_half_of_the_available_memory() {
        assert!(default_budget().bytes() > 0);
        assert!(default_budget().bytes() <= usable() / 2);
    }
}
