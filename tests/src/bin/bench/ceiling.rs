//! What the machine allows: takes handshakes, and writes each published text to every socket, one write a message. No
//! topics, no history, no checks.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

type Sockets = Rc<RefCell<Vec<TcpStream>>>;

/// Serves subscribers and publishers.
pub async fn serve(port: u16) -> std::io::Result<()> {
    let sockets = Sockets::default();
    accept(port, |stream| connection(stream, sockets.clone())).await
}

/// Takes connections, each in a task of its own.
pub async fn accept<F>(port: u16, serve: impl Fn(TcpStream) -> F) -> std::io::Result<()>
where
    F: Future<Output = std::io::Result<()>> + 'static,
{
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener: TcpListener = socket.listen(4096)?;
    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::task::spawn_local(serve(stream));
            }
        })
        .await
}

async fn connection(mut stream: TcpStream, sockets: Sockets) -> std::io::Result<()> {
    let mut input = Vec::with_capacity(4096);
    loop {
        if !read_head(&mut stream, &mut input).await? {
            return Ok(());
        }
        let end = input.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(0) + 4;
        let head = String::from_utf8_lossy(&input[..end]).to_lowercase();
        if head.starts_with("get") {
            switch_protocols(&mut stream, &input[..end]).await?;
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await?;
            stream.write_all(&frame(b"{\"type\":\"subscribed\"}")).await?;
            sockets.borrow_mut().push(stream);
            return Ok(());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        let whole = end + length.unwrap_or(0);
        while input.len() < whole {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
        let frame = frame(&input[end..whole]);
        // The client's buffers are large enough for what is in flight; what would block is lost, and counted there.
        sockets.borrow().iter().for_each(|socket| drop(socket.try_write(&frame)));
        input.drain(..whole);
        stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await?;
    }
}

/// Reads until a head is there. False if the client left before.
pub async fn read_head(stream: &mut TcpStream, input: &mut Vec<u8>) -> std::io::Result<bool> {
    while !input.windows(4).any(|four| four == b"\r\n\r\n") {
        if stream.read_buf(input).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Completes a handshake.
pub async fn switch_protocols(stream: &mut TcpStream, head: &[u8]) -> std::io::Result<()> {
    let head = String::from_utf8_lossy(head);
    let key = head.lines().find_map(|line| line.split_once("Sec-WebSocket-Key: ")).map(|(_, key)| key.trim());
    let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(response.as_bytes()).await
}

/// A text frame.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match u8::try_from(payload.len()) {
        Ok(short @ 0..=125) => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    frame
}
