//! How many files the system lets this process have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what is no connection: the database, objects, requests of our own.
const OTHERS: u64 = 256;

/// How many of the wanted connections may be open. Asks the system for as many files as it allows: many systems give a
/// process 1,024 unless it asks.
pub(super) fn for_connections(wanted: usize) -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHERS);
    let allowed = maximum.map_or(needed, |maximum| needed.min(maximum));
    let given = match current {
        Some(current) if current < allowed => {
            let raised = Rlimit { current: Some(allowed), maximum };
            setrlimit(Resource::Nofile, raised).map_or(current, |()| allowed)
        }
        _ => allowed,
    };
    let connections = connections(given, wanted);
    if connections < wanted {
        tracing::warn!(connections, wanted, "the system allows few open files; raise the hard limit (ulimit -Hn)");
    }
    connections
}

/// A half at least, where files are so few that the others would take them all.
fn connections(files: u64, wanted: usize) -> usize {
    let free = files.saturating_sub(OTHERS).max(files / 2).max(1);
    usize::try_from(free).map_or(wanted, |free| free.min(wanted))
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connections_leave_files_for_the_rest() {
        assert_eq!(connections(20_000, 15_000), 15_000);
        assert_eq!(connections(4_096, 15_000), 4_096 - 256);
        assert_eq!(connections(300, 15_000), 150);
        assert_eq!(connections(0, 15_000), 1);
    }
}
