//! Connections that their clients keep alive without a use for them: PINGs alone keep a connection from its idle timeout for
//! ever. It knows no protocol.

use std::time::Duration;

use super::Context;
use crate::Connection;
use crate::quic_config::no_error;

/// Round trips between the notice that the connection goes and its end: a request that has met the notice on its way is
/// answered or rejected by then.
const NOTICE_ROUND_TRIPS: u32 = 2;
/// The least time for that.
const MIN_NOTICE: Duration = Duration::from_millis(100);

/// Closes `connection` once its client has had no use for it for `limit`. Ends with the connection.
pub(super) async fn let_go(context: &Context, connection: Connection, limit: Duration) {
    loop {
        let unused = connection.unused_for().unwrap_or_default();
        if unused >= limit {
            break;
        }
        if !connection.outlives(context.timers.sleep(limit - unused)).await {
            return;
        }
    }
    tracing::debug!(remote = %connection.remote_address(), "unused");
    connection.drain();
    loop {
        let notice = MIN_NOTICE.max(NOTICE_ROUND_TRIPS * connection.with_proto(|proto| proto.rtt()));
        if !connection.outlives(context.timers.sleep(notice)).await {
            return;
        }
        if connection.is_answered() {
            return connection.close(no_error(connection.alpn().as_deref()), b"unused");
        }
    }
}
