//! Files over HTTP/3: what `--root` serves, and what it does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use socket_iwa_native::{Client, Http, Response};

use crate::common::{Server, run};

/// A directory with a few files beside a secret; removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("socket-iwa-files-{}-{name}", std::process::id()));
        fs::create_dir_all(directory.join("root/sub")).unwrap();
        fs::write(directory.join("root/index.html"), "<p>index</p>").unwrap();
        fs::write(directory.join("root/large.bin"), large()).unwrap();
        fs::write(directory.join("root/sub/a b.txt"), "a b").unwrap();
        fs::write(directory.join("secret"), "secret").unwrap();
        symlink("../secret", directory.join("root/out")).unwrap();
        Self(directory)
    }

    fn root(&self) -> String {
        self.0.join("root").display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn large() -> Vec<u8> {
    (0..300_000u32).map(|index| ((index * 31) >> 3) as u8).collect()
}

struct Files {
    _directory: Directory,
    _server: Server,
    http: Http,
}

impl Files {
    async fn serve(name: &str) -> Self {
        let directory = Directory::new(name);
        let server = Server::start(&["--root", &directory.root()]);
        let client = Client::new(server.address, server.pin).unwrap();
        let http = Http::new(client.connect(server.address, &[b"h3"]).await.unwrap()).await.unwrap();
        Self { _directory: directory, _server: server, http }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.send(Method::GET, path, headers).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.http.send(request.body(()).unwrap(), Bytes::new()).await.unwrap()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn files_come_with_their_type_and_length() {
    let files = Files::serve("types").await;
    let index = files.get("/", &[]).await;
    assert_eq!((index.status, &index.body[..]), (StatusCode::OK, &b"<p>index</p>"[..]));
    assert_eq!(header(&index, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&index, "accept-ranges"), "bytes");
    let text = files.get("/sub/a%20b.txt?query", &[]).await;
    assert_eq!(text.body, b"a b");
    assert_eq!(header(&text, "content-type"), "text/plain; charset=utf-8");
    let all = files.get("/large.bin", &[]).await;
    assert!(all.body == large());
    assert_eq!(header(&all, "content-length"), "300000");
    let head = files.send(Method::HEAD, "/large.bin", &[]).await;
    assert_eq!((header(&head, "content-length"), head.body.len()), ("300000", 0));
    let moved = files.get("/sub", &[]).await;
    assert_eq!((moved.status, header(&moved, "location")), (StatusCode::MOVED_PERMANENTLY, "/sub/"));
}

#[tokio::test]
async fn what_the_client_has_is_not_sent_again() {
    let files = Files::serve("conditions").await;
    let first = files.get("/large.bin", &[]).await;
    for (name, value) in
        [("if-none-match", header(&first, "etag")), ("if-modified-since", header(&first, "last-modified"))]
    {
        let second = files.get("/large.bin", &[(name, value)]).await;
        assert_eq!((second.status, second.body.len()), (StatusCode::NOT_MODIFIED, 0), "{name}");
        assert_eq!(header(&second, "etag"), header(&first, "etag"));
    }
    let failed = files.get("/large.bin", &[("if-match", "\"another\"")]).await;
    assert_eq!(failed.status, StatusCode::PRECONDITION_FAILED);
}

#[tokio::test]
async fn a_range_is_sent_alone() {
    let files = Files::serve("ranges").await;
    let part = files.get("/large.bin", &[("range", "bytes=100000-250000")]).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(header(&part, "content-range"), "bytes 100000-250000/300000");
    assert!(part.body == large()[100_000..=250_000]);
    let past = files.get("/large.bin", &[("range", "bytes=300000-")]).await;
    assert_eq!(past.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!((header(&past, "content-range"), past.body.len()), ("bytes */300000", 0));
}

#[tokio::test]
async fn nothing_outside_the_root_is_served() {
    let files = Files::serve("outside").await;
    for path in [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/sub/..%2f..%2fsecret",
        "/sub/%2E%2E/%2E%2E/secret",
        "/out",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/index.html%00",
        "/nothing",
    ] {
        let response = files.get(path, &[]).await;
        assert_eq!(response.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!String::from_utf8_lossy(&response.body).contains("secret"), "{path}");
    }
    let post = files.send(Method::POST, "/index.html", &[]).await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post.headers[header::ALLOW], "GET, HEAD");
}

#[test]
fn a_root_that_is_no_directory_is_named() {
    let output = run(&["--listen", "127.0.0.1:0", "--root", "/nowhere/at/all"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/nowhere/at/all") && said.lines().count() == 1, "{said}");
}

#[tokio::test]
async fn http_0_9_serves_the_same_files() {
    let directory = Directory::new("hq");
    let server = Server::start(&["--root", &directory.root()]);
    let client = Client::new(server.address, server.pin).unwrap();
    let connection = client.connect(server.address, &[b"hq-interop"]).await.unwrap();
    for (path, expected) in [("/large.bin", Some(large())), ("/out", None), ("/../secret", None)] {
        let (mut send, mut recv) = connection.open_bi().await.unwrap();
        send.write_all(format!("GET {path}\r\n").as_bytes()).await.unwrap();
        send.finish().unwrap();
        assert!(recv.read_to_end(1 << 20).await.ok() == expected, "{path}");
    }
}
