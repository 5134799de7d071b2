use labelcast_functions::model::{Image, Position};
use labelcast_functions::query::{Candidates, Conjunction};
use rusqlite::Connection;

use super::conjunction::{Advance, Walk};
use super::postings::Reader;
use super::{Viewer, rows};

/// What a page may cost, in rows of postings read. Measured: about 5 ms.
const BUDGET: usize = 16_000;
/// What reading an image costs, in the same measure.
const IMAGE: usize = 40;

pub(super) fn candidates(
    connection: &Connection,
    conjunction: &Conjunction,
    viewer: &Viewer,
    before: Position,
    limit: usize,
) -> rusqlite::Result<Candidates<Image>> {
    let mut found = Vec::new();
    let Some(mut walk) = Walk::plan(connection, conjunction, viewer)? else {
        return Ok(Candidates { found, looked_until: None });
    };
    let mut reader = Reader::new(connection, viewer.sees_hidden)?;
    // Numbers begin at 1, so there is nothing below the first.
    let first = rows::number(before) - 1;
    // All above it is done with.
    let mut from = first;
    loop {
        // At least one step down, so that whoever goes on from here gets further.
        if from < first && reader.spent >= BUDGET {
            return Ok(Candidates { found, looked_until: Some(rows::position(from + 1)) });
        }
        match walk.advance(&mut reader, from)? {
            Advance::End => return Ok(Candidates { found, looked_until: None }),
            Advance::Down(number) => from = number,
            // There is more than was requested.
            Advance::At(number) if found.len() >= limit.max(1) => {
                return Ok(Candidates { found, looked_until: Some(rows::position(number + 1)) });
            }
            Advance::At(number) => {
                reader.spent += IMAGE;
                let image = rows::by_number(connection, number)?;
                found.extend(
                    image
                        // What the index leaves open.
                        .filter(|image| conjunction.finds(image, viewer.audience()))
                        .map(|image| (rows::position(number), image)),
                );
                from = number - 1;
            }
        }
    }
}
