//! Frames: a 4-byte big-endian length, then that many bytes of JSON.
//!
//! Invariant: a length over [`FRAME_BYTES_MAX`] is refused before anything is allocated.

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest frame. 1 MiB holds a page of accounts with large rosters, and bounds what a peer can
/// make the other side allocate.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Why a frame could not be read or written.
#[derive(Debug)]
pub enum FrameError {
    /// The peer closed the socket between frames.
    Closed,
    /// The socket failed.
    Io(std::io::Error),
    /// Not JSON of the expected form.
    Json(serde_json::Error),
    /// Longer than [`FRAME_BYTES_MAX`].
    TooLong(usize),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the other side closed the socket"),
            Self::Io(e) => write!(f, "the socket failed: {e}"),
            Self::Json(e) => write!(f, "a frame was not understood: {e}"),
            Self::TooLong(n) => write!(f, "a frame of {n} bytes is over the limit"),
        }
    }
}

impl std::error::Error for FrameError {}

impl From<std::io::Error> for FrameError {
    fn from(e: std::io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<serde_json::Error> for FrameError {
    fn from(e: serde_json::Error) -> Self {
        Self::Json(e)
    }
}

/// Writes one frame and flushes.
///
/// # Errors
/// [`FrameError::TooLong`] if `value` does not fit; nothing is written then.
pub async fn write<W, T>(socket: &mut W, value: &T) -> Result<(), FrameError>
where
    W: AsyncWrite + Unpin,
    T: Serialize,
{
    let body = serde_json::to_vec(value)?;
    let length = match u32::try_from(body.len()) {
        Ok(n) if body.len() <= FRAME_BYTES_MAX => n,
        _ => return Err(FrameError::TooLong(body.len())),
    };
    let mut bytes = Vec::with_capacity(4 + body.len());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&body);
    socket.write_all(&bytes).await?;
    Ok(socket.flush().await?)
}

/// Reads one frame.
///
/// # Errors
/// [`FrameError::Closed`] at a clean end; the others as named.
pub async fn read<R, T>(socket: &mut R) -> Result<T, FrameError>
where
    R: AsyncRead + Unpin,
    T: DeserializeOwned,
{
    let mut head = [0; 4];
    // Only an end before the first byte is clean; one inside of a frame is a torn peer.
    let begun = socket.read(&mut head).await?;
    if begun == 0 {
        return Err(FrameError::Closed);
    }
    socket.read_exact(head.get_mut(begun..).unwrap_or_default()).await?;
    let length = usize::try_from(u32::from_be_bytes(head)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(length));
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await?;
    Ok(serde_json::from_slice(&body)?)
}
