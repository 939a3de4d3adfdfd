//! What a user of this crate writes: handlers, and the paths they are at.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};

use super::room::Room;
use crate::http::Exchange;
use crate::logged;
use crate::websocket::WebSocket;
use crate::webtransport::Session;

/// Serves what clients open at a path: `T` is an [`http::Exchange`](crate::http::Exchange), a
/// [`webtransport::Session`](crate::webtransport::Session) or a [`websocket::WebSocket`](crate::websocket::WebSocket).
///
/// Any function from one to a future is a handler, be that of nothing or of a `Result<(), E>`, whose error is logged:
///
/// ```
/// use socket_iwa_server::Routes;
/// use socket_iwa_server::webtransport::Session;
///
/// async fn shout(session: Session) {
///     while let Ok(datagram) = session.datagram().await {
///         // One that is too large for a packet is lost, as any datagram may be.
///         let _ = session.send_datagram(&datagram.to_ascii_uppercase());
///     }
/// }
///
/// let routes = Routes::new().webtransport("/shout", shout);
/// ```
///
/// A handler runs on the loop's own thread, beside all others: it waits by `await` alone, and never blocks. It may keep
/// `Rc`s and `RefCell`s.
pub trait Handler<T>: 'static {
    /// Serves `it` until the returned future ends. What the handler still holds of it then is closed.
    fn serve(&self, it: T) -> LocalBoxFuture<'static, ()>;
}

impl<T, F, Served> Handler<T> for F
where
    F: Fn(T) -> Served + 'static,
    Served: Future<Output: Ending> + 'static,
{
    fn serve(&self, it: T) -> LocalBoxFuture<'static, ()> {
        self(it).map(Ending::log).boxed_local()
    }
}

/// What the future of a handler may end with.
pub trait Ending {
    /// Says what went wrong, if something did.
    fn log(self);
}

impl Ending for () {
    fn log(self) {}
}

impl<E: fmt::Display> Ending for Result<(), E> {
    fn log(self) {
        if let Err(error) = self {
            logged::debug("handler", &error);
        }
    }
}

/// Handlers by path. A path is matched whole, as the client wrote it, without its query.
#[derive(Clone, Default)]
pub struct Routes {
    http: HashMap<String, Rc<dyn Handler<Exchange>>>,
    /// By what paths begin with, up to a slash.
    below: HashMap<String, Rc<dyn Handler<Exchange>>>,
    /// The server's own, `/bytes/N` and the like, are there too.
    pub(super) resources: bool,
    /// The server's own at `/room`.
    pub(crate) room: Option<Room>,
    webtransport: HashMap<String, Rc<dyn Handler<Session>>>,
    websocket: HashMap<String, Rc<dyn Handler<WebSocket>>>,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("http", &self.http.keys())
            .field("below", &self.below.keys())
            .field("webtransport", &self.webtransport.keys())
            .field("websocket", &self.websocket.keys())
            .finish()
    }
}

impl Routes {
    /// Without any: there are the files of [`Config::root`](crate::Config::root), and nothing else.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What the server serves when it is given no routes: `/echo` and `/room` for sessions and WebSockets, and for plain
    /// requests `/bytes/N`, `/echo`, `/upload`, `/healthz`, `/metrics` and a page at `/`. Handlers go before them.
    #[must_use]
    pub fn standard() -> Self {
        super::examples::add(Self { resources: true, ..Self::default() })
    }

    /// Serves plain HTTP requests of every method at `path`, or, if that ends with `/*`, at every path below it: `/api/*`
    /// stands for `/api/` and `/api/users`, and not for `/api`. A whole path goes before one that ends so, a longer one
    /// of those before a shorter one, and all of them before files.
    #[must_use]
    pub fn http(mut self, path: &str, handler: impl Handler<Exchange>) -> Self {
        let handler = Rc::new(handler);
        match path.strip_suffix('*').filter(|below| below.ends_with('/')) {
            Some(below) => self.below.insert(below.to_owned(), handler),
            None => self.http.insert(path.to_owned(), handler),
        };
        self
    }

    /// Serves WebTransport sessions at `path`.
    #[must_use]
    pub fn webtransport(mut self, path: &str, handler: impl Handler<Session>) -> Self {
        self.webtransport.insert(path.to_owned(), Rc::new(handler));
        self
    }

    /// Serves WebSockets at `path`.
    #[must_use]
    pub fn websocket(mut self, path: &str, handler: impl Handler<WebSocket>) -> Self {
        self.websocket.insert(path.to_owned(), Rc::new(handler));
        self
    }

    pub(super) fn for_http(&self, path: &str) -> Option<&Rc<dyn Handler<Exchange>>> {
        let above = || path.rmatch_indices('/').find_map(|(slash, _)| self.below.get(&path[..=slash]));
        self.http.get(path).or_else(above)
    }

    pub(super) fn for_websocket(&self, path: &str) -> Option<&Rc<dyn Handler<WebSocket>>> {
        self.websocket.get(path)
    }

    pub(super) fn for_webtransport(&self, path: &str) -> Option<&Rc<dyn Handler<Session>>> {
        self.webtransport.get(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn nothing(_: Exchange) {}

    #[test]
    fn the_longest_path_that_stands_for_a_request_has_it() {
        let routes = Routes::new().http("/*", nothing).http("/a/*", nothing).http("/a/b", nothing);
        for (path, expected) in [
            ("/", &routes.below["/"]),
            ("/ab", &routes.below["/"]),
            ("/a", &routes.below["/"]),
            ("/a/", &routes.below["/a/"]),
            ("/a/b", &routes.http["/a/b"]),
            ("/a/b/", &routes.below["/a/"]),
            ("/a/c/d", &routes.below["/a/"]),
        ] {
            assert!(Rc::ptr_eq(routes.for_http(path).unwrap(), expected), "{path}");
        }
    }

    #[test]
    fn a_path_stands_for_itself_and_one_with_a_star_for_those_below() {
        let routes = Routes::new().http("/a/*", nothing).http("/b", nothing);
        for path in ["/a", "/b/", "/", "/a*", "/b/c", ""] {
            assert!(routes.for_http(path).is_none(), "{path}");
        }
    }
}
