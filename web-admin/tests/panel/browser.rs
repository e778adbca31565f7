//! A small browser: HTTPS, one cookie, forms with their hidden fields.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v).collect()
    }

    /// The value of a header that is there once.
    pub(crate) fn header(&self, name: &str) -> &str {
        match self.headers(name)[..] {
            [one] => one,
            ref all => panic!("{name} is there {} times: {}", all.len(), self.head),
        }
    }

    /// The visible text, roughly.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut inside = false;
        for c in self.body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Value of the first field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let start = self.body.find(&format!("name=\"{name}\" value=\""))?;
        let rest = &self.body[start..];
        rest.split("value=\"").nth(1)?.split('"').next()
    }
}

/// One person's browser.
pub(crate) struct Browser {
    address: SocketAddr,
    tls: TlsConnector,
    pub(crate) cookie: Option<String>,
    /// The hidden field of the page that was seen last.
    pub(crate) form_token: String,
    /// What a browser adds to each request.
    pub(crate) extra: Vec<(&'static str, String)>,
    seen: Arc<Mutex<Vec<CertificateDer<'static>>>>,
}

impl Browser {
    /// A browser whose user clicks every warning away.
    pub(crate) fn careless(address: SocketAddr) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let verifier = Careless(Arc::clone(&seen));
        let builder = client_builder().dangerous();
        let config =
            builder.with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
        Self::with(address, config, seen)
    }

    /// A browser that trusts the authority of this PEM and nobody else.
    pub(crate) fn trusting(address: SocketAddr, pem: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM")).expect("a root");
        let config = client_builder().with_root_certificates(roots).with_no_client_auth();
        Self::with(address, config, Arc::default())
    }

    fn with(
        address: SocketAddr,
        config: ClientConfig,
        seen: Arc<Mutex<Vec<CertificateDer<'static>>>>,
    ) -> Self {
        Self {
            address,
            tls: TlsConnector::from(Arc::new(config)),
            cookie: None,
            form_token: String::new(),
            extra: Vec::new(),
            seen,
        }
    }

    /// The leaf that the server showed last.
    pub(crate) fn certificate(&self) -> Option<CertificateDer<'static>> {
        self.seen.lock().expect("no panic").last().cloned()
    }

    /// A connection as `name`.
    pub(crate) async fn connect(
        &self,
        name: &'static str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(name).expect("a name");
        self.tls.connect(name, stream).await
    }

    /// Sends `head` and `body` as they are and reads to the end.
    pub(crate) async fn raw(&self, request: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect("localhost").await?;
        stream.write_all(request).await?;
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes).await {
            Ok(_) => {}
            // hyper closes TLS properly; a cut-off answer shows in the checks below.
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {}
            Err(e) => return Err(e),
        }
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
        head.push_str(
            "Connection: close\r\nUser-Agent: Mozilla/5.0 (X11; Linux) Firefox/131.0\r\n",
        );
        for (name, value) in &self.extra {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(cookie) = &self.cookie {
            head.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        if let Some(body) = body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            if !self.extra.iter().any(|(name, _)| *name == "Content-Type") {
                head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
            }
        }
        let request = format!("{head}\r\n{}", body.unwrap_or_default());
        let answer = self.raw(request.as_bytes()).await.expect("an answer");
        for line in answer.headers("set-cookie") {
            let pair = line.split(';').next().expect("a pair");
            self.cookie = (!line.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        if let Some(token) = answer.field("form_token") {
            self.form_token = token.to_owned();
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    pub(crate) async fn head(&mut self, path: &str) -> Answer {
        self.ask("HEAD", path, None).await
    }

    /// Sends a form with the hidden field of the page that was seen last.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.form_token.clone();
        let mut all = vec![("form_token", &*token)];
        all.extend(fields);
        self.post_bare(path, &all).await
    }

    /// Sends exactly these fields.
    pub(crate) async fn post_bare(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let pairs: Vec<String> = fields
            .iter()
            .map(|(n, v)| {
                format!("{}={}", snug_admin::link::encode(n), snug_admin::link::encode(v))
            })
            .collect();
        self.ask("POST", path, Some(&pairs.join("&"))).await
    }

    /// Sends a form with a file, and the hidden field of the page that was seen last.
    pub(crate) async fn post_file(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        (name, content): (&str, &str),
    ) -> Answer {
        let token = self.form_token.clone();
        let mut body = String::new();
        for (field, value) in [("form_token", &*token)].iter().chain(fields) {
            body.push_str(&format!(
                "--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            ));
        }
        body.push_str(&format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{content}\r\n--x--\r\n"
        ));
        self.extra.push(("Content-Type", "multipart/form-data; boundary=x".to_owned()));
        let answer = self.ask("POST", path, Some(&body)).await;
        self.extra.pop();
        answer
    }

    /// Sends a body of any kind.
    pub(crate) async fn post_body(&mut self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, Some(body)).await
    }

    /// Follows a redirect.
    pub(crate) async fn follow(&mut self, answer: &Answer) -> Answer {
        assert_eq!(answer.status, 303, "{}", answer.text());
        let to = answer.header("location").to_owned();
        self.get(to.split('#').next().expect("a path")).await
    }

    pub(crate) async fn sign_in(&mut self, name: &str) -> Answer {
        let fields = [("name", name), ("password", crate::fake::PASSWORD), ("next", "/encryption")];
        let answer = self.post_bare("/sign-in", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let page = self.follow(&answer).await;
        assert_eq!(page.status, 200, "{}", page.text());
        page
    }
}

fn client_builder() -> rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS")
}

#[derive(Debug)]
struct Careless(Arc<Mutex<Vec<CertificateDer<'static>>>>);

impl ServerCertVerifier for Careless {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.0.lock().expect("no panic").push(leaf.clone().into_owned());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519]
    }
}
