use async_trait::async_trait;
use labelcast_functions::model::{BusEvent, ConnectionId};
use labelcast_functions::ports::{AnalysisJob, ApiKey, Ports};

use crate::Socket;
use crate::machine::SetClock;

/// A backend to be held against the contract of the ports. No function of Labelcast runs behind its queue and its bus: what
/// arrives there is handed to the test.
#[async_trait]
pub trait Backend: Sized + Send + Sync + 'static {
    /// Runs of a test that draws its course by chance; as many as take some seconds here.
    const ROUNDS: u64;

    /// One that holds nothing, with a clock of its own.
    async fn fresh() -> Self;

    /// Ends it and starts it again over what it kept. The clock stays what it was.
    async fn reopened(self) -> Self;

    /// What it takes the time from.
    fn clock(&self) -> &SetClock;

    /// What is held against the contract.
    fn ports(&self) -> &Ports;

    /// Opens a socket, whose connection has a row by then.
    async fn open(&self) -> (ConnectionId, Socket);

    /// From now on nobody takes jobs from the queue but [`Backend::next_job`].
    fn hold_jobs(&self);

    /// The next job that the queue delivers.
    async fn next_job(&self) -> AnalysisJob;

    /// The next event that the bus delivers.
    async fn next_event(&self) -> BusEvent;

    /// The key of the next object whose creation under `new/` is reported.
    async fn next_created(&self) -> String;

    /// Gives a program a key, as an operator does.
    async fn add_key(&self, key: &ApiKey, sha256: [u8; 32]);

    /// Takes a program's key away, as an operator does.
    async fn remove_key(&self, key: &ApiKey);
}
