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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use rustls::server::StoresServerSessions;

use file::KeyFile;
pub(crate) use keys::Secret;
use keys::{Keys, NONCE_LENGTH};
pub(crate) use session::TicketingConfig;
use used::{AddressTokens, Used};

/// The longest that a ticket may live (RFC 8446, section 4.6.1).
pub const MAX_TICKET_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes tickets and takes them back, once each.
pub(crate) struct Tickets {
    lifetime: Duration,
    /// What a ticket is only good with: the transport's limits, which early data relies on (RFC 9000, section 7.4.1).
    binding: [u8; 32],
    secrets: Secrets,
    worker: u8,
    own: Mutex<Own>,
}

/// What a server's tickets, address tokens, connection IDs and stateless resets are made of: the same for all of its
/// workers.
#[derive(Clone)]
pub(crate) struct Secrets {
    ledger: Arc<Mutex<Ledger>>,
    address_tokens: Arc<AddressTokens>,
    /// Whether all workers have this very ledger. Otherwise each has one, hears of the others' later, and takes no early
    /// data with a ticket that another one has made: that might have been used a moment ago.
    whole: bool,
}

struct Ledger {
    keys: Keys,
    used: Used,
    file: Option<KeyFile>,
}

/// What is a worker's own.
#[derive(Default)]
struct Own {
    /// Tickets made since [`Tickets::issued`] was last called, under the numbers that rustls gave them.
    issued: Vec<Issued>,
    resumed: u64,
    /// Lines for the other workers' ledgers.
    news: String,
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

/// Locks what no panic leaves halfway: a worker that panics ends the server.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Secrets {
    /// From `file`, which is made if it is not there, or new ones that end with the process. Tickets live for `lifetime`.
    ///
    /// # Errors
    ///
    /// When `file` can't be read, written or understood; the text names it.
    pub(crate) fn open(lifetime: Duration, file: Option<&Path>) -> Result<Self, String> {
        let mut ledger = Ledger { keys: Keys::default(), used: Used::default(), file: file.map(KeyFile::new) };
        if let Some(file) = &mut ledger.file {
            (ledger.keys, ledger.used) = file.read()?;
        }
        let now = milliseconds(SystemTime::now());
        ledger.keys.rotate(now, lifetime);
        ledger.used.forget(now, lifetime);
        if let Some(file) = &mut ledger.file {
            file.write(&ledger.keys, &ledger.used)?;
        }
        Ok(Self::new(ledger, true))
    }

    /// Those of another worker, in whose memory they are not.
    ///
    /// # Errors
    ///
    /// When `text` is not what [`text`](Self::text) has made.
    pub(crate) fn from_text(text: &str) -> Result<Self, String> {
        let (keys, used) = file::parse(text)?;
        Ok(Self::new(Ledger { keys, used, file: None }, false))
    }

    fn new(ledger: Ledger, whole: bool) -> Self {
        Self { ledger: Arc::new(Mutex::new(ledger)), address_tokens: Arc::default(), whole }
    }

    /// With other workers that have ledgers of their own.
    pub(crate) fn in_parts(self) -> Self {
        Self { whole: false, ..self }
    }

    /// For other workers.
    pub(crate) fn text(&self) -> String {
        let ledger = lock(&self.ledger);
        file::format(&ledger.keys, &ledger.used)
    }

    /// A secret of this server's for `purpose`, the same after a restart where the keys are.
    pub(crate) fn secret(&self, purpose: &str) -> Secret {
        lock(&self.ledger).keys.secret(purpose)
    }

    /// The used address tokens.
    pub(crate) fn address_tokens(&self) -> Arc<AddressTokens> {
        self.address_tokens.clone()
    }

    /// Notes what another worker has in its ledger.
    pub(crate) fn hear(&self, lines: &str) {
        let Ledger { keys, used, file } = &mut *lock(&self.ledger);
        for line in lines.lines() {
            if file::apply(line, keys, used).is_none() {
                tracing::warn!("another worker's ticket keys are not understood");
            }
        }
        if let Some(file) = file
            && let Err(error) = file.write(keys, used)
        {
            tracing::warn!("{error}");
        }
    }
}

impl Tickets {
    /// Those of `worker`, made of `secrets`, good only with `limits`.
    pub(crate) fn new(lifetime: Duration, limits: &str, secrets: Secrets, worker: u8) -> Self {
        // A ticket of a server whose tickets had another content is none.
        let limits = format!("worker, {limits}");
        let binding = digest(&SHA256, limits.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes");
        Self { lifetime, binding, secrets, worker, own: Mutex::default() }
    }

    /// Sessions resumed so far.
    pub(crate) fn resumed(&self) -> u64 {
        lock(&self.own).resumed
    }

    /// How long a ticket lives, as it is told to the client.
    fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// What was made since the last call.
    fn issued(&self) -> Vec<Issued> {
        std::mem::take(&mut lock(&self.own).issued)
    }

    /// Lines for [`Secrets::hear`] of the other workers, since the last call; mostly none.
    pub(crate) fn news(&self) -> String {
        std::mem::take(&mut lock(&self.own).news)
    }

    pub(crate) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    fn tell(&self, line: impl FnOnce() -> String) {
        if !self.secrets.whole {
            lock(&self.own).news.push_str(&line());
        }
    }

    fn seal(&self, session: &[u8], now: u64) -> Option<Vec<u8>> {
        let Ledger { keys, used, file } = &mut *lock(&self.secrets.ledger);
        let newest = |keys: &Keys| keys.keys.last().map(|key| key.name);
        let before = newest(keys);
        if keys.rotate(now, self.lifetime) {
            if let Some(file) = file
                && let Err(error) = file.write(keys, used)
            {
                // The new key ends with the process, and with it its tickets.
                tracing::warn!("{error}");
            }
            if newest(keys) != before
                && let Some(key) = keys.keys.last()
            {
                self.tell(|| file::key_line(key));
            }
        }
        let mut plain = now.to_be_bytes().to_vec();
        plain.push(self.worker);
        plain.extend_from_slice(session);
        keys.seal(plain, &self.binding)
    }

    /// The session in `ticket`, if it is one of ours, has not expired, and was not used.
    fn open(&self, ticket: &[u8], now: u64) -> Option<Vec<u8>> {
        let Ledger { keys, used, file } = &mut *lock(&self.secrets.ledger);
        let (nonce, plain) = keys.open(ticket, &self.binding)?;
        let (issued, rest) = plain.split_first_chunk()?;
        let (&maker, session) = rest.split_first()?;
        let issued = u64::from_be_bytes(*issued);
        // From the future: this machine's clock was set back, and says nothing of the ticket's age.
        if issued > now || now - issued >= millis(self.lifetime) {
            tracing::debug!("a ticket has expired");
            return None;
        }
        used.forget(now, self.lifetime);
        if !used.insert(issued, nonce) {
            tracing::debug!("a ticket was used before");
            return None;
        }
        if let Some(file) = file
            && let Err(error) = file.note_use(issued, &nonce, keys, used)
        {
            // A use that a restart would forget is none.
            tracing::warn!("{error}");
            return None;
        }
        self.tell(|| file::used_line(issued, &nonce));
        lock(&self.own).resumed += 1;
        let mut session = session.to_vec();
        if !self.secrets.whole && maker != self.worker {
            refuse_early_data(&mut session);
        }
        Some(session)
    }
}

/// Makes rustls take no early data with `session`, and resume it all the same: by a session that seems to be another age
/// than the client says, for which RFC 8446, section 8.3 has a full round trip. The last four bytes that rustls writes are
/// the offset of the client's age (`age_obfuscation_offset`), in milliseconds; this changes it by 24 days.
fn refuse_early_data(session: &mut [u8]) {
    if let Some(place) = session.len().checked_sub(4) {
        session[place] ^= 0x80;
    }
}

impl StoresServerSessions for Tickets {
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        let ticket = self.seal(&session, milliseconds(SystemTime::now()));
        ticket.map(|ticket| lock(&self.own).issued.push(Issued { id, ticket })).is_some()
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

    fn open(limits: &str, file: Option<&Path>) -> Result<Tickets, String> {
        Ok(Tickets::new(HOUR, limits, Secrets::open(HOUR, file)?, 0))
    }

    fn tickets() -> Tickets {
        open("limits", None).unwrap()
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
        assert!(lock(&tickets.secrets.ledger).keys.open(&ticket, &tickets.binding).is_none());
    }

    #[test]
    fn a_restart_with_the_file_knows_the_tickets_and_which_are_used() {
        let path = scratch("restart");
        let first = open("limits", Some(&path)).unwrap();
        let now = milliseconds(SystemTime::now());
        let (used, fresh) = (first.seal(b"used", now).unwrap(), first.seal(b"fresh", now).unwrap());
        assert!(first.open(&used, now).is_some());
        let secret = first.secrets.secret("a purpose");
        drop(first);
        let second = open("limits", Some(&path)).unwrap();
        assert_eq!(second.open(&fresh, now + 1).as_deref(), Some(&b"fresh"[..]));
        assert!(second.open(&used, now + 1).is_none());
        assert_eq!(second.secrets.secret("a purpose"), secret);
        assert_ne!(second.secrets.secret("another"), secret);
        let changed = open("other limits", Some(&path)).unwrap();
        let ticket = second.seal(b"session", now).unwrap();
        assert!(changed.open(&ticket, now).is_none(), "limits that early data relies on have changed");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let path = scratch("mode");
        open("limits", Some(&path)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        open("limits", Some(&path)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_file_that_is_something_else_is_named_and_left_alone() {
        let path = scratch("wrong");
        std::fs::write(&path, "my diary\n").unwrap();
        let error = open("limits", Some(&path)).unwrap_err();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "my diary\n");
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    /// The tickets of two workers: with one ledger, or each with its own.
    fn workers(whole: bool) -> [Tickets; 2] {
        let first = Secrets::open(HOUR, None).unwrap();
        let (first, second) = if whole {
            (first.clone(), first)
        } else {
            let second = Secrets::from_text(&first.text()).unwrap();
            (first.in_parts(), second)
        };
        [Tickets::new(HOUR, "limits", first, 0), Tickets::new(HOUR, "limits", second, 1)]
    }

    #[test]
    fn workers_with_one_ledger_take_each_other_s_tickets_whole_and_once() {
        let [first, second] = workers(true);
        let ticket = first.seal(b"session", NOW).unwrap();
        assert_eq!(second.open(&ticket, NOW).as_deref(), Some(&b"session"[..]));
        assert!(first.open(&ticket, NOW).is_none());
        assert_eq!((first.news(), first.resumed(), second.resumed()), (String::new(), 0, 1));
    }

    #[test]
    fn workers_with_ledgers_of_their_own_take_each_other_s_tickets_without_early_data() {
        let [first, second] = workers(false);
        assert_eq!(second.secrets.secret("a purpose"), first.secrets.secret("a purpose"));
        // No later than the keys were made: others would have to be told of newer ones first.
        let now = milliseconds(SystemTime::now());
        let ticket = first.seal(b"session", now).unwrap();
        // "session" with another age.
        assert_eq!(second.open(&ticket, now).as_deref(), Some(&b"ses\xf3ion"[..]));
        // Before the first one has heard of it, the ticket is good where it was made; later nowhere.
        let news = second.news();
        assert!(news.starts_with("used "), "{news}");
        first.secrets.hear(&news);
        assert!(first.open(&ticket, now).is_none());
    }

    #[test]
    fn a_worker_s_new_key_opens_its_tickets_at_the_others() {
        let [first, second] = workers(false);
        let later = milliseconds(SystemTime::now()) + 2 * millis(HOUR);
        let ticket = first.seal(b"session", later).unwrap();
        assert!(second.open(&ticket, later).is_none());
        let news = first.news();
        second.secrets.hear(&news);
        assert!(second.open(&ticket, later).is_some(), "{news}");
        second.seal(b"another", later).unwrap();
        assert!(!second.news().contains("key"), "it has a key of that time, and needs no other");
    }
}
