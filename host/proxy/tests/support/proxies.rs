//! Proxies that lead to one server of this machine, whatever the name they are asked for, and note what that is. Tests of
//! several crates include this file by its path.

#![allow(dead_code, reason = "no crate needs all of it")]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// For two names and `localhost`, signed by itself, for a hundred years: `openssl req -x509 -newkey ec
/// -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=example.test
/// -addext subjectAltName=DNS:api.example.test,DNS:registry.example.test,DNS:localhost
/// -addext basicConstraints=critical,CA:FALSE`.
pub(crate) const CERTIFICATE: &str = include_str!("cert.pem");
pub(crate) const KEY: &str = include_str!("key.pem");

/// The kind of a proxy.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// HTTP: `CONNECT`, and requests that name a whole address.
    Http,
    /// The same within TLS.
    Https,
    /// HTTP, but wants other credentials.
    Refusing,
    /// SOCKS5; with a password it lets only `me` in.
    Socks { password: Option<&'static str> },
}

/// A server on a port of this machine. It ends with the runtime of its test.
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Starts a proxy in front of the server on this port.
    pub(crate) async fn before(server: u16, kind: Kind) -> Self {
        let tls = acceptor();
        serve(move |mut stream, asked| {
            let tls = tls.clone();
            async move {
                match kind {
                    Kind::Http => http(&mut stream, server, &asked).await,
                    Kind::Https => http(&mut tls.accept(stream).await?, server, &asked).await,
                    Kind::Refusing => {
                        head(&mut stream).await?;
                        let answer = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
                        stream.write_all(answer.as_bytes()).await
                    }
                    Kind::Socks { password } => socks(&mut stream, server, password, &asked).await,
                }
            }
        })
        .await
    }

    /// Returns what a proxy was asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// Starts a server that treats each connection like this.
pub(crate) async fn serve<F, W>(answer: F) -> Endpoint
where
    F: Fn(TcpStream, Asked) -> W + Send + 'static,
    W: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Asked::default();
    let shared = asked.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // How a connection ends is the client's business.
            tokio::spawn(answer(stream, shared.clone()));
        }
    });
    Endpoint { port, asked }
}

/// Accepts TLS as the server of [`CERTIFICATE`].
pub(crate) fn acceptor() -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()))
}

/// Reads the head of a request.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

async fn http(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), server: u16, asked: &Asked) -> std::io::Result<()> {
    let head = head(stream).await?;
    let first = head.lines().next().unwrap_or_default();
    let credentials = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("proxy-authorization").then_some(value));
    let noted = credentials.map_or_else(|| first.to_owned(), |credentials| format!("{first}, {credentials}"));
    asked.lock().unwrap().push(noted);
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    if first.starts_with("CONNECT ") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // One request a connection, so that the next one is noted, too; servers accept a whole address.
        let (first, rest) = head.split_once("\r\n").unwrap_or_default();
        server.write_all(format!("{first}\r\nConnection: close\r\n{rest}").as_bytes()).await?;
    }
    copy_bidirectional(stream, &mut server).await.map(drop)
}

/// Speaks RFC 1928 and 1929, as far as a client with a name to reach needs it.
async fn socks(stream: &mut TcpStream, server: u16, password: Option<&str>, asked: &Asked) -> std::io::Result<()> {
    const VERSION: u8 = 5;
    let _version = stream.read_u8().await?;
    let _methods = short(stream).await?;
    match password {
        None => stream.write_all(&[VERSION, 0]).await?,
        Some(password) => {
            stream.write_all(&[VERSION, 2]).await?;
            let _version = stream.read_u8().await?;
            let is_let_in = (short(stream).await?, short(stream).await?) == ("me".to_owned(), password.to_owned());
            stream.write_all(&[1, u8::from(!is_let_in)]).await?;
            if !is_let_in {
                return Ok(());
            }
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    assert_eq!(request, [VERSION, 1, 0, 3], "connects, and leaves the name to the proxy");
    let (host, port) = (short(stream).await?, stream.read_u16().await?);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    stream.write_all(&[VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    let mut server = TcpStream::connect(("127.0.0.1", server)).await?;
    copy_bidirectional(stream, &mut server).await.map(drop)
}

/// Reads a text of up to 255 bytes, its length first.
async fn short(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
