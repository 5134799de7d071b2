//! A database full of images, to search in. Written row by row past the store, which would take an hour for a million;
//! a test holds what is written against what the store would have written.

use std::collections::BTreeMap;
use std::path::Path;

use chrono::DateTime;
use labelcast::database::Database;
use labelcast_functions::model::{Analysis, Color, Confidence, Label, LabelName};
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rusqlite::{Connection, Transaction, params};

/// Number of labels per image.
pub const LABELS_PER_IMAGE: usize = 10;
/// Different labels. The n-th is 1/n times as frequent as the first.
pub const LABELS: usize = 2_000;
/// Number of different uploaders.
const USERS: u32 = 1_000;

/// Every image has one of these two; one in [`BOTH`] has both. The worst case of a conjunction.
pub const DAY_AND_NIGHT: [&str; 2] = ["day", "night"];
/// See [`DAY_AND_NIGHT`].
pub const BOTH: u32 = 50_000;

/// The name of the n-th most frequent label, from 0. Beginnings are as unevenly spread as those of words are.
pub fn label(rank: usize) -> String {
    const ONSETS: [&str; 20] =
        ["s", "b", "c", "m", "p", "t", "d", "f", "h", "st", "l", "g", "r", "w", "n", "sk", "tr", "v", "k", "j"];
    const RHYMES: [&str; 10] = ["a", "un", "or", "ing", "e", "al", "ock", "ee", "ine", "ow"];
    let (first, second) = (rank % 20, rank / 20 % 10);
    format!("{}{}{}{}", ONSETS[first], RHYMES[second], ONSETS[rank / 200 % 20], RHYMES[(first + second) % 10])
}

/// What an image has: labels by rank, or [`LABELS`] and one more for day and night, with hundredths of a percent.
type Drawn = BTreeMap<usize, u16>;

/// Fills the database of a data directory, which must hold no images yet. The same seed makes the same images.
pub fn fill(directory: &Path, images: u32, seed: u64) -> Result<(), Box<dyn std::error::Error>> {
    let file = Database::open(directory)?.path().to_owned();
    let mut connection = Connection::open(file)?;
    // It can be made again if it gets lost.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", -256_000)?;
    let drawn = draw(images, &mut StdRng::seed_from_u64(seed));

    let group = connection.transaction()?;
    insert_images(&group, &drawn)?;
    // Term after term, and in each from the first image to the last: the order in which they are kept.
    insert_term(&group, "property", "everything", (1..=images).map(|number| (number, Confidence::FULL.hundredths())))?;
    for rank in 0..LABELS + DAY_AND_NIGHT.len() {
        let with = (1..).zip(&drawn).filter_map(|(number, labels)| Some((number, *labels.get(&rank)?)));
        insert_term(&group, "label", &name(rank), with)?;
    }
    for user in 0..USERS {
        let theirs = (1..=images).filter(|number| number % USERS == user);
        insert_term(&group, "uploader", &uploader(user), theirs.map(|number| (number, Confidence::FULL.hundredths())))?;
    }
    group.commit()?;
    Ok(())
}

fn draw(images: u32, random: &mut StdRng) -> Vec<Drawn> {
    let weights = (1..=LABELS).map(|rank| 1.0 / f64::from(u32::try_from(rank).expect("2,000 fits")));
    let by_rank = WeightedIndex::new(weights).expect("the weights are positive");
    (1..=images)
        .map(|number| {
            let mut labels = Drawn::new();
            for (place, _) in DAY_AND_NIGHT.iter().enumerate() {
                if number as usize % 2 == place || number % BOTH == 0 {
                    labels.insert(LABELS + place, random.random_range(8_500..=10_000));
                }
            }
            while labels.len() < LABELS_PER_IMAGE {
                labels.insert(by_rank.sample(random), random.random_range(8_500..=10_000));
            }
            labels
        })
        .collect()
}

fn name(rank: usize) -> String {
    rank.checked_sub(LABELS).map_or_else(|| label(rank), |place| DAY_AND_NIGHT[place].to_owned())
}

fn uploader(user: u32) -> String {
    format!("user-{user}")
}

/// The digest of the n-th image, from 1.
fn digest(number: u32) -> [u8; 32] {
    let mut digest = [0; 32];
    // Multiplying by an odd number keeps them different and spreads them, as digests are.
    digest[..8].copy_from_slice(&u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    digest
}

fn insert_images(group: &Transaction<'_>, drawn: &[Drawn]) -> rusqlite::Result<()> {
    let mut image = group.prepare(
        "INSERT INTO images (key, id, content_type, size, width, height, uploaded_at)
         VALUES (?1, ?2, 'image/jpeg', 250000, 1024, 768, ?3)",
    )?;
    let mut attached =
        group.prepare("INSERT INTO attached (image, place, upload, user) VALUES (?1, 0, 'upload-' || ?1, ?2)")?;
    let mut result = group
        .prepare("INSERT INTO results (number, image, status, version, analysis) VALUES (?1, ?1, 'visible', 1, ?2)")?;
    let names: Vec<LabelName> =
        (0..LABELS + DAY_AND_NIGHT.len()).filter_map(|rank| LabelName::fold(&name(rank))).collect();
    for (number, labels) in (1..).zip(drawn) {
        let at = 1_700_000_000_000 + i64::from(number) * 1_000;
        image.execute(params![number, digest(number), at])?;
        attached.execute(params![number, uploader(number % USERS)])?;
        let label = |(rank, hundredths): (&usize, &u16)| {
            Some(Label::new(names[*rank].clone(), Confidence::from_hundredths(*hundredths)?))
        };
        let color = |name: &str, percent| Color { name: name.to_owned(), hex: "#808080".to_owned(), percent };
        let analysis = Analysis {
            labels: labels.iter().filter_map(label).collect(),
            colors: vec![color("grey", Confidence::FULL), color("blue", Confidence::ZERO)],
            ..Analysis::nothing(DateTime::from_timestamp_millis(at).unwrap_or_default())
        };
        let analysis = serde_json::to_string(&analysis).expect("the model is plain data, which JSON can hold");
        result.execute(params![number, analysis])?;
    }
    Ok(())
}

fn insert_term(
    group: &Transaction<'_>,
    kind: &str,
    name: &str,
    images: impl Iterator<Item = (u32, u16)>,
) -> rusqlite::Result<()> {
    group
        .prepare_cached("INSERT INTO terms (kind, name, visible, total) VALUES (?1, ?2, 0, 0)")?
        .execute(params![kind, name])?;
    let term = group.last_insert_rowid();
    let mut posting =
        group.prepare_cached("INSERT INTO postings (term, number, confidence, hidden) VALUES (?1, ?2, ?3, 0)")?;
    let mut count = 0_u32;
    for (number, confidence) in images {
        posting.execute(params![term, number, confidence])?;
        count += 1;
    }
    let sql = if count == 0 {
        "DELETE FROM terms WHERE id = ?1 AND ?2 = 0"
    } else {
        "UPDATE terms SET visible = ?2, total = ?2 WHERE id = ?1"
    };
    group.prepare_cached(sql)?.execute(params![term, count]).map(drop)
}

#[cfg(test)]
mod tests {
    use labelcast::store::{SqliteImages, SqliteUploads};
    use labelcast_functions::model::{Audience, Position, Upload, UploadState};
    use labelcast_functions::ports::{Images, NewImage, Quota, Uploads};
    use labelcast_functions::query::Conjunction;

    use super::*;

    /// Everything that searches look at, by names.
    fn index(directory: &Path) -> Vec<(String, String, i64, i64, i64)> {
        let connection = Connection::open(Database::open(directory).unwrap().path()).unwrap();
        let terms = "SELECT kind, name, visible, total, -1 FROM terms";
        let postings = "SELECT kind, name, number, confidence, hidden FROM postings JOIN terms ON id = term";
        let mut statement =
            connection.prepare(&format!("{terms} UNION ALL {postings} ORDER BY 1, 2, 3, 4, 5")).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)));
        rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
    }

    #[tokio::test]
    async fn bulk_loaded_rows_equal_those_the_store_writes() {
        let (filled, stored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fill(filled.path(), 200, 7).unwrap();
        let images = SqliteImages::new(Database::open(filled.path()).unwrap());
        let everything = Conjunction::default();
        let page = images.candidates(&everything, Audience::EVERYONE, Position::NEWEST, 1_000).await.unwrap();
        assert_eq!(page.found.len(), 200);

        let database = Database::open(stored.path()).unwrap();
        let (uploads, store) = (SqliteUploads::new(database.clone()), SqliteImages::new(database));
        for (position, mut image) in page.found.into_iter().rev() {
            let by = image.uploads.first().unwrap().clone();
            let upload = Upload {
                id: by.upload_id,
                user: by.user,
                name: String::new(),
                state: UploadState::Pending,
                image_id: None,
                reason: None,
                created_at: image.uploaded_at,
                detached: false,
            };
            uploads.create(&upload, Quota { per_hour: 1_000, since: image.uploaded_at }).await.unwrap();
            let new = NewImage {
                id: image.id,
                content_type: image.content_type,
                size: image.size,
                width: image.width,
                height: image.height,
                uploaded_at: image.uploaded_at,
            };
            store.attach(&new, &upload.id).await.unwrap();
            let kept = store.store_result(&image.id, &image.result.as_ref().unwrap().analysis).await.unwrap().unwrap();
            assert_eq!(kept.result.as_ref().unwrap().position, position);
            // Files are nobody's here.
            image.generation = kept.generation.clone();
            assert_eq!(kept, image);
        }
        assert_eq!(index(filled.path()), index(stored.path()));
    }
}
