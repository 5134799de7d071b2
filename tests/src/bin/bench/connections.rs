//! Short-lived sockets: each connects, authenticates, subscribes, gets its response, and closes; compared with the minimum
//! a server has to do.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Measured;

const ROUNDS: usize = 3;
/// Sockets that come and go at the same time.
const MAX_CONCURRENCY: usize = 64;
const WARM_UP: Duration = Duration::from_secs(2);
const TIME: Duration = Duration::from_secs(8);

/// One server's turn.
struct Turn {
    per_second: f64,
    /// Microseconds of the server's CPU.
    cpu_each: f64,
    /// Connections that broke off, warm-up included.
    failed: u64,
}

/// Measures both, in turns.
pub async fn run() {
    println!("| connections with token and subscription | labelcast | ceiling |\n| --- | --- | --- |");
    let (mut ours, mut ceilings) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ceilings.push(turn(&Measured::connections_ceiling().await).await);
        ours.push(turn(&Measured::labelcast().await).await);
    }
    let row = |what: &str, of: &dyn Fn(&Turn) -> f64| {
        let column =
            |turns: &[Turn]| turns.iter().map(|turn| format!("{:.0}", of(turn))).collect::<Vec<_>>().join(", ");
        println!("| {what} | {} | {} |", column(&ours), column(&ceilings));
    };
    row("a second", &|turn| turn.per_second);
    row("the server's CPU, µs each", &|turn| turn.cpu_each);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    row("broken off", &|turn| turn.failed as f64);
}

async fn turn(server: &Measured) -> Turn {
    let (done, failed) = (Cell::new(0_u64), Cell::new(0_u64));
    let end = Instant::now() + WARM_UP + TIME;
    let clients = (0..MAX_CONCURRENCY).map(|_| async {
        while Instant::now() < end {
            let count = if come_and_go(server).await.is_ok() { &done } else { &failed };
            count.set(count.get() + 1);
        }
    });
    let measured = async {
        tokio::time::sleep(WARM_UP).await;
        let (begin, cpu, before) = (Instant::now(), server.cpu(), done.get());
        tokio::time::sleep(TIME).await;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let connections = (done.get() - before) as f64;
        Turn {
            per_second: connections / begin.elapsed().as_secs_f64(),
            cpu_each: (server.cpu() - cpu) * 1e6 / connections,
            failed: 0,
        }
    };
    let (_, turn) = tokio::join!(futures_util::future::join_all(clients), measured);
    Turn { failed: failed.get(), ..turn }
}

/// One connection from beginning to end.
async fn come_and_go(server: &Measured) -> std::io::Result<()> {
    let mut stream = crate::client::subscribe(&server.address, &server.token).await?;
    // A close frame with the code 1000; masked with zeros.
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]).await?;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// The least that a server can do: takes a handshake, answers one message, and closes when it is asked to.
pub async fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = stream;
    let mut input = Vec::with_capacity(4096);
    if !crate::ceiling::read_head(&mut stream, &mut input).await? {
        return Ok(());
    }
    crate::ceiling::switch_protocols(&mut stream, &input).await?;
    let mut frame = [0; 512];
    let _ = stream.read(&mut frame).await?;
    stream.write_all(&crate::ceiling::frame(b"{\"type\":\"subscribed\"}")).await?;
    let _ = stream.read(&mut frame).await?;
    stream.write_all(&[0x88, 2, 0x03, 0xe8]).await
}
