//! Search over many images, by the port and the merging that `GET /images` uses.

use std::path::Path;
use std::time::{Duration, Instant};

use labelcast::database::Database;
use labelcast::store::SqliteImages;
use labelcast_functions::model::{Audience, Image, Position};
use labelcast_functions::ports::Images;
use labelcast_functions::query::{Conjunction, Normal, Page, Query, merge};

use super::search_data::{DAY_AND_NIGHT, fill, label};

const PAGE: usize = 50;
/// How often each page is asked for.
const REPEATS: usize = 20;

/// Fills a database and asks.
pub async fn run(images: u32) {
    let directory = tempfile::tempdir().expect("a place for temporary files");
    let begin = Instant::now();
    fill(directory.path(), images, 1).expect("an empty database can be filled");
    println!("{images} images, filled in {:.0?}\n", begin.elapsed());
    println!("| search | page | p50 ms | p99 ms | max ms | images a page |\n| --- | --- | --- | --- | --- | --- |");
    for (name, queries) in classes() {
        for page in [1, 100] {
            println!("| {name} | {page} | {} |", measure(directory.path(), &queries, page).await);
        }
    }
}

/// What is searched for: frequent labels and rare ones.
fn classes() -> Vec<(&'static str, Vec<String>)> {
    let [day, night] = DAY_AND_NIGHT;
    let ranks = [0, 1, 3, 7, 15, 30, 60, 120, 250, 500];
    vec![
        ("one label", ranks.iter().map(|rank| label(*rank)).collect()),
        ("two labels", ranks.iter().map(|rank| format!("{} {}", label(*rank), label(rank + 5))).collect()),
        ("two labels that hardly meet", vec![format!("{day} {night}")]),
        (
            "a label without another",
            ranks.iter().map(|rank| format!("{} -{}", label(rank + 1), label(*rank))).collect(),
        ),
        ("a label without its opposite", vec![format!("{day} -{night}"), format!("{night} -{day}")]),
        ("a prefix of one letter", ["s*", "b*", "t*", "k*", "v*"].map(str::to_owned).to_vec()),
        ("a prefix of three letters", ranks.iter().map(|rank| format!("{}*", &label(*rank)[..3])).collect()),
        ("everything", vec![String::new()]),
    ]
}

async fn measure(directory: &Path, queries: &[String], page: usize) -> String {
    let images = SqliteImages::new(Database::open(directory).expect("it was just filled"));
    let (mut times, mut shown, mut pages) = (Vec::new(), 0, 0);
    for query in queries {
        let Normal::Conjunctions(conjunctions) = Query::parse(query).expect("a good query").normalized() else {
            continue;
        };
        let mut before = Position::NEWEST;
        for _ in 1..page {
            match ask(&images, &conjunctions, before).await.next {
                Some(next) => before = next,
                None => break,
            }
        }
        for _ in 0..REPEATS {
            let begin = Instant::now();
            let found = ask(&images, &conjunctions, before).await;
            times.push(begin.elapsed());
            shown += found.items.len();
            pages += 1;
        }
    }
    times.sort_unstable();
    let at = |hundredth: usize| milliseconds(times[(times.len() - 1) * hundredth / 100]);
    format!("{} | {} | {} | {}", at(50), at(99), at(100), shown / pages)
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1_000.0)
}

async fn ask(images: &SqliteImages, conjunctions: &[Conjunction], before: Position) -> Page<Image> {
    let mut streams = Vec::with_capacity(conjunctions.len());
    for conjunction in conjunctions {
        let found = images.candidates(conjunction, Audience::EVERYONE, before, PAGE + 1).await;
        streams.push(found.expect("the database answers"));
    }
    merge(streams, PAGE)
}
