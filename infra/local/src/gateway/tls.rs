//! TLS without a task of its own, so that an encrypted socket is one descriptor and no buffers wait between two.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{Interest, Ready};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConnection;
use tokio_rustls::server::TlsStream;

/// An encrypted stream whose reads and writes never wait.
pub(super) struct Tls {
    stream: TcpStream,
    connection: Mutex<ServerConnection>,
}

/// The stream as rustls reads and writes it.
struct NeverWaits<'a>(&'a TcpStream);

impl Read for NeverWaits<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for NeverWaits<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tls {
    /// Wraps a stream whose TLS handshake is complete.
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        let (stream, connection) = stream.into_inner();
        Self { stream, connection: Mutex::new(connection) }
    }

    fn connection(&self) -> MutexGuard<'_, ServerConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        // What was decrypted already makes the stream below no more readable.
        if interest.is_readable() && self.has_plaintext() {
            return Ok(Ready::READABLE);
        }
        self.stream.ready(interest).await
    }

    fn has_plaintext(&self) -> bool {
        self.connection().process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut connection = self.connection();
        loop {
            match connection.reader().read(buffer) {
                // The peer is gone without a goodbye of TLS: what a WebSocket has to say of that, its close frame said.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            connection.read_tls(&mut NeverWaits(&self.stream))?;
            let processed = connection.process_new_packets();
            // Alerts and responses to key updates; what is not taken now goes with the next frame.
            let _ = write_out(&mut connection, &self.stream);
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes frames only once all that was encrypted before is written, so that what waits is bounded by the frames' own
    /// queue. What was taken counts as written; until it really is, writing nothing would block.
    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut connection = self.connection();
        write_out(&mut connection, &self.stream)?;
        if parts.is_empty() {
            return Ok(0);
        }
        let taken = connection.writer().write_vectored(parts)?;
        match write_out(&mut connection, &self.stream) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// See [`Transport::reset_on_drop`](super::transport::Transport::reset_on_drop).
    pub(super) fn reset_on_drop(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    pub(super) fn shut_down(&self) {
        let mut connection = self.connection();
        connection.send_close_notify();
        let _ = write_out(&mut connection, &self.stream);
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }
}

fn write_out(connection: &mut ServerConnection, stream: &TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        if connection.write_tls(&mut NeverWaits(stream))? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}
