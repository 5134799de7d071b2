//! One topic and many subscribers, against the ceiling: the servers take turns, so that what else the machine does falls on
//! both.

use std::time::Duration;

use crate::client::{Fanout, Outcome};
use crate::process::Measured;

const ROUNDS: usize = 3;
const DELIVERIES_A_SECOND: u32 = 20_000;

/// One server's turn.
struct Turn {
    idle: u64,
    saturated: Outcome,
    steady: Outcome,
}

/// Measures with a thousand and with ten thousand subscribers.
pub async fn run() {
    println!(
        "| subscribers | what | labelcast | ceiling | times the ceiling | bar |\n| --- | --- | --- | --- | --- | --- |"
    );
    for subscribers in [1_000, 10_000] {
        let (mut ours, mut ceilings) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ceilings.push(turn(&Measured::ceiling().await, subscribers).await);
            ours.push(turn(&Measured::labelcast().await, subscribers).await);
        }
        print(subscribers, &ours, &ceilings);
    }
}

async fn turn(server: &Measured, subscribers: u32) -> Turn {
    let before = server.memory();
    let fanout = Fanout::open(server, subscribers).await;
    let idle = server.memory().saturating_sub(before) / u64::from(subscribers);
    let saturated = fanout.run(server, 16, Duration::ZERO, Duration::from_secs(4)).await;
    let pause = Duration::from_secs(1) * subscribers / DELIVERIES_A_SECOND;
    let steady = fanout.run(server, 16, pause, Duration::from_secs(6)).await;
    Turn { idle, saturated, steady }
}

fn print(subscribers: u32, ours: &[Turn], ceilings: &[Turn]) {
    let row = |what: &str, of: &dyn Fn(&Turn) -> f64, digits: usize, bar: &str| {
        let column = |turns: &[Turn]| each(turns.iter().map(of), digits);
        let times = each(ours.iter().zip(ceilings).map(|(ours, ceiling)| of(ours) / of(ceiling)), 2);
        println!("| {subscribers} | {what} | {} | {} | {times} | {bar} |", column(ours), column(ceilings));
    };
    row("saturated: thousand deliveries/s", &|turn| turn.saturated.per_second / 1e3, 0, "1200");
    row("saturated: CPU s per million", &|turn| turn.saturated.cpu_per_million, 2, "");
    row("20,000/s: CPU s per million", &|turn| turn.steady.cpu_per_million, 2, "1.3 times");
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    row("an idle connection: KB", &|turn| turn.idle as f64 / 1e3, 1, "6");
    let wrong = ours.iter().map(|turn| turn.saturated.wrong + turn.steady.wrong);
    println!("| {subscribers} | lost, doubled or reordered | {} | | | 0 |", wrong.sum::<u64>());
}

/// The rounds' figures, one beside the other.
fn each(figures: impl Iterator<Item = f64>, digits: usize) -> String {
    figures.map(|figure| format!("{figure:.digits$}")).collect::<Vec<_>>().join(", ")
}
