//! The door: limits before anything is answered, and an orderly end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use snug_admin::limits::{CONNECTIONS_PER_ADDRESS_MAX, HEAD_BYTES_MAX};
use snug_admin::listen::Door;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::{Browser, Dir, Fake, Home, Stage, settings};

#[tokio::test]
async fn plain_http_is_not_offered() {
    let stage = Stage::family();
    let mut stream = TcpStream::connect(stage.address()).await.expect("connects");
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("sends");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let stage = Stage::family();
    let browser = stage.browser();
    let mut kept = Vec::new();
    for _ in 0..CONNECTIONS_PER_ADDRESS_MAX {
        kept.push(browser.connect("localhost").await.expect("within the limit"));
    }
    assert!(browser.connect("localhost").await.is_err(), "one too many");
    kept.truncate(CONNECTIONS_PER_ADDRESS_MAX / 2);
    let mut browser = stage.browser();
    let deadline = Instant::now() + Duration::from_secs(5);
    while browser.connect("localhost").await.is_err() {
        assert!(Instant::now() < deadline, "places are given back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(browser.get("/health").await.status, 200);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let stage = Stage::family();
    let long = "a".repeat(HEAD_BYTES_MAX + 1);
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {long}\r\n\r\n");
    let answer = stage.browser().raw(request.as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 431);
    let many = "X: y\r\n".repeat(100);
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n");
    let answer = stage.browser().raw(request.as_bytes()).await.expect("an answer");
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn several_requests_share_a_connection() {
    let stage = Stage::family();
    let mut stream = stage.browser().connect("localhost").await.expect("connects");
    for last in [false, true] {
        let end = if last { "close" } else { "keep-alive" };
        let request =
            format!("GET /privacy HTTP/1.1\r\nHost: localhost\r\nConnection: {end}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sends");
        let mut seen = Vec::new();
        while !seen.ends_with(b"</html>\n") && !seen.ends_with(b"</html>") {
            let mut some = [0; 4096];
            let n = stream.read(&mut some).await.expect("reads");
            assert!(n > 0, "closed too early: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&some[..n]);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200 OK"));
    }
}

#[tokio::test]
async fn stopping_finishes_what_is_being_answered() {
    let dir = Dir::new();
    let daemon = Fake::start(&dir.0, Home::family());
    let running = crate::start(&dir.0);
    let address = running.addresses[0];
    daemon.home(|home| home.delay = Duration::from_millis(400));
    let asked = tokio::spawn(async move { Browser::careless(address).get("/ca").await });
    while daemon.home(|home| home.requests.is_empty()) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Somebody who only holds a connection open does not hold the panel up.
    let idle = Browser::careless(address).connect("localhost").await.expect("connects");
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(asked.await.expect("no panic").status, 200, "the answer came");
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stranger_is_closed_before_tls() {
    let dir = Dir::new();
    let _daemon = Fake::start(&dir.0, Home::family());
    let names = ["localhost".to_owned()];
    let identity = snug_admin::tls::Identity::open(&dir.0, &names).expect("opens");
    let acceptor = TlsAcceptor::from(identity.server_config().expect("TLS"));
    let pages = snug_admin::start::router(&snug_admin::Panel::new(settings(&dir.0)));
    let stranger: IpAddr = "127.0.0.66".parse().expect("an address");
    let door = Door::new(acceptor, pages, Box::new(move |peer| peer != stranger));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (_stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(Arc::new(door).serve(listener, stopped));

    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((stranger, 0).into()).expect("an own address");
    let mut stream = socket.connect(address).await.expect("connects");
    // A TLS client speaks first; here only the end is waited for.
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "closed at once");
    assert!(answer.is_empty());
    assert_eq!(Browser::careless(address).get("/privacy").await.status, 200, "others get in");
    serving.abort();
}
