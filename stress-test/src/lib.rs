//! What puts sockets and servers under stress: the networks that a loopback interface is not, and the benchmark.

pub mod bench;
pub mod impairment;
pub mod quic_packets;
pub mod relay;
