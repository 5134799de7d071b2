//! What it costs to keep idle sockets: 10,000 that do nothing but answer the server's pings.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Measured;

const SOCKETS: u64 = 10_000;
/// Two rounds of pings, so that each socket answers twice.
const TIME: Duration = Duration::from_secs(50);

/// Opens the sockets, then measures while nothing but pings happens.
pub async fn run() {
    let server = Measured::labelcast().await;
    let pings = Rc::new(Cell::new(0_u64));
    for _ in 0..SOCKETS {
        let stream = crate::client::subscribe(&server.address, &server.token).await.expect("a subscription");
        tokio::task::spawn_local(answer(stream, pings.clone()));
    }
    let (begin, cpu, before) = (Instant::now(), server.cpu(), pings.get());
    tokio::time::sleep(TIME).await;
    let (seconds, cpu, answered) = (begin.elapsed().as_secs_f64(), server.cpu() - cpu, pings.get() - before);
    println!("| {SOCKETS} idle sockets | |\n| --- | --- |");
    println!("| pings answered in {seconds:.0} s | {answered} |");
    println!("| the server's CPU, % of a core | {:.2} |", cpu / seconds * 100.0);
}

/// Answers each ping until the server closes.
async fn answer(mut stream: TcpStream, pings: Rc<Cell<u64>>) {
    let mut frame = [0; 256];
    while stream.readable().await.is_ok() {
        match stream.read(&mut frame).await {
            Ok(0) | Err(_) => return,
            Ok(read) if frame[0] == 0x89 => {
                pings.set(pings.get() + 1);
                let payload = &frame[2..read];
                // A pong with the same payload, masked with zeros.
                let mut pong = vec![0x8a, 0x80 | u8::try_from(payload.len()).unwrap_or(0), 0, 0, 0, 0];
                pong.extend_from_slice(payload);
                if stream.write_all(&pong).await.is_err() {
                    return;
                }
            }
            Ok(_) => {}
        }
    }
}
