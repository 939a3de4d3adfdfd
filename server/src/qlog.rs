//! qlog (draft-ietf-quic-qlog-main-schema-07, the "0.3" of qvis): one file a connection, in the JSON text sequences that
//! quinn-proto writes. It decides where; what is logged is quinn-proto's.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use quinn_proto::{ConnectionId, QlogConfig, QlogStream};

/// Makes sure that there can be logs in `directory`.
///
/// # Errors
///
/// When it can't be made.
pub(crate) fn prepare(directory: &Path) -> Result<(), String> {
    fs::create_dir_all(directory).map_err(|error| format!("make the qlog directory {}: {error}", directory.display()))
}

/// The log of the connection whose first packet has the ID `original`: a file of that name, as the QUIC interop runner
/// wants it. None if it can't be written, which is logged: the connection matters more.
pub(crate) fn stream(directory: &Path, original: ConnectionId) -> Option<QlogStream> {
    let path = directory.join(format!("{original}_server.sqlog"));
    match File::create(&path) {
        Ok(file) => {
            let mut config = QlogConfig::default();
            config.writer(Box::new(BufWriter::new(file))).title(Some(format!("Socket.IWA server {original}")));
            config.into_stream()
        }
        Err(error) => {
            tracing::warn!("qlog {}: {error}", path.display());
            None
        }
    }
}
