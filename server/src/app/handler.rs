//! What a user of this crate writes: handlers, and the paths they are at.

use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};

use crate::websocket::WebSocket;
use crate::webtransport::Session;

/// Serves what clients open at a path: `T` is a [`webtransport::Session`](crate::webtransport::Session)
/// or a [`websocket::WebSocket`](crate::websocket::WebSocket).
///
/// Any function from one to a future is a handler:
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
    Served: Future<Output = ()> + 'static,
{
    fn serve(&self, it: T) -> LocalBoxFuture<'static, ()> {
        self(it).boxed_local()
    }
}

/// Handlers by path. A path is matched whole, without its query.
#[derive(Clone, Default)]
pub struct Routes {
    webtransport: HashMap<String, Rc<dyn Handler<Session>>>,
    websocket: HashMap<String, Rc<dyn Handler<WebSocket>>>,
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes")
            .field("webtransport", &self.webtransport.keys())
            .field("websocket", &self.websocket.keys())
            .finish()
    }
}

impl Routes {
    /// Without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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

    pub(super) fn for_websocket(&self, path: &str) -> Option<&Rc<dyn Handler<WebSocket>>> {
        self.websocket.get(path)
    }

    pub(super) fn for_webtransport(&self, path: &str) -> Option<&Rc<dyn Handler<Session>>> {
        self.webtransport.get(path)
    }
}
