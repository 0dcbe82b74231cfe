//! The kubelets' log server: `GET /containerLogs/<namespace>/<pod>/<container>`, as the API server asks it for `pods/log`.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use futures::StreamExt;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use pvmigrate_rehearsal::parts::{LogOptions, read};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::pods::Pods;

/// Serves the logs at a free port of loopback, and returns the port.
pub(super) async fn serve(pods: Arc<Pods>) -> Result<u16> {
    let acceptor = TlsAcceptor::from(Arc::new(identity()?));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, pods) = (acceptor.clone(), Arc::clone(&pods));
            tokio::spawn(async move {
                // A client that cannot speak TLS, or goes away, does not affect the others.
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(move |request| {
                    let response = answer(&pods, &request);
                    async move { Ok::<_, Infallible>(response) }
                });
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    Ok(port)
}

/// Makes a self-signed certificate: the API server does not ask who signs a kubelet's.
fn identity() -> Result<ServerConfig> {
    let folder = tempfile::tempdir()?;
    let (key, certificate) = (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    make_identity(&key, &certificate)?;
    let chain = vec![CertificateDer::from_pem_file(&certificate)?];
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(&key)?)?)
}

fn make_identity(key: &Path, certificate: &Path) -> Result<()> {
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=simulated"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout"])
        .arg(key)
        .arg("-out")
        .arg(certificate)
        .output()
        .context("openssl")?;
    ensure!(made.status.success(), "openssl made no certificate: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

type Body = UnsyncBoxBody<Bytes, Infallible>;

fn answer(pods: &Pods, request: &Request<Incoming>) -> Response<Body> {
    let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    let ["containerLogs", namespace, pod, container] = path.as_slice() else {
        return refusal(404, "only container logs are served here");
    };
    let pairs: Vec<(&str, &str)> =
        request.uri().query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('=')).collect();
    let asked = LogOptions::of_query(|key| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value));
    let Some(asked) = asked else { return refusal(400, "the query is not understood") };
    let Some(log) = pods.log(namespace, pod, container) else {
        return refusal(400, &format!("container {container:?} in pod {pod:?} is waiting to start: ContainerCreating"));
    };
    let frames = read(log, &asked).map(|bytes| Ok(Frame::data(bytes)));
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain"));
    response
}

fn refusal(code: u16, why: &str) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(why.to_owned())).boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}
