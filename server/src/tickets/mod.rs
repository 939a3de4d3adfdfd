//! Session tickets (RFC 8446, section 4.6.1): what a client brings back to resume, sealed under keys that rotate, and
//! good for one use. It knows nothing of QUIC; `session.rs` beside it puts the tickets into the handshake.
//!
//! Why not rustls' own ticketers: rustls 0.23 takes early data only with a stateful session store
//! (`decide_if_early_data_allowed` in its `server/tls13.rs` asks for `!config.ticketer.enabled()`), because a stateless
//! ticket can be replayed, and a store forgets its tickets at a restart. So to rustls this is a store, whose `take` does
//! what RFC 8446, section 8.1 asks for: no ticket is taken twice. What it stores, though, is in the ticket, sealed; kept
//! here are the keys, and which tickets were used until they expire.

mod file;
mod keys;
mod session;
mod used;

use std::fmt;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use rustls::server::StoresServerSessions;

use file::KeyFile;
pub(crate) use keys::Secret;
use keys::{Keys, NONCE_LENGTH};
pub(crate) use session::TicketingConfig;
pub(crate) use used::AddressTokens;
use used::Used;

/// The longest that a ticket may live (RFC 8446, section 4.6.1).
pub const MAX_TICKET_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes tickets and takes them back, once each.
pub(crate) struct Tickets {
    lifetime: Duration,
    /// What a ticket is only good with: the transport's limits, which early data relies on (RFC 9000, section 7.4.1).
    binding: [u8; 32],
    state: Mutex<State>,
}

struct State {
    keys: Keys,
    used: Used,
    file: Option<KeyFile>,
    /// Tickets made since [`Tickets::issued`] was last called, under the numbers that rustls gave them.
    issued: Vec<Issued>,
    resumed: u64,
}

/// A ticket on its way to a client.
pub(crate) struct Issued {
    /// What rustls put into the handshake in its place.
    id: Vec<u8>,
    ticket: Vec<u8>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Tickets {
    /// Tickets that live for `lifetime`, good only with `limits`, under keys from `file`, which is made if it is not
    /// there, or under new ones that end with the process.
    ///
    /// # Errors
    ///
    /// When `file` can't be read, written or understood; the text names it.
    pub(crate) fn new(lifetime: Duration, limits: &str, file: Option<&Path>) -> Result<Self, String> {
        let mut state = State {
            keys: Keys::default(),
            used: Used::default(),
            file: file.map(KeyFile::new),
            issued: Vec::new(),
            resumed: 0,
        };
        if let Some(file) = &mut state.file {
            (state.keys, state.used) = file.read()?;
        }
        let binding = digest(&SHA256, limits.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        let tickets = Self { lifetime, binding, state: Mutex::new(state) };
        let now = milliseconds(SystemTime::now());
        {
            let state = &mut *tickets.state();
            state.keys.rotate(now, tickets.lifetime);
            state.used.forget(now, tickets.lifetime);
            if let Some(file) = &mut state.file {
                file.write(&state.keys, &state.used)?;
            }
        }
        Ok(tickets)
    }

    /// A secret of this server's for `purpose`, the same after a restart where the keys are.
    pub(crate) fn secret(&self, purpose: &str) -> Secret {
        self.state().keys.secret(purpose)
    }

    /// Sessions resumed so far.
    pub(crate) fn resumed(&self) -> u64 {
        self.state().resumed
    }

    /// How long a ticket lives, as it is told to the client.
    fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// What was made since the last call.
    fn issued(&self) -> Vec<Issued> {
        std::mem::take(&mut self.state().issued)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // One thread: rustls asks for `Sync`, and nobody ever waits here.
        self.state.lock().expect("nothing panics with the tickets locked")
    }

    fn seal(&self, session: &[u8], now: u64) -> Option<Vec<u8>> {
        let state = &mut *self.state();
        if state.keys.rotate(now, self.lifetime)
            && let Some(file) = &mut state.file
            && let Err(error) = file.write(&state.keys, &state.used)
        {
            // The new key ends with the process, and with it its tickets.
            tracing::warn!("{error}");
        }
        let mut plain = now.to_be_bytes().to_vec();
        plain.extend_from_slice(session);
        state.keys.seal(plain, &self.binding)
    }

    /// The session in `ticket`, if it is one of ours, has not expired, and was not used.
    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let state = &mut *self.state();
        let (nonce, plain) = state.keys.open(ticket, &self.binding)?;
        let (issued, session) = plain.split_first_chunk()?;
        let issued = u64::from_be_bytes(*issued);
        // From the future: this machine's clock was set back, and says nothing of the ticket's age.
        if issued > now || now - issued >= millis(self.lifetime) {
            tracing::debug!("a ticket has expired");
            return None;
        }
        state.used.forget(now, self.lifetime);
        if !state.used.insert(issued, nonce) {
            tracing::debug!("a ticket was used before");
            return None;
        }
        if let Some(file) = &mut state.file
            && let Err(error) = file.note_use(issued, &nonce, &state.keys, &state.used)
        {
            // A use that a restart would forget is none.
            tracing::warn!("{error}");
            return None;
        }
        state.resumed += 1;
        Some(session.to_vec())
    }
}

impl StoresServerSessions for Tickets {
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        let ticket = self.seal(&session, milliseconds(SystemTime::now()));
        ticket.map(|ticket| self.state().issued.push(Issued { id, ticket })).is_some()
    }

    /// A ticket of TLS 1.3 is taken, never looked at.
    fn get(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn take(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(ticket, milliseconds(SystemTime::now()))
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

/// A ticket's own number: the nonce it is sealed with.
type Nonce = [u8; NONCE_LENGTH];

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);
    const NOW: u64 = 1_800_000_000_000;

    fn tickets() -> Tickets {
        Tickets::new(HOUR, "limits", None).unwrap()
    }

    /// A file that is not there yet, in a directory that goes with it.
    fn scratch(name: &str) -> std::path::PathBuf {
        let directory = std::env::temp_dir().join(format!("socket-iwa-tickets-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        directory.join("keys")
    }

    #[test]
    fn a_ticket_is_good_once() {
        let tickets = tickets();
        let ticket = tickets.seal(b"session", NOW).unwrap();
        assert_eq!(tickets.open(&ticket, NOW + 1).as_deref(), Some(&b"session"[..]));
        assert_eq!(tickets.open(&ticket, NOW + 2), None);
        assert_eq!(tickets.resumed(), 1);
    }

    #[test]
    fn a_ticket_expires() {
        let tickets = tickets();
        let (early, late) = (tickets.seal(b"1", NOW).unwrap(), tickets.seal(b"2", NOW).unwrap());
        assert!(tickets.open(&early, NOW + millis(HOUR) - 1).is_some());
        assert!(tickets.open(&late, NOW + millis(HOUR)).is_none());
    }

    #[test]
    fn a_ticket_from_after_now_is_none() {
        let tickets = tickets();
        let ticket = tickets.seal(b"session", NOW).unwrap();
        assert!(tickets.open(&ticket, NOW - 1).is_none());
    }

    #[test]
    fn tickets_of_another_server_and_changed_ones_are_none() {
        let (ours, theirs) = (tickets(), tickets());
        let ticket = theirs.seal(b"session", NOW).unwrap();
        assert!(ours.open(&ticket, NOW).is_none());
        for byte in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[byte] ^= 1;
            assert!(theirs.open(&changed, NOW).is_none(), "byte {byte}");
        }
        assert!(theirs.open(&ticket[..10], NOW).is_none());
        assert!(theirs.open(&ticket, NOW).is_some());
    }

    #[test]
    fn a_ticket_outlives_one_rotation_and_not_two() {
        let tickets = tickets();
        // Older than the process: the key it starts with is of now.
        let start = milliseconds(SystemTime::now());
        let ticket = tickets.seal(b"session", start + millis(HOUR) - 1).unwrap();
        // By a new key, which does not take the old one's tickets away.
        tickets.seal(b"another", start + millis(HOUR) + 1).unwrap();
        assert!(tickets.open(&ticket, start + millis(HOUR) + 2).is_some());
        let ticket = tickets.seal(b"session", start + millis(HOUR) + 3).unwrap();
        tickets.seal(b"another", start + 4 * millis(HOUR)).unwrap();
        assert!(tickets.state().keys.open(&ticket, &tickets.binding).is_none());
    }

    #[test]
    fn a_restart_with_the_file_knows_the_tickets_and_which_are_used() {
        let path = scratch("restart");
        let first = Tickets::new(HOUR, "limits", Some(&path)).unwrap();
        let now = milliseconds(SystemTime::now());
        let (used, fresh) = (first.seal(b"used", now).unwrap(), first.seal(b"fresh", now).unwrap());
        assert!(first.open(&used, now).is_some());
        let secret = first.secret("a purpose");
        drop(first);
        let second = Tickets::new(HOUR, "limits", Some(&path)).unwrap();
        assert_eq!(second.open(&fresh, now + 1).as_deref(), Some(&b"fresh"[..]));
        assert!(second.open(&used, now + 1).is_none());
        assert_eq!(second.secret("a purpose"), secret);
        assert_ne!(second.secret("another"), secret);
        let changed = Tickets::new(HOUR, "other limits", Some(&path)).unwrap();
        let ticket = second.seal(b"session", now).unwrap();
        assert!(changed.open(&ticket, now).is_none(), "limits that early data relies on have changed");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let path = scratch("mode");
        Tickets::new(HOUR, "limits", Some(&path)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Tickets::new(HOUR, "limits", Some(&path)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_file_that_is_something_else_is_named_and_left_alone() {
        let path = scratch("wrong");
        std::fs::write(&path, "my diary\n").unwrap();
        let error = Tickets::new(HOUR, "limits", Some(&path)).unwrap_err();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary\n");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
