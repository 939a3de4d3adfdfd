//! The native server from outside: its binary and the independent client.

mod cases;
mod certificates;
mod commands;
mod common;
mod files;
mod handlers;
mod process;
mod sessions;
mod transport;
mod workers;
