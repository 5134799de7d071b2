//! Who may run which rows: leases, in the memory of the one process that has the directory.
//!
//! A lease begins when a worker is about to run its rows and lasts for as long as the worker holds it: it cannot run out
//! while its holder lives, and it ends with the process. It is a value that cannot be copied, and every row under it
//! carries its token; so a row is ended, put back or made a dead letter only by whoever was given it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use labelcast_functions::ports::PortResult;
use tokio::sync::Notify;

use super::Target;
use super::table::{Due, Job, JobTable};

/// Maximum number of recently added rows kept in memory, so that taking them needs no query.
const FRESH: usize = Target::MAX_BATCH;
/// Maximum size of their payloads together, in bytes.
const FRESH_BYTES: usize = 4 << 20;

/// The queue of one function: the table, and what is cached of it.
pub(super) struct JobQueue {
    target: Target,
    state: Mutex<State>,
    arrived: Notify,
    /// Serialises queries of the table.
    looking: tokio::sync::Mutex<()>,
}

struct State {
    /// Copies of recently added rows without a lease, in ascending order.
    fresh: VecDeque<Job>,
    fresh_bytes: usize,
    /// Whether the table may have due rows that are neither fresh nor leased.
    more: bool,
    /// The highest row that a query has returned.
    seen: i64,
    /// The token of each row under a lease.
    leased: HashMap<i64, u64>,
    /// Rows whose lease ended during a query, which may still return their earlier state.
    ended: Option<Vec<i64>>,
    last_token: u64,
}

/// The right to run some rows and to record their outcomes.
pub(super) struct Lease {
    queue: Arc<JobQueue>,
    token: u64,
    rows: Vec<i64>,
}

/// Jobs handed to a worker, with their lease.
pub(super) struct Taken {
    pub(super) jobs: Vec<Job>,
    lease: Lease,
}

impl Taken {
    /// Splits off the first jobs, with their lease.
    pub(super) fn split_front(&mut self, count: usize) -> Self {
        let jobs = self.jobs.drain(..count).collect();
        let rows = self.lease.rows.drain(..count).collect();
        Self { jobs, lease: Lease { queue: self.lease.queue.clone(), token: self.lease.token, rows } }
    }

    /// Drops the jobs and keeps the lease.
    pub(super) fn into_lease(self) -> Lease {
        self.lease
    }
}

impl Lease {
    /// The rows under this lease.
    pub(super) fn rows(&self) -> &[i64] {
        &self.rows
    }
}

impl Drop for Lease {
    /// Ends the lease once the outcomes are in the table; rows that are still due are found there.
    fn drop(&mut self) {
        let mut state = self.queue.state();
        for row in self.rows.drain(..) {
            if state.leased.get(&row) != Some(&self.token) {
                continue;
            }
            match &mut state.ended {
                Some(ended) => ended.push(row),
                None => drop(state.leased.remove(&row)),
            }
        }
    }
}

impl JobQueue {
    pub(super) fn new(target: Target) -> Arc<Self> {
        Arc::new(Self {
            target,
            state: Mutex::default(),
            arrived: Notify::new(),
            looking: tokio::sync::Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an added, committed row. Called in the order of the rows.
    pub(super) fn added(&self, job: Job) {
        let mut state = self.state();
        if job.id > state.seen {
            let full = state.fresh.len() >= FRESH || state.fresh_bytes + job.bytes > FRESH_BYTES;
            if full || state.more {
                // Older ones have to be looked for first.
                state.more = true;
            } else {
                state.fresh_bytes += job.bytes;
                state.fresh.push_back(job);
            }
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Records that the table may have due rows.
    pub(super) fn look_again(&self) {
        self.state().more = true;
        self.arrived.notify_one();
    }

    /// Whether no row is under a lease.
    pub(super) fn is_idle(&self) -> bool {
        self.state().leased.is_empty()
    }

    /// Waits for jobs and leases up to `most` of them: one suspect alone, or others, oldest first.
    pub(super) async fn take(
        self: &Arc<Self>,
        table: &JobTable,
        now: impl Fn() -> DateTime<Utc>,
        most: usize,
    ) -> PortResult<Taken> {
        loop {
            let arrived = self.arrived.notified();
            if let Some(taken) = self.take_fresh(most) {
                return Ok(taken);
            }
            if let Some(taken) = self.look(table, now(), most).await? {
                return Ok(taken);
            }
            arrived.await;
        }
    }

    fn take_fresh(self: &Arc<Self>, most: usize) -> Option<Taken> {
        let mut state = self.state();
        let count = most.min(state.fresh.len());
        if count == 0 {
            return None;
        }
        let jobs: Vec<Job> = state.fresh.drain(..count).collect();
        state.fresh_bytes -= jobs.iter().map(|job| job.bytes).sum::<usize>();
        Some(self.lease(state, jobs))
    }

    async fn look(self: &Arc<Self>, table: &JobTable, now: DateTime<Utc>, most: usize) -> PortResult<Option<Taken>> {
        let _one = self.looking.lock().await;
        let leased = {
            let mut state = self.state();
            if !state.fresh.is_empty() || !state.more {
                drop(state);
                // Another worker has looked meanwhile, or something was added.
                return Ok(self.take_fresh(most));
            }
            // From here on what is added is fresh, unless the look shows it.
            state.more = false;
            state.ended = Some(Vec::new());
            state.leased.keys().copied().collect()
        };
        let due = table.due(self.target, now, most, leased).await;
        let mut state = self.state();
        let free = due.map(|due| state.shown(due));
        for row in state.ended.take().into_iter().flatten() {
            state.leased.remove(&row);
        }
        let mut free = free.inspect_err(|_| state.more = true)?;
        let together = match free.first().map(|first| first.suspect) {
            None => 0,
            Some(Some(_)) => 1,
            Some(None) => free.iter().take_while(|job| job.suspect.is_none()).count(),
        };
        if together < free.len() {
            free.truncate(together);
            state.forget_fresh();
        }
        if free.is_empty() {
            if state.more {
                self.arrived.notify_one();
            }
            return Ok(None);
        }
        Ok(Some(self.lease(state, free)))
    }

    fn lease(self: &Arc<Self>, mut state: MutexGuard<'_, State>, jobs: Vec<Job>) -> Taken {
        state.last_token += 1;
        let token = state.last_token;
        let rows: Vec<i64> = jobs.iter().map(|job| job.id).collect();
        state.leased.extend(rows.iter().map(|row| (*row, token)));
        if state.more || !state.fresh.is_empty() {
            // There is more for another worker of this function.
            self.arrived.notify_one();
        }
        Taken { jobs, lease: Lease { queue: self.clone(), token, rows } }
    }
}

impl Default for State {
    /// The state at startup: rows left by an earlier process come before those added now.
    fn default() -> Self {
        Self {
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            more: true,
            seen: 0,
            leased: HashMap::new(),
            ended: None,
            last_token: 0,
        }
    }
}

impl State {
    /// Records the result of a query; returns the rows without a lease.
    fn shown(&mut self, due: Due) -> Vec<Job> {
        self.seen = self.seen.max(due.last);
        if due.more {
            self.forget_fresh();
        } else {
            let seen = self.seen;
            self.fresh.retain(|job| job.id > seen);
            self.fresh_bytes = self.fresh.iter().map(|job| job.bytes).sum();
        }
        due.jobs.into_iter().filter(|job| !self.leased.contains_key(&job.id)).collect()
    }

    /// Forgets fresh rows, because older ones in the table come first.
    fn forget_fresh(&mut self) {
        self.fresh.clear();
        self.fresh_bytes = 0;
        self.more = true;
    }
}
