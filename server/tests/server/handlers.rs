//! Handlers of plain requests, as a user of the crate writes them: a server in this process, with routes of its own.

use std::future::poll_fn;
use std::net::SocketAddr;

use bytes::{Buf, Bytes};
use futures_util::FutureExt;
use http::{HeaderMap, Method, Request, StatusCode};
use socket_iwa::{Options, Stop, Stopper, UdpSocket};
use socket_iwa_native::{Client, Http, Pin};
use socket_iwa_server::http::{Exchange, HttpError, Response};
use socket_iwa_server::{Certificate, Config, Routes, Server};

use crate::common::Limit;

type Requests = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;
type Stream = h3::client::RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

/// Serves on a thread, which ends some time after this is dropped.
struct Served {
    _limit: Limit,
    address: SocketAddr,
    pin: Pin,
    stopper: Stopper,
}

impl Served {
    fn new(config: Config, routes: impl FnOnce() -> Routes + Send + 'static) -> Self {
        let limit = Limit::start();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap(), &Options::default()).unwrap();
            let certificate = Certificate::generate(["localhost".to_owned()]).unwrap();
            let stop = Stop::new().unwrap();
            let mut server = Server::new(socket, &certificate, &config).unwrap().with_routes(routes());
            let pin = certificate.sha256().parse::<Pin>().unwrap();
            tell.send((server.local_addr().unwrap(), pin, stop.stopper().unwrap())).unwrap();
            server.run(&stop, None, |_| {}).unwrap();
        });
        let (address, pin, stopper) = told.recv().unwrap();
        Self { _limit: limit, address, pin, stopper }
    }

    async fn connect(&self) -> quinn::Connection {
        Client::new(self.address, self.pin).unwrap().connect(self.address, &[b"h3"]).await.unwrap()
    }

    async fn http(&self) -> Http {
        Http::new(self.connect().await).await.unwrap()
    }

    /// For streams; the connection ends with it.
    async fn requests(&self) -> Requests {
        let (mut driver, requests) = h3::client::new(h3_quinn::Connection::new(self.connect().await)).await.unwrap();
        tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
        requests
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopper.stop().unwrap();
    }
}

/// A request to `path` that may have a body.
async fn post(requests: &mut Requests, path: &str) -> Stream {
    requests.send_request(Request::post(format!("https://localhost{path}")).body(()).unwrap()).await.unwrap()
}

async fn data(stream: &mut Stream) -> Option<Bytes> {
    stream.recv_data().await.unwrap().map(|mut data| data.copy_to_bytes(data.remaining()))
}

#[tokio::test]
async fn a_handler_has_all_of_a_request_and_its_answer_goes_out_whole() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let (head, mut body) = exchange.request.into_parts();
        let body = body.read_to_end(100).await?;
        let said = [
            head.method.as_str().to_owned(),
            head.uri.to_string(),
            format!("{:?}", head.headers["x-said"]),
            format!("{:?}", head.headers["cookie"]),
            exchange.remote_address.ip().to_string(),
            String::from_utf8_lossy(&body).into_owned(),
        ];
        let response = Response::builder()
            .status(StatusCode::IM_A_TEAPOT)
            .header("x-answer", "yes")
            .header("connection", "close")
            .header("transfer-encoding", "chunked")
            .body(said.join(" "))
            .unwrap();
        exchange.response.send(response).await
    }
    let served = Served::new(Config::default(), || Routes::new().http("/said", handler));
    let request = Request::put("https://localhost/said?a=b")
        .header("x-said", "so")
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body(())
        .unwrap();
    let response = served.http().await.send(request, "the body".into()).await.unwrap();
    assert_eq!(response.status, StatusCode::IM_A_TEAPOT);
    let said = String::from_utf8(response.body).unwrap();
    assert_eq!(said, r#"PUT https://localhost/said?a=b "so" "a=1; b=2" 127.0.0.1 the body"#);
    assert_eq!(response.headers["x-answer"], "yes");
    assert_eq!(response.headers["content-length"], said.len().to_string());
    // What HTTP/3 does not have.
    assert!(!response.headers.contains_key("connection") && !response.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn request_and_answer_stream_at_once_and_both_have_trailers() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let mut body = exchange.request.into_body();
        let mut back = exchange.response.begin(Response::new(())).await?;
        while let Some(chunk) = body.chunk().await? {
            back.send(chunk).await?;
        }
        let mut trailers = body.trailers().await?.unwrap_or_default();
        trailers.insert("x-seen", "yes".parse().unwrap());
        back.finish_with(trailers).await
    }
    let served = Served::new(Config::default(), || Routes::new().http("/duplex", handler));
    let mut requests = served.requests().await;
    let mut stream = post(&mut requests, "/duplex").await;
    assert_eq!(stream.recv_response().await.unwrap().status(), StatusCode::OK);
    for chunk in ["one", "two", "three"] {
        // Each comes back before the next one goes.
        stream.send_data(chunk.into()).await.unwrap();
        assert_eq!(data(&mut stream).await.unwrap(), chunk);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "11".parse().unwrap());
    stream.send_trailers(trailers).await.unwrap();
    stream.finish().await.unwrap();
    assert_eq!(data(&mut stream).await, None);
    let trailers = stream.recv_trailers().await.unwrap().unwrap();
    assert_eq!((&trailers["x-sum"], &trailers["x-seen"]), (&"11".parse().unwrap(), &"yes".parse().unwrap()));
}

#[tokio::test]
async fn an_answer_without_a_body_has_none_whatever_the_handler_sends() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let status: StatusCode = exchange.request.uri().query().unwrap_or("200").parse().unwrap();
        exchange.response.send(Response::builder().status(status).body("four").unwrap()).await
    }
    let served = Served::new(Config::default(), || Routes::new().http("/", handler));
    let http = served.http().await;
    for (method, path, length) in
        [(Method::HEAD, "/", Some("4")), (Method::GET, "/?204", None), (Method::GET, "/?304", None)]
    {
        let response = http.request(method, path, "").await.unwrap();
        assert!(response.body.is_empty(), "{path}");
        assert_eq!(response.headers.get("content-length").map(|length| length.to_str().unwrap()), length, "{path}");
    }
    assert_eq!(http.request(Method::GET, "/", "").await.unwrap().body, b"four");
}

#[tokio::test]
async fn a_request_without_an_answer_gets_the_one_that_fits() {
    async fn nothing(_: Exchange) {}
    async fn interim(exchange: Exchange) -> Result<(), HttpError> {
        exchange.response.send(Response::builder().status(103).body("").unwrap()).await
    }
    async fn short(exchange: Exchange) -> Result<(), HttpError> {
        let body = exchange.request.into_body().read_to_end(10).await?;
        exchange.response.send(Response::new(body)).await
    }
    async fn whole(exchange: Exchange) -> Result<(), HttpError> {
        let body = exchange.request.into_body().read_to_end(usize::MAX).await?;
        exchange.response.send(Response::new(body)).await
    }
    let config = Config { max_body: 1000, request_timeout: std::time::Duration::from_secs(1), ..Config::default() };
    let served = Served::new(config, || {
        let routes = Routes::new().http("/nothing", nothing).http("/interim", interim);
        routes.http("/short", short).http("/whole", whole)
    });
    let http = served.http().await;
    for (path, length, status) in [
        ("/nothing", 0, 500),
        ("/nothing", 900, 500),
        ("/interim", 0, 500),
        ("/short", 10, 200),
        ("/short", 11, 413),
        ("/whole", 1000, 200),
        ("/whole", 1001, 413),
        ("/elsewhere", 900, 404),
    ] {
        let response = http.request(Method::POST, path, vec![7; length]).await.unwrap();
        assert_eq!(response.status, status, "{path}, {length} bytes");
    }
    // It never gets to its handler.
    let declared = Request::post("https://localhost/nothing").header("content-length", 1001).body(()).unwrap();
    assert_eq!(http.send(declared, Bytes::new()).await.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
    // One that never ends.
    let mut requests = served.requests().await;
    let mut slow = post(&mut requests, "/whole").await;
    slow.send_data("half".into()).await.unwrap();
    assert_eq!(slow.recv_response().await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    // One of another length than it declares.
    let declared = Request::post("https://localhost/whole").header("content-length", 5).body(()).unwrap();
    let mut wrong = requests.send_request(declared).await.unwrap();
    wrong.send_data("sixsix".into()).await.unwrap();
    let error = wrong.recv_response().await.unwrap_err().to_string();
    assert!(error.contains("H3_MESSAGE_ERROR"), "{error}");
}

#[tokio::test]
async fn an_answer_that_is_given_up_does_not_look_whole() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let mut body = exchange.response.begin(Response::new(())).await?;
        body.send("half").await
    }
    let served = Served::new(Config::default(), || Routes::new().http("/", handler));
    let error = served.http().await.request(Method::GET, "/", "").await.unwrap_err().to_string();
    assert!(error.contains("H3_INTERNAL_ERROR"), "{error}");
}

#[tokio::test]
async fn what_the_server_brings_with_it_is_there_only_when_it_is_asked_for() {
    async fn own(exchange: Exchange) -> Result<(), HttpError> {
        exchange.response.send(Response::new("own")).await
    }
    let bare = Served::new(Config::default(), || Routes::new().http("/own/*", own));
    let standard = Served::new(Config::default(), || Routes::standard().http("/own/*", own).http("/healthz", own));
    let (bare, standard) = (bare.http().await, standard.http().await);
    for (path, without, with) in [
        ("/own/a/b", "200 own", "200 own"),
        ("/healthz", "404 Nothing is here.\n", "200 own"),
        ("/bytes/0", "404 Nothing is here.\n", "200 "),
    ] {
        for (http, expected) in [(&bare, without), (&standard, with)] {
            let response = http.request(Method::GET, path, "").await.unwrap();
            let seen = format!("{} {}", response.status.as_u16(), String::from_utf8_lossy(&response.body));
            assert_eq!(seen, expected, "{path}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_an_end_hears_that_the_server_stops() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let mut body = exchange.response.begin(Response::new(())).await?;
        body.send("first").await?;
        body.draining().await;
        body.send("last").await?;
        body.finish().await
    }
    let config = Config { drain_timeout: std::time::Duration::from_secs(60), ..Config::default() };
    let served = Served::new(config, || Routes::new().http("/", handler));
    let mut requests = served.requests().await;
    let mut stream = post(&mut requests, "/").await;
    stream.finish().await.unwrap();
    stream.recv_response().await.unwrap();
    assert_eq!(data(&mut stream).await.unwrap(), "first");
    served.stopper.stop().unwrap();
    assert_eq!(data(&mut stream).await.unwrap(), "last");
    assert_eq!(data(&mut stream).await, None);
}

#[tokio::test]
async fn a_handler_hears_that_its_client_has_gone() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let served = Served::new(Config::default(), move || {
        let tell_too = tell.clone();
        Routes::new()
            .http("/before", move |exchange: Exchange| {
                let tell = tell.clone();
                async move {
                    tell.send("before the answer").unwrap();
                    exchange.response.cancelled().await;
                    tell.send("gone").unwrap();
                }
            })
            .http("/in", move |exchange: Exchange| {
                let tell = tell_too.clone();
                async move {
                    let body = exchange.response.begin(Response::new(())).await.unwrap();
                    tell.send("in the answer").unwrap();
                    body.cancelled().await;
                    tell.send("gone").unwrap();
                }
            })
    });
    let mut requests = served.requests().await;
    for (path, begun) in [("/before", "before the answer"), ("/in", "in the answer")] {
        let mut stream = post(&mut requests, path).await;
        stream.finish().await.unwrap();
        assert_eq!(told.recv().await, Some(begun));
        stream.stop_sending(h3::error::Code::H3_REQUEST_CANCELLED);
        assert_eq!(told.recv().await, Some("gone"));
        let _stream = post(&mut requests, path).await;
        assert_eq!(told.recv().await, Some(begun));
        // The end of the connection is the end of its requests.
        requests = served.requests().await;
        assert_eq!(told.recv().await, Some("gone"));
    }
}

#[tokio::test]
async fn a_slow_reader_holds_back_the_handler_that_writes_to_it() {
    async fn handler(exchange: Exchange) -> Result<(), HttpError> {
        let mut body = exchange.response.begin(Response::new(())).await?;
        // Ends only by an error: the client's.
        loop {
            body.send(Bytes::from_static(&[7; 65_536])).await?;
        }
    }
    let served = Served::new(Config::default(), || Routes::new().http("/", handler));
    let mut requests = served.requests().await;
    let mut stream = post(&mut requests, "/").await;
    stream.recv_response().await.unwrap();
    data(&mut stream).await.unwrap();
    // The others are served: the handler waits, and does not fill the memory.
    let answered = served.http().await.request(Method::GET, "/elsewhere", "").await.unwrap();
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_connection_keeps_no_more_than_it_sends_soon() {
    const PIECE: usize = 16 << 10;
    let (tell, told) = std::sync::mpsc::channel();
    let served = Served::new(Config::default(), move || {
        Routes::new().http("/endless", move |exchange: Exchange| {
            let tell = tell.clone();
            async move {
                let mut body = exchange.response.begin(Response::new(())).await?;
                let mut taken = 0;
                while body.send(vec![0; PIECE]).now_or_never().transpose()?.is_some() {
                    taken += PIECE;
                }
                tell.send(taken).unwrap();
                Ok::<_, HttpError>(())
            }
        })
    });
    let mut transport = quinn::TransportConfig::default();
    // It would take all at once.
    let window = quinn::VarInt::from_u32(64 << 20);
    transport.stream_receive_window(window).receive_window(window);
    let client = Client::new(served.address, served.pin).unwrap().with_transport(transport);
    let http = Http::new(client.connect(served.address, &[b"h3"]).await.unwrap()).await.unwrap();
    // The handler ends in the middle of its answer.
    http.request(Method::GET, "/endless", "").await.unwrap_err();
    let taken = told.recv().unwrap();
    assert!((PIECE..256 << 10).contains(&taken), "{taken} bytes for a client that has acknowledged none");
}
