//! HTTP/3 requests on a quinn connection.

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::task::JoinHandle;

use crate::Error;

type RequestStream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// An HTTP/3 connection. Clones share it.
pub struct Http {
    requests: SendRequest<h3_quinn::OpenStreams, Bytes>,
    driver: JoinHandle<h3::error::ConnectionError>,
}

/// A response whose body was read to its end.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its header section.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Http {
    /// Starts HTTP/3 on `connection`.
    ///
    /// # Errors
    ///
    /// When the control streams can't be opened.
    pub async fn new(connection: quinn::Connection) -> Result<Self, Error> {
        let (mut driver, requests) = h3::client::new(h3_quinn::Connection::new(connection))
            .await
            .map_err(|error| Error::new("start HTTP/3", error))?;
        let driver = tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
        Ok(Self { requests, driver })
    }

    /// A request without headers of its own, its response read whole.
    ///
    /// # Errors
    ///
    /// When the stream or the connection fails.
    pub async fn request(&self, method: Method, path: &str, body: impl Into<Bytes>) -> Result<Response, Error> {
        let request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        self.send(request.body(()).expect("method and path are valid"), body.into()).await
    }

    /// `request` with `body`, its response read whole.
    ///
    /// # Errors
    ///
    /// When the stream or the connection fails.
    pub async fn send(&self, request: Request<()>, body: Bytes) -> Result<Response, Error> {
        let mut received = Vec::new();
        let (status, headers) = self.exchange(request, body, |data| received.extend_from_slice(data)).await?;
        Ok(Response { status, headers, body: received })
    }

    /// `GET path`, its body given to `each` piece by piece.
    ///
    /// # Errors
    ///
    /// When the stream or the connection fails.
    pub async fn download(&self, path: &str, each: impl FnMut(&[u8])) -> Result<StatusCode, Error> {
        let request = Request::get(format!("https://localhost{path}")).body(()).expect("the path is valid");
        Ok(self.exchange(request, Bytes::new(), each).await?.0)
    }

    /// Sends the head of a request.
    pub(crate) async fn start(&self, request: Request<()>) -> Result<RequestStream, h3::error::StreamError> {
        self.requests.clone().send_request(request).await
    }

    async fn exchange(
        &self,
        request: Request<()>,
        body: Bytes,
        mut each: impl FnMut(&[u8]),
    ) -> Result<(StatusCode, HeaderMap), Error> {
        let tried = format!("{} {}", request.method(), request.uri().path());
        let failed = |error| Error::new(&tried, error);
        let mut stream = self.start(request).await.map_err(failed)?;
        // A server that answers before it has the whole body may stop reading: the response still counts.
        let sent = async {
            if !body.is_empty() {
                stream.send_data(body).await?;
            }
            stream.finish().await
        }
        .await;
        let response = match stream.recv_response().await {
            Ok(response) => response,
            Err(error) => return Err(failed(sent.err().unwrap_or(error))),
        };
        while let Some(mut data) = stream.recv_data().await.map_err(failed)? {
            while data.has_remaining() {
                let length = data.chunk().len();
                each(data.chunk());
                data.advance(length);
            }
        }
        Ok((response.status(), response.headers().clone()))
    }

    /// Waits until the connection ends, and says how.
    ///
    /// # Errors
    ///
    /// When the task that drives the connection was lost.
    pub async fn closed(self) -> Result<h3::error::ConnectionError, Error> {
        self.driver.await.map_err(|error| Error::new("drive HTTP/3", error))
    }
}
