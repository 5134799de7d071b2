//! The functions of sockets and notifications.

use super::{FromProvider, Provider};
use crate::images::ObjectExpiry;
use crate::live::{Authorize, CloseSubscribers, Connect, Disconnect, HistoryApi, Notify, PublishApi, Route, Sweep};

impl FromProvider for Authorize {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { verifier: provider.verifier()?, clock: provider.clock() })
    }
}

impl FromProvider for Connect {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            connections: provider.connection_rows()?,
            accounts: provider.accounts()?,
            settings: provider.settings()?,
        })
    }
}

impl FromProvider for Disconnect {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { connections: provider.connection_rows()? })
    }
}

impl FromProvider for Route {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self::new(
            provider.clock(),
            provider.connections()?,
            provider.pusher()?,
            provider.history()?,
            provider.images()?,
            provider.objects()?,
            provider.verifier()?,
            provider.settings()?,
            provider.replay_budget()?,
        ))
    }
}

impl FromProvider for HistoryApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            history: provider.history()?,
            images: provider.images()?,
            objects: provider.objects()?,
            settings: provider.settings()?,
            budget: provider.replay_budget()?,
        })
    }
}

impl FromProvider for PublishApi {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            random: provider.random(),
            bus: provider.public_bus()?,
            idempotency: provider.idempotency()?,
        })
    }
}

impl FromProvider for Notify {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self { partitioning: provider.partitioning()?, ..Self::unpartitioned(provider)? })
    }
}

impl Notify {
    /// One that serves all receivers itself, however many.
    ///
    /// # Errors
    /// A part cannot be made.
    pub fn unpartitioned<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            images: provider.images()?,
            objects: provider.objects()?,
            history: provider.history()?,
            connections: provider.connections()?,
            pusher: provider.pusher()?,
            partitioning: None,
        })
    }
}

impl FromProvider for CloseSubscribers {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            images: provider.images()?,
            history: provider.history()?,
            connections: provider.connections()?,
            pusher: provider.pusher()?,
        })
    }
}

impl FromProvider for Sweep {
    fn from_provider<P: Provider>(provider: &P) -> Result<Self, P::Error> {
        Ok(Self {
            clock: provider.clock(),
            connections: provider.connections()?,
            pusher: provider.pusher()?,
            uploads: provider.uploads()?,
            upload_jobs: provider.upload_jobs()?,
            objects: provider.objects()?,
            bus: provider.bus()?,
            history: provider.history()?,
            idempotency: provider.idempotency()?,
            expiry: if P::BUCKET_EXPIRES_OBJECTS { None } else { Some(ObjectExpiry::from_provider(provider)?) },
            settings: provider.settings()?,
        })
    }
}
