//! QUIC server (in progress).
