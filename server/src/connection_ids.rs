//! Connection IDs that say which worker has the connection, to whoever has the server's secret, and nothing to others
//! (RFC 9000, section 5.1): three random bytes, the worker's number and four zeros, the last five under a mask that a
//! keyed function makes of the first three. The zeros tell the server's own IDs from garbage, which is not worth a
//! stateless reset.

use std::sync::Arc;
use std::time::Duration;

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid, RandomConnectionIdGenerator};
use ring::aead::quic::{CHACHA20, HeaderProtectionKey};

use crate::tickets::Secret;
use crate::workers::MAX_WORKERS;

/// Random bytes. Another connection's ID with the same ones is told apart by quinn-proto, which then makes a new one.
const RANDOM: usize = 3;
/// Bytes of an ID.
const LENGTH: usize = 8;
/// Bytes of a masking function's input.
const SAMPLE: usize = 16;

/// Makes the connection IDs of one worker, and reads those of all.
#[derive(Clone)]
pub(crate) struct ConnectionIds {
    /// The function that QUIC masks headers with (RFC 9001, section 5.4): made for this, and fast.
    key: Arc<HeaderProtectionKey>,
    worker: u8,
}

impl ConnectionIds {
    /// Those of `worker`, by a secret that all workers have.
    pub(crate) fn new(secret: &Secret, worker: u8) -> Self {
        let key = HeaderProtectionKey::new(&CHACHA20, secret).expect("the secret has the key's length");
        Self { key: Arc::new(key), worker }
    }

    /// The worker, out of [`MAX_WORKERS`], that has made `id`; none: it is not of this server.
    pub(crate) fn owner(&self, id: &[u8]) -> Option<u8> {
        let (random, masked) = id.split_first_chunk::<RANDOM>()?;
        let mask = self.mask(random);
        let masked: &[u8; LENGTH - RANDOM] = masked.try_into().ok()?;
        let owner = masked[0] ^ mask[0];
        (usize::from(owner) < MAX_WORKERS && masked[1..] == mask[1..]).then_some(owner)
    }

    /// The worker to whom a datagram belongs by the connection ID that it is for, if that is another one than this.
    pub(crate) fn elsewhere(&self, datagram: &[u8]) -> Option<usize> {
        let owner = self.owner(destination(datagram)?)?;
        (owner != self.worker).then_some(owner.into())
    }

    fn mask(&self, random: &[u8; RANDOM]) -> [u8; LENGTH - RANDOM] {
        let mut sample = [0; SAMPLE];
        sample[..RANDOM].copy_from_slice(random);
        self.key.new_mask(&sample).expect("the sample has its length")
    }
}

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let random: [u8; RANDOM] =
            (*RandomConnectionIdGenerator::new(RANDOM).generate_cid()).try_into().expect("it has this length");
        let mut mask = self.mask(&random);
        mask[0] ^= self.worker;
        ConnectionId::new(&[&random[..], &mask].concat())
    }

    fn validate(&self, id: &ConnectionId) -> Result<(), InvalidCid> {
        // Of a worker of before a restart, too.
        self.owner(id).map(drop).ok_or(InvalidCid)
    }

    fn cid_len(&self) -> usize {
        LENGTH
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// The connection ID that a datagram's first packet is for (RFC 8999, sections 5.1 and 5.2), where it may be one of ours.
fn destination(datagram: &[u8]) -> Option<&[u8]> {
    match datagram {
        // A long header: form, version, the ID's length.
        [0x80..=0xff, _, _, _, _, length, rest @ ..] if usize::from(*length) == LENGTH => rest.get(..LENGTH),
        [0x80..=0xff, ..] => None,
        [_, rest @ ..] => rest.get(..LENGTH),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(worker: u8) -> ConnectionIds {
        ConnectionIds::new(&[7; 32], worker)
    }

    #[test]
    fn every_worker_reads_whose_an_id_is() {
        for worker in 0..MAX_WORKERS as u8 {
            let id = ids(worker).generate_cid();
            assert_eq!(ids(3).owner(&id), Some(worker));
            assert!(ids(3).validate(&id).is_ok());
        }
    }

    #[test]
    fn without_the_secret_an_id_is_garbage() {
        let id = ids(1).generate_cid();
        assert_eq!(ConnectionIds::new(&[8; 32], 1).owner(&id), None);
        for byte in 0..LENGTH {
            let mut changed = id.to_vec();
            changed[byte] ^= 0x80;
            assert_eq!(ids(1).owner(&changed), None, "byte {byte}");
        }
        for length in 0..LENGTH {
            assert_eq!(ids(1).owner(&id[..length]), None);
        }
    }

    #[test]
    fn ids_of_one_worker_have_nothing_in_common() {
        let mut made: Vec<_> = (0..1000).map(|_| ids(1).generate_cid()).collect();
        for byte in 0..LENGTH {
            let values: std::collections::HashSet<_> = made.iter().map(|id| id[byte]).collect();
            assert!(values.len() > 200, "byte {byte} has {} values", values.len());
        }
        made.sort_unstable();
        made.dedup();
        assert!(made.len() > 990);
    }

    #[test]
    fn a_datagram_is_elsewhere_by_the_id_of_either_header() {
        let id = ids(2).generate_cid();
        let short = [&[0x40], &id[..], &[0; 20]].concat();
        let long = [&[0xe0, 0, 0, 0, 1, 8], &id[..], &[0; 20]].concat();
        for datagram in [&short, &long] {
            assert_eq!(ids(1).elsewhere(datagram), Some(2));
            assert_eq!(ids(2).elsewhere(datagram), None);
            assert_eq!(ids(1).elsewhere(&datagram[..8]), None);
        }
        let other_length = [&[0xc0, 0, 0, 0, 1, 9], &id[..], &[0; 20]].concat();
        assert_eq!(ids(1).elsewhere(&other_length), None);
        assert_eq!(ids(1).elsewhere(&[]), None);
    }
}
