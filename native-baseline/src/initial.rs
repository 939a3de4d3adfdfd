//! Initial packets by the byte. Their keys are no secret: they are made of the connection ID that the client begins with
//! (RFC 9001, section 5.2). So anybody can write one with anything in it, and read what a server says in its own.

use std::sync::Arc;

use quinn::VarInt;
use quinn_proto::coding::Codec;
use rustls::quic::{ClientConnection, Keys, Version};
use rustls::{CipherSuite, Side, SupportedCipherSuite};

use crate::Error;

/// The least that a datagram with an Initial packet holds (RFC 9000, section 14.1).
pub const MIN_DATAGRAM: usize = 1200;
/// Types of frames (RFC 9000, section 19).
const PADDING: usize = 0x00;
const PING: usize = 0x01;
const ACK: usize = 0x02;
pub(crate) const CRYPTO: usize = 0x06;
pub(crate) const CONNECTION_CLOSE: usize = 0x1c;

fn keys(id: &[u8]) -> Option<Keys> {
    let provider = rustls::crypto::ring::default_provider();
    let suite = provider.cipher_suites.iter().find_map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) if suite.common.suite == CipherSuite::TLS13_AES_128_GCM_SHA256 => {
            Some(*suite)
        }
        _ => None,
    })?;
    Some(Keys::initial(Version::V1, suite, suite.quic_suite()?.quic, id, Side::Client))
}

/// What is in a server's datagram, if it begins with an Initial packet of the connection that the client began with `id`.
pub(crate) fn open(mut datagram: Vec<u8>, id: &[u8]) -> Option<Vec<u8>> {
    // A long header of type 0.
    if datagram.first()? & 0xf0 & !0x40 != 0x80 {
        return None;
    }
    let (number_at, end) = {
        let mut cursor = Cursor(&datagram);
        cursor.connection_ids()?;
        let token = cursor.varint()?;
        cursor.take(token)?;
        let length = cursor.varint()?;
        let number_at = datagram.len() - cursor.0.len();
        (number_at, number_at.checked_add(length)?)
    };
    let keys = keys(id)?.remote;
    let packet = datagram.get_mut(..end)?;
    let sample = packet.get(number_at + 4..number_at + 4 + keys.header.sample_len())?.to_vec();
    let (first, rest) = packet.split_first_mut()?;
    keys.header.decrypt_in_place(&sample, first, rest.get_mut(number_at - 1..number_at + 3)?).ok()?;
    let payload_at = number_at + usize::from(*first & 3) + 1;
    let (header, payload) = packet.split_at_mut_checked(payload_at)?;
    let number = header[number_at..].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    Some(keys.packet.decrypt_in_place(number, header, payload).ok()?.to_vec())
}

/// A datagram of `length` bytes with a client's first packet: it begins a connection with `id`, comes from `source`, and
/// has `frames` and padding in it. Connection IDs of eight bytes.
///
/// # Panics
///
/// When the frames don't fit.
#[must_use]
pub fn seal(id: &[u8; 8], source: &[u8; 8], frames: &[u8], length: usize) -> Vec<u8> {
    const NUMBER: usize = 4;
    let keys = keys(id).expect("the provider has the Initial cipher suite").local;
    // A long header of type 0, a packet number of four bytes, version 1, both IDs, and no token (RFC 9000, section 17.2.2).
    let mut packet = vec![0xc0 | (NUMBER as u8 - 1), 0, 0, 0, 1];
    for id in [id, source] {
        packet.push(8);
        packet.extend_from_slice(id);
    }
    packet.push(0);
    let number_at = packet.len() + 2;
    let protected = u16::try_from(length - number_at).expect("a datagram is small");
    packet.extend_from_slice(&(0x4000 | protected).to_be_bytes());
    packet.extend_from_slice(&[0; NUMBER]);
    let mut payload = frames.to_vec();
    let room = length - packet.len() - keys.packet.tag_len();
    assert!(payload.len() <= room, "{} bytes of frames do not fit {room}", payload.len());
    payload.resize(room, 0);
    let tag = keys.packet.encrypt_in_place(0, &packet, &mut payload).expect("an Initial packet can be protected");
    packet.extend_from_slice(&payload);
    packet.extend_from_slice(tag.as_ref());
    let sample = packet[number_at + 4..][..keys.header.sample_len()].to_vec();
    let (first, rest) = packet.split_first_mut().expect("a packet has a header");
    let number = &mut rest[number_at - 1..][..NUMBER];
    keys.header.encrypt_in_place(&sample, first, number).expect("the sample is of the right length");
    packet
}

/// Variable-length integers, one after the other.
pub(crate) fn varints(values: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &value in values {
        VarInt::from_u64(value).expect("the value is below 2^62").encode(&mut bytes);
    }
    bytes
}

/// A CRYPTO frame (RFC 9000, section 19.6).
pub(crate) fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    [varints(&[CRYPTO as u64, offset, data.len() as u64]), data.to_vec()].concat()
}

/// A transport parameter (RFC 9000, section 18).
pub(crate) fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    [varints(&[id, value.len() as u64]), value.to_vec()].concat()
}

/// A CRYPTO frame with a ClientHello of `tls`, of a client that has these transport parameters.
pub(crate) fn client_hello(tls: rustls::ClientConfig, parameters: Vec<u8>) -> Result<Vec<u8>, Error> {
    let name = "localhost".try_into().expect("it is a name");
    let connection = ClientConnection::new(Arc::new(tls), Version::V1, name, parameters);
    let mut hello = Vec::new();
    connection.map_err(|error| Error::new("make a ClientHello", error))?.write_hs(&mut hello);
    Ok(crypto(0, &hello))
}

/// The frames of the first packet of a client of HTTP/3 with this source connection ID: a whole ClientHello, which a server
/// answers with its handshake.
///
/// # Errors
///
/// When none can be made.
pub fn first_flight(source: &[u8; 8]) -> Result<Vec<u8>, Error> {
    let mut tls = crate::tls(crate::Pins::default().verifier());
    tls.alpn_protocols = vec![b"h3".to_vec()];
    client_hello(tls, parameter(0x0f, source))
}

/// Reads from the front of a slice.
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    pub(crate) fn short(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A variable-length integer (RFC 9000, section 16).
    pub(crate) fn varint(&mut self) -> Option<usize> {
        let first = self.byte()?;
        let rest = self.take((1 << (first >> 6)) - 1)?;
        let value = rest.iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
        value.try_into().ok()
    }

    /// The type of the next frame that is not PADDING, PING or ACK (RFC 9000, section 19).
    pub(crate) fn frame(&mut self) -> Option<usize> {
        loop {
            match self.varint()? {
                PADDING | PING => {}
                ACK => {
                    let (_largest, _delay, ranges, _first) =
                        (self.varint()?, self.varint()?, self.varint()?, self.varint()?);
                    (0..2 * ranges).try_for_each(|_| self.varint().map(drop))?;
                }
                kind => return Some(kind),
            }
        }
    }

    /// The IDs of a long header of version 1: the destination's and the source's.
    pub(crate) fn connection_ids(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        self.take(1)?;
        if self.take(4)? != [0, 0, 0, 1] {
            return None;
        }
        let destination = self.byte()?;
        let destination = self.take(destination.into())?;
        let source = self.byte()?;
        Some((destination, self.take(source.into())?))
    }
}
