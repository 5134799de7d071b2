//! `make bench`: the real binary, measured; it has one core, this program the other (`taskset`). `bench` does all,
//! `bench fanout`, `bench connections`, `bench pings`, `bench filters`, `bench upload`, `bench burst` and
//! `bench search [IMAGES]` one of them. What is printed are figures, never verdicts.

mod burst;
mod ceiling;
mod client;
mod connections;
mod fanout;
mod filters;
mod pings;
mod process;
mod search;
mod search_data;
mod upload;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["ceiling", port] => ceiling::serve(port.parse().expect("a port")).await.expect("it can listen"),
        ["connections-ceiling", port] => {
            ceiling::accept(port.parse().expect("a port"), connections::serve).await.expect("it can listen");
        }
        ["connections"] => connections::run().await,
        ["pings"] => tokio::task::LocalSet::new().run_until(pings::run()).await,
        ["fanout"] => tokio::task::LocalSet::new().run_until(fanout::run()).await,
        ["filters"] => filters::run().await,
        ["burst"] => burst::run().await,
        ["upload"] => upload::run().await,
        ["search"] => search::run(1_000_000).await,
        ["search", images] => search::run(images.parse().expect("how many images")).await,
        [] => {
            tokio::task::LocalSet::new().run_until(fanout::run()).await;
            println!();
            connections::run().await;
            println!();
            tokio::task::LocalSet::new().run_until(pings::run()).await;
            println!();
            filters::run().await;
            println!();
            upload::run().await;
            println!();
            burst::run().await;
            println!();
            search::run(1_000_000).await;
        }
        _ => eprintln!("bench [fanout | connections | pings | filters | upload | burst | search [IMAGES]]"),
    }
}
