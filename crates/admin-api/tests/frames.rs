//! Frames on a socket pair: round trip, limits, ends.
#![allow(clippy::unwrap_used)] // a test may end at any of its steps

use admin_api::frame::{self, FRAME_BYTES_MAX, FrameError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

fn pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().unwrap()
}

#[tokio::test]
async fn values_come_through_one_after_the_other() {
    let (mut a, mut b) = pair();
    frame::write(&mut a, &vec!["ann", "böb"]).await.unwrap();
    frame::write(&mut a, &7_u32).await.unwrap();
    assert_eq!(frame::read::<_, Vec<String>>(&mut b).await.unwrap(), ["ann", "böb"]);
    assert_eq!(frame::read::<_, u32>(&mut b).await.unwrap(), 7);
}

#[tokio::test]
async fn the_form_on_the_wire() {
    let (mut a, mut b) = pair();
    frame::write(&mut a, &"é").await.unwrap();
    drop(a);
    let mut bytes = Vec::new();
    b.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"\0\0\0\x04\"\xc3\xa9\"");
}

#[tokio::test]
async fn the_largest_frame_fits_and_one_byte_more_does_not() {
    let (mut a, mut b) = pair();
    let largest = "x".repeat(FRAME_BYTES_MAX - 2);
    let reader = tokio::spawn(async move { frame::read::<_, String>(&mut b).await.unwrap().len() });
    frame::write(&mut a, &largest).await.unwrap();
    assert_eq!(reader.await.unwrap(), FRAME_BYTES_MAX - 2);

    let (mut a, mut b) = pair();
    let more = largest + "x";
    let error = frame::write(&mut a, &more).await.unwrap_err();
    assert!(matches!(error, FrameError::TooLong(n) if n == FRAME_BYTES_MAX + 1), "{error}");
    drop(a);
    let mut bytes = Vec::new();
    b.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.is_empty(), "nothing of it was written");
}

#[tokio::test]
async fn a_length_over_the_limit_is_refused_without_waiting_for_the_bytes() {
    for length in [u32::MAX, u32::try_from(FRAME_BYTES_MAX).unwrap() + 1] {
        let (mut a, mut b) = pair();
        a.write_all(&length.to_be_bytes()).await.unwrap();
        let error = frame::read::<_, String>(&mut b).await.unwrap_err();
        assert!(matches!(error, FrameError::TooLong(n) if n == length as usize), "{error}");
    }
}

#[tokio::test]
async fn ends_are_told_apart() {
    for (bytes, clean) in [
        (&b""[..], true),
        (&b"\0"[..], false),
        (&b"\0\0\0\x02"[..], false),
        (&b"\0\0\0\x02\""[..], false),
    ] {
        let (mut a, mut b) = pair();
        a.write_all(bytes).await.unwrap();
        drop(a);
        match frame::read::<_, String>(&mut b).await.unwrap_err() {
            FrameError::Closed => assert!(clean, "{bytes:?}"),
            FrameError::Io(e) => {
                assert!(!clean && e.kind() == std::io::ErrorKind::UnexpectedEof, "{bytes:?} {e}");
            }
            e => panic!("{bytes:?}: {e}"),
        }
    }
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_read() {
    let (mut a, mut b) = pair();
    let reader = tokio::spawn(async move { frame::read::<_, u8>(&mut b).await.unwrap() });
    for byte in b"\0\0\0\x015" {
        a.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(reader.await.unwrap(), 5);
}

#[tokio::test]
async fn what_is_not_the_expected_json_is_named() {
    for body in ["", "{", "[]", "\"text\""] {
        let (mut a, mut b) = pair();
        let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend_from_slice(body.as_bytes());
        a.write_all(&bytes).await.unwrap();
        let error = frame::read::<_, u64>(&mut b).await.unwrap_err();
        assert!(matches!(error, FrameError::Json(_)), "{body}: {error}");
    }
}
