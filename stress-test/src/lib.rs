//! What puts a server under stress: the networks that a loopback interface is not.

pub mod impairment;
pub mod quic_packets;
pub mod relay;
