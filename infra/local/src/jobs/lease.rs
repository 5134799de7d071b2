//! Who may run which rows: leases, in the memory of the one process that has the directory.
//!
//! A lease begins when a worker is about to run its rows and lasts for as long as the worker holds it: it cannot run out while
//! its holder lives, and it ends with the process. It is a value that cannot be copied, and every row under it carries its
//! token; so a row is ended, put back or made a dead letter only by whoever was given it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use labelcast_functions::ports::PortResult;
use tokio::sync::Notify;

use super::Target;
use super::table::{Due, Job, JobTable};

/// Rows remembered since they were added, so that taking them needs no look at the table.
const FRESH: usize = Target::MAX_BATCH;
/// Bytes of their payloads.
const FRESH_BYTES: usize = 4 << 20;

/// The queue of one function: the table, and what is known of it.
pub(super) struct JobQueue {
    target: Target,
    state: Mutex<State>,
    arrived: Notify,
    /// One looks at the table at a time.
    looking: tokio::sync::Mutex<()>,
}

struct State {
    /// Rows that were added last and are under no lease, ascending: copies, the rows are in the table.
    fresh: VecDeque<Job>,
    fresh_bytes: usize,
    /// The table may have rows that are due and neither fresh nor leased.
    more: bool,
    /// The highest row that a look at the table has shown.
    seen: i64,
    /// The token of each row under a lease.
    leased: HashMap<i64, u64>,
    /// Rows whose lease ended while somebody looked at the table, who may still see them as they were.
    ended: Option<Vec<i64>>,
    last_token: u64,
}

/// The right to run some rows and to say what became of them.
pub(super) struct Lease {
    queue: Arc<JobQueue>,
    token: u64,
    rows: Vec<i64>,
}

/// Jobs that a worker was given.
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

    /// The lease alone, once the jobs themselves are not needed any more.
    pub(super) fn into_lease(self) -> Lease {
        self.lease
    }
}

impl Lease {
    /// What is under it.
    pub(super) fn rows(&self) -> &[i64] {
        &self.rows
    }
}

impl Drop for Lease {
    /// Whatever became of the rows is in the table now; those that are still due are found there.
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

    /// A row was added, and is committed. Called in the order of the rows.
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

    /// The table may have something that is due.
    pub(super) fn look_again(&self) {
        self.state().more = true;
        self.arrived.notify_one();
    }

    /// Whether nothing is under a lease.
    pub(super) fn is_idle(&self) -> bool {
        self.state().leased.is_empty()
    }

    /// Waits for jobs and leases up to so many: a suspect by itself, or others, oldest first.
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
    /// Nothing is known of the table yet: what a process before left there comes before what is added now.
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
    /// Takes note of what the table showed; answers what is under no lease.
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

    /// There are older ones in the table, which come first.
    fn forget_fresh(&mut self) {
        self.fresh.clear();
        self.fresh_bytes = 0;
        self.more = true;
    }
}
