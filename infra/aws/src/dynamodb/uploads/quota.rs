//! Beginning uploads, within what a user may begin.

use aws_sdk_dynamodb::types::Select;
use chrono::{DateTime, TimeDelta, Utc};
use labelcast_functions::model::{Upload, UploadId, UserId};
use labelcast_functions::ports::{Created, PortError, PortResult, Quota};
use serde::{Deserialize, Serialize};

use super::UploadRow;
use super::listing::moment;
use crate::dynamodb::change::If;
use crate::dynamodb::contention::Backoff;
use crate::dynamodb::{Table, port_error, text};

/// The row by which those who begin at the same time meet.
const QUOTA: &str = "quota";
/// How long it is remembered that an upload was begun: longer than the hour that quotas are about.
const REMEMBERED: TimeDelta = TimeDelta::hours(2);

#[derive(Debug, Serialize, Deserialize)]
struct QuotaRow {
    pk: String,
    sk: String,
    version: u64,
}

#[derive(Debug, Serialize)]
struct Begun {
    pk: String,
    sk: String,
    /// In seconds: DynamoDB forgets it some time after.
    ttl: i64,
}

impl Begun {
    fn of(upload: &Upload) -> Self {
        Self {
            pk: partition(&upload.user),
            sk: begun(upload.created_at, Some(&upload.id)),
            ttl: (upload.created_at + REMEMBERED).timestamp(),
        }
    }
}

fn partition(user: &UserId) -> String {
    format!("user#{user}")
}

fn begun(at: DateTime<Utc>, id: Option<&UploadId>) -> String {
    let id = id.map_or("", UploadId::as_str);
    format!("begun#{}#{id}", moment(at))
}

/// Whoever writes counted under the version that he counts up, so that nobody was passed over.
pub(super) async fn create(table: &Table, upload: &Upload, quota: Quota) -> PortResult<Created> {
    let mut backoff = Backoff::new(table.what);
    loop {
        let pk = partition(&upload.user);
        let known: Option<QuotaRow> = table.get(&pk, QUOTA).await?;
        if count(table, &upload.user, quota.since).await? >= u64::from(quota.per_hour) {
            return Ok(Created::OverQuota);
        }
        let (version, when) = known.map_or((1, If::Absent), |known| (known.version + 1, If::Version(known.version)));
        let mut actions = UploadRow::new(upload.clone()).created(table)?;
        actions.push(table.transact_put(&Begun::of(upload), If::Always)?);
        actions.push(table.transact_put(&QuotaRow { pk, sk: QUOTA.to_owned(), version }, when)?);
        match table.transact(actions).await? {
            Ok(()) => return Ok(Created::Stored),
            Err(cancelled) if cancelled.condition_of(0) => {
                let why = format!("upload {} already exists", upload.id);
                return Err(PortError::Failed { what: table.what, why });
            }
            Err(_) => backoff.wait().await?,
        }
    }
}

/// How many uploads a user began after that moment, within the time that is remembered.
pub(super) async fn count(table: &Table, user: &UserId, since: DateTime<Utc>) -> PortResult<u64> {
    let mut found = 0;
    let mut from = None;
    loop {
        let call = table
            .client
            .query()
            .table_name(&table.name)
            .consistent_read(true)
            .select(Select::Count)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(partition(user)))
            .expression_attribute_values(":first", text(begun(since + TimeDelta::milliseconds(1), None)))
            .expression_attribute_values(":last", text("begun#~"))
            .set_exclusive_start_key(from);
        let response = call.send().await.map_err(|error| port_error(table.what, &error))?;
        found += u64::try_from(response.count).unwrap_or(0);
        from = response.last_evaluated_key;
        if from.is_none() {
            return Ok(found);
        }
    }
}
