//! Subscribers and a publisher.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::process::Measured;

/// What all subscribers count together.
#[derive(Default)]
struct Count {
    delivered: Cell<u64>,
    wrong: Cell<u64>,
    moved: Notify,
}

/// Open subscriptions.
pub struct Fanout {
    subscribers: u32,
    count: Rc<Count>,
    published: Cell<u64>,
}

/// What a run came to.
pub struct Outcome {
    /// Deliveries that were read.
    pub per_second: f64,
    /// Seconds of the server's CPU, per million deliveries.
    pub cpu_per_million: f64,
    /// Deliveries that were lost, duplicated or reordered.
    pub wrong: u64,
}

/// How a run publishes.
#[derive(Clone, Copy)]
struct Pace {
    window: u64,
    /// Zero: as fast as the window allows.
    pause: Duration,
    begin: Instant,
    time: Duration,
    /// The number of its first message.
    first: u64,
}

impl Fanout {
    /// Connects and subscribes; each is answered before the next batch begins.
    pub async fn open(server: &Measured, subscribers: u32) -> Self {
        let count = Rc::new(Count::default());
        for first in (0..subscribers).step_by(64) {
            let batch = (first..subscribers.min(first + 64)).map(|_| subscribe(&server.address, &server.token));
            for stream in futures_util::future::join_all(batch).await {
                tokio::task::spawn_local(read(stream.expect("a subscription"), count.clone()));
            }
        }
        Self { subscribers, count, published: Cell::new(0) }
    }

    /// Publishes for a while, at most `window` messages ahead of what everybody has, then waits for the rest.
    pub async fn run(&self, server: &Measured, window: u64, pause: Duration, time: Duration) -> Outcome {
        let (begin, cpu, before) = (Instant::now(), server.cpu(), self.count.delivered.get());
        let (wrong, first) = (self.count.wrong.get(), self.published.get());
        let pace = Pace { window, pause, begin, time, first };
        let publishers = (0..window.min(16)).map(|_| self.publish(server, pace));
        futures_util::future::join_all(publishers).await;
        self.until(self.published.get()).await;
        let deliveries = self.count.delivered.get() - before;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        let deliveries = deliveries as f64;
        Outcome {
            per_second: deliveries / begin.elapsed().as_secs_f64(),
            cpu_per_million: (server.cpu() - cpu) * 1e6 / deliveries,
            wrong: self.count.wrong.get() - wrong,
        }
    }

    /// Until everybody has this many messages.
    async fn until(&self, messages: u64) {
        let everybody = messages * u64::from(self.subscribers);
        let all = async {
            while self.count.delivered.get() < everybody {
                self.count.moved.notified().await;
            }
        };
        // What does not come within this is lost, and shows in the figures.
        let _ = tokio::time::timeout(Duration::from_secs(20), all).await;
    }

    async fn publish(&self, server: &Measured, pace: Pace) {
        let Pace { window, pause, begin, time, first } = pace;
        let mut stream = TcpStream::connect(&server.address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes the option");
        while begin.elapsed() < time {
            let number = self.published.get();
            self.published.set(number + 1);
            if pause.is_zero() {
                self.until((number + 1).saturating_sub(window)).await;
            } else {
                // Each message is due at its own time; the publishers share them.
                let sent = u32::try_from(number - first).unwrap_or(u32::MAX);
                tokio::time::sleep_until((begin + pause * sent).into()).await;
            }
            let body =
                format!("{{\"event\":\"bench\",\"data\":{{\"number\":{number},\"text\":\"{}\"}}}}", "x".repeat(120));
            let request = format!(
                "POST /api/topics/app:bench HTTP/1.1\r\nHost: {}\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                server.address,
                server.key,
                body.len()
            );
            stream.write_all(request.as_bytes()).await.expect("the server reads");
            let mut response = [0; 1024];
            let read = stream.read(&mut response).await.expect("the server answers");
            assert!(response[..read].starts_with(b"HTTP/1.1 202"), "{}", String::from_utf8_lossy(&response[..read]));
        }
    }
}

/// Opens a socket and subscribes; the answer has come.
pub async fn subscribe(address: &str, token: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    let handshake = format!(
        "GET /live HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(handshake.as_bytes()).await?;
    let mut input = Vec::new();
    read_until(&mut stream, &mut input, b"\r\n\r\n").await?;
    let ask = b"{\"action\":\"subscribe\",\"topics\":[\"app:bench\"]}";
    // Masked with zeros, which RFC 6455 allows and which costs nothing.
    let mut frame = vec![0x81, 0x80 | u8::try_from(ask.len()).unwrap_or(125), 0, 0, 0, 0];
    frame.extend_from_slice(ask);
    stream.write_all(&frame).await?;
    input.clear();
    read_until(&mut stream, &mut input, b"}").await?;
    Ok(stream)
}

/// Reads until `end` has come; a ping of the server's may stand before or behind it.
async fn read_until(stream: &mut TcpStream, input: &mut Vec<u8>, end: &[u8]) -> std::io::Result<()> {
    while !input.windows(end.len()).any(|part| part == end) {
        if stream.read_buf(input).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Reads frames for ever; counts them, and those that are not the next in order.
async fn read(mut stream: TcpStream, count: Rc<Count>) {
    let mut input: Vec<u8> = Vec::new();
    let mut expected: Option<u64> = None;
    loop {
        if input.capacity() == 0 {
            // An idle subscriber holds no buffer.
            if stream.readable().await.is_err() {
                return;
            }
            input.reserve(16 * 1024);
        }
        match stream.read_buf(&mut input).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let mut place = 0;
        while let Some((payload, next)) = cut(&input, place) {
            let number = sequence(payload);
            if number.is_none() || expected.is_some_and(|expected| number != Some(expected)) {
                count.wrong.set(count.wrong.get() + 1);
            }
            expected = number.map(|number| number + 1);
            count.delivered.set(count.delivered.get() + 1);
            place = next;
        }
        input.drain(..place);
        if input.is_empty() {
            input = Vec::new();
        }
        count.moved.notify_waiters();
    }
}

fn cut(input: &[u8], place: usize) -> Option<(&[u8], usize)> {
    let head = input.get(place..place + 2)?;
    let (begin, length) = match head[1] {
        126 => (place + 4, usize::from(u16::from_be_bytes(input.get(place + 2..place + 4)?.try_into().ok()?))),
        short => (place + 2, usize::from(short)),
    };
    Some((input.get(begin..begin + length)?, begin + length))
}

/// The topic's own number where there is one; the ceiling's frames have the publisher's.
fn sequence(payload: &[u8]) -> Option<u64> {
    let after = |word: &[u8]| payload.windows(word.len()).position(|part| part == word).map(|place| place + word.len());
    let begin = after(b"\"seq\":").or_else(|| after(b"\"number\":"))?;
    let digits = payload[begin..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0')))
}
