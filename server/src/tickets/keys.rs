//! The keys that seal tickets, and when they change. They know nothing of what is sealed, nor of files.

use std::time::Duration;

use ring::aead::{self, Aad, CHACHA20_POLY1305, LessSafeKey, UnboundKey};
use ring::hkdf;
use ring::rand::{SecureRandom, SystemRandom};

use super::{Nonce, millis};

/// Bytes of a key's name, which is the first part of each ticket.
const NAME_LENGTH: usize = 8;
/// Bytes of the nonce, the second part.
pub(super) const NONCE_LENGTH: usize = aead::NONCE_LEN;
/// Bytes of a secret.
pub(super) const SECRET_LENGTH: usize = 32;

/// Random bytes from which keys are made.
pub(crate) type Secret = [u8; SECRET_LENGTH];

/// A key, which seals for a ticket's lifetime and opens for another one.
pub(super) struct Key {
    /// Milliseconds since 1970.
    pub(super) created: u64,
    pub(super) name: [u8; NAME_LENGTH],
    pub(super) secret: Secret,
}

impl Key {
    fn new(created: u64) -> Self {
        Self { created, name: random(), secret: random() }
    }

    fn aead(&self) -> LessSafeKey {
        // ChaCha20 for its speed in WebAssembly. The nonces are random: a key seals far fewer tickets than the 2^32 after
        // which two of 96 bits might be the same.
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &self.secret).expect("the secret has the key's length"))
    }
}

/// The keys of one server.
pub(super) struct Keys {
    /// What lives as long as the server's identity: the root of [`Keys::secret`].
    pub(super) root: Secret,
    /// The newest last; it seals.
    pub(super) keys: Vec<Key>,
}

impl Default for Keys {
    fn default() -> Self {
        Self { root: random(), keys: Vec::new() }
    }
}

impl Keys {
    /// Makes a new key where the newest has sealed for `lifetime`, and forgets those whose last ticket has expired.
    /// Returns whether anything has changed.
    pub(super) fn rotate(&mut self, now: u64, lifetime: Duration) -> bool {
        let age = |key: &Key| now.saturating_sub(key.created);
        let before = self.keys.len();
        self.keys.retain(|key| age(key) < 2 * millis(lifetime));
        let forgotten = self.keys.len() != before;
        let due = self.keys.last().is_none_or(|key| age(key) >= millis(lifetime));
        if due {
            self.keys.push(Key::new(now));
        }
        due || forgotten
    }

    /// A ticket with `plain` in it. None without a key, that is before [`rotate`](Self::rotate).
    pub(super) fn seal(&self, mut plain: Vec<u8>, binding: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.last()?;
        let nonce: Nonce = random();
        let sealing = aead::Nonce::assume_unique_for_key(nonce);
        key.aead().seal_in_place_append_tag(sealing, Aad::from(binding), &mut plain).ok()?;
        Some([&key.name[..], &nonce[..], &plain].concat())
    }

    /// The nonce and the content of a ticket that one of the keys has sealed.
    pub(super) fn open(&self, ticket: &[u8], binding: &[u8]) -> Option<(Nonce, Vec<u8>)> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LENGTH>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LENGTH>()?;
        let key = self.keys.iter().find(|key| key.name == *name)?;
        let mut sealed = sealed.to_vec();
        let opening = aead::Nonce::assume_unique_for_key(*nonce);
        let plain = key.aead().open_in_place(opening, Aad::from(binding), &mut sealed).ok()?;
        Some((*nonce, plain.to_vec()))
    }

    /// A secret for `purpose` (HKDF, RFC 5869).
    pub(super) fn secret(&self, purpose: &str) -> Secret {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"socket-iwa").extract(&self.root);
        let info = [purpose.as_bytes()];
        let mut secret = [0; SECRET_LENGTH];
        let okm = root.expand(&info, hkdf::HKDF_SHA256).expect("SHA-256 gives 32 bytes");
        okm.fill(&mut secret).expect("SHA-256 gives 32 bytes");
        secret
    }
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).expect("the system has random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_key_seals_for_one_lifetime_and_is_forgotten_after_two() {
        let hour = millis(HOUR);
        let mut keys = Keys::default();
        assert!(keys.rotate(0, HOUR));
        let first = keys.keys[0].name;
        assert!(!keys.rotate(hour - 1, HOUR));
        assert!(keys.rotate(hour, HOUR));
        assert_eq!(keys.keys.len(), 2);
        assert!(keys.rotate(2 * hour, HOUR));
        assert!(keys.keys.iter().all(|key| key.name != first));
    }
}
