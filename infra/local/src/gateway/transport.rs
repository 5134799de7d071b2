//! The stream below a socket. Frames are written by whoever pushes, so it is shared, and its calls never wait.

use std::io::{self, IoSlice};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{Interest, Ready};
use tokio::net::{TcpStream, UnixStream};

/// A stream whose reads and writes never wait.
pub(super) enum Transport {
    Tcp(TcpStream),
    /// One end of a pair; a task carries what goes through it to and from TLS.
    Pair(UnixStream),
}

impl Transport {
    /// The stream of an upgraded connection, and what the client sent with the handshake already.
    pub(super) fn of(upgraded: Upgraded) -> io::Result<(Self, Vec<u8>)> {
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => Ok((Self::Tcp(parts.io.into_inner()), parts.read_buf.to_vec())),
            Err(encrypted) => {
                let (ours, mut theirs) = UnixStream::pair()?;
                let mut encrypted = TokioIo::new(encrypted);
                // Ends when either side does; the socket's own task says why.
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut encrypted, &mut theirs).await });
                Ok((Self::Pair(ours), Vec::new()))
            }
        }
    }

    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        match self {
            Self::Tcp(stream) => stream.ready(interest).await,
            Self::Pair(stream) => stream.ready(interest).await,
        }
    }

    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Pair(stream) => stream.try_read(buffer),
        }
    }

    pub(super) fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_write_vectored(parts),
            Self::Pair(stream) => stream.try_write_vectored(parts),
        }
    }
}
