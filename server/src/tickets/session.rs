//! Puts tickets into TLS handshakes: quinn-proto's `Session` of rustls, with the NewSessionTicket messages rewritten. Its
//! keys take the padding off packets, too.
//!
//! rustls numbers its sessions at random and sends the number as the ticket, with a lifetime of a day. Here the number
//! becomes the sealed ticket, the lifetime ours, and `early_data` is left out for application protocols that take none.
//! The message is no part of the handshake's transcript (RFC 8446, section 4.4.1), and the key that the client resumes
//! with comes from its nonce alone (section 4.6.1), so nothing else changes; the client brings the ticket back in a
//! ClientHello, which rustls hands to [`Tickets`] as it came.

use std::any::Any;
use std::sync::Arc;

use quinn_proto::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn_proto::crypto::{
    ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session, UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError};

use super::{Issued, Tickets};
use crate::padding;

/// A question about an application protocol (its ALPN name).
type OfProtocol = dyn Fn(&[u8]) -> bool + Send + Sync;

/// rustls' configuration of a QUIC server, with tickets.
pub(crate) struct TicketingConfig {
    pub(crate) inner: Arc<QuicServerConfig>,
    pub(crate) tickets: Arc<Tickets>,
    /// Whether an application protocol takes early data.
    pub(crate) takes_early_data: Box<OfProtocol>,
}

impl ServerConfig for TicketingConfig {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.inner.initial_keys(version, dst_cid).map(padding::without)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.inner.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, params: &TransportParameters) -> Box<dyn Session> {
        let inner = self.inner.clone().start_session(version, params);
        Box::new(Ticketing { inner, config: self, issued: Vec::new() })
    }
}

struct Ticketing {
    inner: Box<dyn Session>,
    config: Arc<TicketingConfig>,
    /// Tickets of this session that are still to be written.
    issued: Vec<Issued>,
}

impl Ticketing {
    fn takes_early_data(&self) -> bool {
        let data = self.inner.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
        data.and_then(|data| data.protocol).is_some_and(|protocol| (self.config.takes_early_data)(&protocol))
    }
}

impl Session for Ticketing {
    fn read_handshake(&mut self, buf: &[u8]) -> Result<bool, TransportError> {
        let outcome = self.inner.read_handshake(buf);
        // rustls makes them when it reads the client's Finished.
        self.issued.extend(self.config.tickets.issued());
        outcome
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        let start = buf.len();
        let keys = self.inner.write_handshake(buf);
        if !self.issued.is_empty() {
            let early_data = self.takes_early_data();
            let lifetime = self.config.tickets.lifetime().as_secs().try_into().unwrap_or(u32::MAX);
            let written = buf.split_off(start);
            rewrite(&written, &mut self.issued, lifetime, early_data, buf);
        }
        keys.map(padding::without)
    }

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        padding::without(self.inner.initial_keys(dst_cid, side))
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.inner.handshake_data()
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.inner.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        self.inner.early_crypto()
    }

    fn early_data_accepted(&self) -> Option<bool> {
        self.inner.early_data_accepted()
    }

    fn is_handshaking(&self) -> bool {
        self.inner.is_handshaking()
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.inner.transport_parameters()
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.inner.next_1rtt_keys().map(padding::without_in)
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.inner.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.inner.export_keying_material(output, label, context)
    }
}

/// HandshakeType of a NewSessionTicket, and ExtensionType of early_data (RFC 8446, sections 4 and 4.2).
const NEW_SESSION_TICKET: u8 = 4;
const EARLY_DATA: u16 = 42;

/// Copies handshake messages to `out`, with the tickets in place of their numbers.
fn rewrite(mut messages: &[u8], issued: &mut Vec<Issued>, lifetime: u32, early_data: bool, out: &mut Vec<u8>) {
    while let Some((&[kind, high, middle, low], rest)) = messages.split_first_chunk() {
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let Some((body, next)) = rest.split_at_checked(length) else { break };
        let rewritten = (kind == NEW_SESSION_TICKET).then(|| new_session_ticket(body, issued, lifetime, early_data));
        match rewritten.flatten() {
            Some(body) => {
                out.push(kind);
                out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
                out.extend_from_slice(&body);
            }
            None => out.extend_from_slice(&messages[..4 + length]),
        }
        messages = next;
    }
    // Less than a message: rustls writes none such.
    out.extend_from_slice(messages);
}

/// The body of a NewSessionTicket whose ticket is the number of one of `issued`, with that one in its place.
fn new_session_ticket(body: &[u8], issued: &mut Vec<Issued>, lifetime: u32, early_data: bool) -> Option<Vec<u8>> {
    let (_lifetime, rest) = body.split_at_checked(4)?;
    let (age_add, rest) = rest.split_at_checked(4)?;
    let (&nonce_length, rest) = rest.split_first()?;
    let (nonce, rest) = rest.split_at_checked(nonce_length.into())?;
    let (id, rest) = vector(rest)?;
    let (mut extensions, _) = vector(rest)?;

    let place = issued.iter().position(|issued| issued.id == id)?;
    let ticket = issued.swap_remove(place).ticket;
    let mut kept = Vec::new();
    while let Some((kind, rest)) = extensions.split_first_chunk::<2>() {
        let (data, next) = vector(rest)?;
        if early_data || u16::from_be_bytes(*kind) != EARLY_DATA {
            kept.extend_from_slice(&extensions[..4 + data.len()]);
        }
        extensions = next;
    }

    let mut out = lifetime.to_be_bytes().to_vec();
    out.extend_from_slice(age_add);
    out.push(nonce_length);
    out.extend_from_slice(nonce);
    for field in [ticket, kept] {
        out.extend_from_slice(&u16::try_from(field.len()).ok()?.to_be_bytes());
        out.extend_from_slice(&field);
    }
    Some(out)
}

/// A vector with a length of two bytes, and what follows it.
fn vector(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first_chunk()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// lifetime, age_add, nonce, ticket, extensions: early_data of four bytes, and an unknown one of one byte.
    const BODY: &[u8] = b"\0\x01\x51\x80AGE!\x02no\0\x02id\0\x0d\0\x2a\0\x04\xff\xff\xff\xff\x12\x34\0\x01x";

    fn message(body: &[u8]) -> Vec<u8> {
        [&[4, 0, 0, body.len() as u8], body].concat()
    }

    fn issued() -> Vec<Issued> {
        vec![Issued { id: b"id".into(), ticket: b"sealed".into() }]
    }

    #[test]
    fn the_number_becomes_the_ticket_and_the_lifetime_ours() {
        let other = [8, 0, 0, 1, 7];
        let mut out = b"before".to_vec();
        rewrite(&[&other[..], &message(BODY), &other].concat(), &mut issued(), 3600, true, &mut out);
        let body = b"\0\0\x0e\x10AGE!\x02no\0\x06sealed\0\x0d\0\x2a\0\x04\xff\xff\xff\xff\x12\x34\0\x01x";
        assert_eq!(out, [b"before", &other[..], &message(body), &other].concat());
    }

    #[test]
    fn a_protocol_that_takes_no_early_data_offers_none() {
        let mut out = Vec::new();
        rewrite(&message(BODY), &mut issued(), 3600, false, &mut out);
        assert_eq!(out, message(b"\0\0\x0e\x10AGE!\x02no\0\x06sealed\0\x05\x12\x34\0\x01x"));
    }

    #[test]
    fn what_is_not_understood_passes() {
        for messages in [&message(b"short")[..], &message(BODY)[..10], &[4, 0], &[]] {
            let mut out = Vec::new();
            rewrite(messages, &mut vec![], 3600, false, &mut out);
            assert_eq!(out, messages);
        }
    }
}
