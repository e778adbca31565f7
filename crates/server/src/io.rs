//! Reading and writing sockets without a buffer per connection.
//!
//! Invariants: a waiting connection holds no read buffer; a write that makes no progress ends.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use xmpp::parser::Parser;

/// Bytes taken from a socket at once; on the stack, and only while there is something to take.
const READ_BYTES: usize = 8 * 1024;

/// Reads what is there into `parser`. Returns how much; 0 = the other side closed.
///
/// # Errors
/// The socket's.
pub async fn read_some<S>(socket: &mut S, parser: &mut Parser) -> io::Result<usize>
where
    S: AsyncRead + Unpin,
{
    poll_fn(|cx| {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
        parser.push(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

/// Writes and flushes `bytes`; `false` if that failed or took longer than `limit`.
pub async fn write_in_time<S>(socket: &mut S, bytes: &[u8], limit: Duration) -> bool
where
    S: AsyncWrite + Unpin,
{
    let write = async {
        socket.write_all(bytes).await?;
        socket.flush().await
    };
    matches!(timeout(limit, write).await, Ok(Ok(())))
}
