mod append;
mod epoch;
mod expiry;
mod heads;
mod read;
mod used;

use std::sync::Arc;

use async_trait::async_trait;
use labelcast_functions::model::{Epoch, NotificationId, Seq, TopicKey};
use labelcast_functions::ports::{
    Appended, Clock, Expiry, Head, History, HistoryPage, NewEntry, PageLimit, PortResult, Random, TopicPosition,
};

use rusqlite::Transaction;

use crate::database::Database;
use crate::progress::Progress;

pub use epoch::mark_as_copy;
use heads::Heads;
use used::UsedTopics;

/// The history of topics in the database. All topics share one epoch: a database loses its history as a whole.
#[derive(Clone)]
pub struct SqliteHistory {
    database: Database,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    heads: Heads,
    progress: Progress,
    used: UsedTopics,
}

impl SqliteHistory {
    /// In this database. Draws the epoch if the database has none yet, is a copy of the one that had it, or was served when the
    /// machine went down.
    pub async fn open(database: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> PortResult<Self> {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        let drawn = Epoch::from_random(bytes);
        let file = epoch::FileIdentity::of(database.path());
        let boot = epoch::Boot::current();
        let change = move |group: &Transaction<'_>| epoch::of_database(group, &drawn, file.as_ref(), boot.as_ref());
        let epoch = database.write(change).await?;
        Ok(Self {
            database,
            clock,
            epoch,
            heads: Heads::default(),
            progress: Progress::default(),
            used: UsedTopics::default(),
        })
    }

    /// Moves with everything that is appended.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

/// Notes that the history in this database is whole on the disk. For a clean end, once nothing is appended any more.
pub async fn note_clean_end(database: &Database) -> PortResult<()> {
    database.write(epoch::note_clean_end).await
}

#[async_trait]
impl History for SqliteHistory {
    async fn append(&self, entries: &[NewEntry]) -> PortResult<Vec<Appended>> {
        let rows = append::encode(entries, &self.epoch);
        let now = self.clock.now();
        // Made again from its job if a loss of power undoes it. The numbers may be others then, so the epoch is, too.
        let heads = self.heads.clone();
        let note = move |appended: Vec<Appended>| {
            heads.appended(
                appended.iter().flat_map(|one| &one.positions).map(|positions| (&positions.topic, positions.seq)),
            );
            appended
        };
        let appended = self.database.write_repeatable_then(move |group| append::append(group, rows, now), note).await;
        self.progress.made();
        appended
    }

    async fn mark_delivered(&self, _positions: &[TopicPosition]) -> PortResult<()> {
        // Pushes go out in the order of the numbers, so the watermark is the newest number itself.
        Ok(())
    }

    async fn head(&self, topic: &TopicKey) -> PortResult<Head> {
        self.used.note(topic, self.clock.now());
        let newest = match self.heads.get(topic) {
            Ok(newest) => newest,
            Err(look_up) => {
                let name = topic.to_string();
                let newest = self.database.read(move |connection| read::newest(connection, &name)).await?;
                self.heads.looked_up(topic, newest, look_up);
                newest
            }
        };
        Ok(Head { epoch: self.epoch.clone(), newest, watermark: newest })
    }

    async fn read(&self, topic: &TopicKey, after: Seq, limit: PageLimit) -> PortResult<HistoryPage> {
        let (topic, epoch) = (self.used.note(topic, self.clock.now()), self.epoch.clone());
        self.database.read_history(move |connection| read::page(connection, &topic, epoch, after, limit)).await
    }

    async fn ids(&self, topic: &TopicKey, after: Seq, limit: usize) -> PortResult<Vec<NotificationId>> {
        let topic = topic.to_string();
        self.database.read_history(move |connection| read::ids(connection, &topic, after, limit)).await
    }

    async fn expire(&self, expiry: Expiry) -> PortResult<u64> {
        self.used.write(&self.database).await?;
        expiry::expire(&self.database, &self.heads, expiry).await
    }
}
