//! `make bench`: fan-out measured on the real binary, against a ceiling in the same run; the server has one core, this
//! program the other (`taskset`). Then search in a database of a million images. `bench fanout` and `bench search [IMAGES]`
//! do one of them. What is printed are figures, never verdicts.

mod ceiling;
mod client;
mod process;
mod search;
mod search_data;

use std::time::Duration;

use client::Fanout;
use process::Measured;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, word, port] = arguments.as_slice()
        && word == "ceiling"
    {
        ceiling::serve(port.parse().expect("a port")).await.expect("it can listen");
        return;
    }
    match arguments.get(1).map(String::as_str) {
        Some("search") => search::run(images(&arguments)).await,
        Some("fanout") => tokio::task::LocalSet::new().run_until(fan_out()).await,
        _ => {
            tokio::task::LocalSet::new().run_until(fan_out()).await;
            println!();
            search::run(images(&arguments)).await;
        }
    }
}

/// How many images are searched: the second argument, or a million.
fn images(arguments: &[String]) -> u32 {
    arguments.get(2).and_then(|number| number.parse().ok()).unwrap_or(1_000_000)
}

async fn fan_out() {
    println!(
        "| what | subscribers | deliveries/s | server CPU s per million | lost or reordered |\n| --- | --- | --- | --- | --- |"
    );
    for subscribers in [1_000, 10_000] {
        for ceiling in [true, false] {
            let server = if ceiling { Measured::ceiling().await } else { Measured::labelcast().await };
            let name = if ceiling { "ceiling, one write each" } else { "labelcast" };
            let before = server.memory();
            let fanout = Fanout::open(&server, subscribers).await;
            let idle = (server.memory() - before) / u64::from(subscribers);
            let saturated = fanout.run(&server, 16, Duration::ZERO, Duration::from_secs(5)).await;
            println!("| {name}, saturated | {subscribers} | {saturated} |");
            let pause = Duration::from_micros(u64::from(subscribers) * 50);
            let steady = fanout.run(&server, 16, pause, Duration::from_secs(10)).await;
            println!("| {name}, 20,000 a second | {subscribers} | {steady} |");
            println!("| {name}, an idle connection | {subscribers} | {idle} bytes | | |");
        }
    }
}
