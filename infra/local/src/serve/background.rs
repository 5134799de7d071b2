//! What goes on while nobody asks: jobs, timers, clean-up.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use labelcast_functions::live::Swept;
use labelcast_functions::ports::PortResult;
use tokio_util::sync::CancellationToken;

use super::health;
use super::machine::Machine;
use crate::audit;
use crate::backup;
use crate::users::REFRESH_EVERY;

impl Machine {
    /// Works until `stop`: steps, timers, clean-up.
    pub async fn work(&self, stop: CancellationToken) -> PortResult<()> {
        let handler = self.dispatcher.run(self.handler.clone(), stop.clone());
        let gateway = self.gateway.clone();
        let reap = move || {
            gateway.reap();
            std::future::ready(())
        };
        let sweep = self.sweep.clone();
        let directory = self.directory.path();
        let tidy = move || {
            let sweep = sweep.clone();
            async move {
                health::metrics().run_upkeep();
                // A folder of some ten entries.
                backup::remove_left_over(directory);
                if let Err(error) = sweep.handle().await {
                    tracing::warn!(%error, "a sweep failed; will retry in a minute");
                }
            }
        };
        let seconds = every(Duration::from_secs(1), &stop, reap);
        let minutes = every(Duration::from_mins(1), &stop, tidy);
        let recovered = self.recovery.run(&self.dispatcher);
        let (handler, (), (), (), (), ()) =
            tokio::join!(handler, seconds, minutes, recovered, self.watch_accounts(&stop), self.write_audit(&stop));
        handler
    }

    /// Closes the sockets of users who have changed, soon after they did.
    async fn watch_accounts(&self, stop: &CancellationToken) {
        let seen = Mutex::new(None);
        every(REFRESH_EVERY, stop, async || match self.accounts.refresh().await {
            Ok(known) => {
                let before = seen.lock().unwrap_or_else(PoisonError::into_inner).replace(known.revision());
                if before != Some(known.revision()) {
                    self.gateway.close_revoked(|caller| known.is_current(caller));
                }
            }
            Err(error) => {
                metrics::counter!("labelcast_port_errors_total", "kind" => "accounts").increment(1);
                tracing::warn!(%error, "users could not be looked up; refusing tokens until they can be");
            }
        })
        .await;
    }

    /// Writes to the log what the command line did beside the server.
    async fn write_audit(&self, stop: &CancellationToken) {
        every(Duration::from_secs(1), stop, async || {
            labelcast_functions::audit::write_counted();
            if let Err(error) = audit::write_to_log(&self.database).await {
                metrics::counter!("labelcast_port_errors_total", "kind" => "audit").increment(1);
                tracing::warn!(%error, "audit records could not be read; keeping them, will retry");
            }
        })
        .await;
    }

    /// Sweeps once, as the schedule does.
    pub async fn sweep(&self) -> PortResult<Swept> {
        self.sweep.handle().await
    }
}

async fn every<F: Future<Output = ()>>(period: Duration, stop: &CancellationToken, mut work: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => work().await,
        }
    }
}
