//! The native server from outside: its binary and the independent client.

mod cases;
mod common;
mod process;
mod sessions;
mod transport;
