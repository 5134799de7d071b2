//! The functions that jobs and the schedule run, and the ports that they get.

use std::sync::Arc;

use labelcast_functions::images::{Analyze, Decoding, Failed, Index, Ingest, Leftovers, ObjectExpiry};
use labelcast_functions::live::{CloseSubscribers, Notify, Sweep};
use labelcast_functions::ports::Ports;
use labelcast_functions::settings::Settings;

use super::steps::FunctionSteps;
use crate::database::Database;
use crate::progress::Progress;
use crate::store::{SqliteImages, SqliteUploads};

/// The same ports for jobs, with look-ups of their own: neither waits for those of requests, nor they for these.
pub(super) fn of_jobs(ports: &Ports, database: &Database) -> Ports {
    let database = database.for_jobs();
    Ports {
        uploads: Arc::new(SqliteUploads::new(database.clone())),
        images: Arc::new(SqliteImages::new(database)),
        ..ports.clone()
    }
}

pub(super) fn steps(
    ports: &Ports,
    settings: &Arc<Settings>,
    decoding: Decoding,
    progress: [Progress; 2],
) -> FunctionSteps {
    let Ports { clock, uploads, images, objects, queue, bus, detector, history, connections, pusher, .. } =
        ports.clone();
    let settings = settings.clone();
    let undelivered = CloseSubscribers {
        images: images.clone(),
        history: history.clone(),
        connections: connections.clone(),
        pusher: pusher.clone(),
    };
    FunctionSteps {
        ingest: Ingest {
            clock: clock.clone(),
            objects: objects.clone(),
            uploads: uploads.clone(),
            images: images.clone(),
            queue,
            bus: bus.clone(),
            decoding,
            detector: Some(detector.clone()),
            settings: settings.clone(),
        },
        analyze: Analyze {
            clock: clock.clone(),
            detector,
            images: images.clone(),
            uploads: uploads.clone(),
            bus: bus.clone(),
            settings,
        },
        index: Index { images: images.clone(), objects: objects.clone(), uploads: uploads.clone(), bus: bus.clone() },
        notify: Notify { clock, images: images.clone(), objects, history, connections, pusher, division: None },
        failed: Failed { images, uploads, bus, undelivered: Arc::new(undelivered) },
        progress,
    }
}

pub(super) fn sweep(ports: &Ports, settings: &Arc<Settings>) -> Sweep {
    let Ports { clock, connections, pusher, uploads, upload_jobs, images, objects, bus, history, idempotency, .. } =
        ports.clone();
    let leftovers = Leftovers { images, uploads: uploads.clone(), objects: objects.clone() };
    let (expiry, settings) = (Some(ObjectExpiry::new(leftovers, settings.clone())), settings.clone());
    Sweep { clock, connections, pusher, uploads, upload_jobs, objects, bus, history, idempotency, expiry, settings }
}
