//! The file in which keys and used tickets outlive the process: lines of text, readable by its owner alone.
//!
//! ```text
//! socket-iwa ticket keys 1
//! root HEX                     what stateless resets and address tokens are made with
//! key CREATED NAME SECRET      milliseconds since 1970, hexadecimal
//! horizon ISSUED               tickets issued until then count as used
//! used ISSUED NONCE            one a line, appended as it happens
//! ```
//!
//! One server at a time: each writes the file anew when it starts and when its key changes.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::Nonce;
use super::keys::{Key, Keys};
use super::used::{MAX_USED, Used};

const HEADER: &str = "socket-iwa ticket keys 1";

pub(super) struct KeyFile {
    path: PathBuf,
    /// Open for appending since the last [`KeyFile::write`].
    appending: Option<fs::File>,
    /// Lines appended since.
    appended: usize,
}

impl KeyFile {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), appending: None, appended: 0 }
    }

    /// What it holds; new keys where there is no such file yet, or an empty one.
    ///
    /// # Errors
    ///
    /// When it can't be read, or is something else.
    pub(super) fn read(&self) -> Result<(Keys, Used), String> {
        match fs::read_to_string(&self.path) {
            Ok(text) if !text.is_empty() => parse(&text).map_err(|wrong| self.error("read", wrong)),
            Ok(_) => Ok(Default::default()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Default::default()),
            Err(error) => Err(self.error("read", error)),
        }
    }

    /// Writes it anew, beside the old one first: who stops halfway leaves the old one whole.
    ///
    /// # Errors
    ///
    /// When that can't be done.
    pub(super) fn write(&mut self, keys: &Keys, used: &Used) -> Result<(), String> {
        let mut write = || {
            let mut beside = self.path.clone().into_os_string();
            beside.push(".new");
            // One that was left, with whatever mode, is in the way.
            let _ = fs::remove_file(&beside);
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&beside)?.write_all(format(keys, used).as_bytes())?;
            fs::rename(&beside, &self.path)?;
            self.appending = Some(OpenOptions::new().append(true).open(&self.path)?);
            self.appended = 0;
            io::Result::Ok(())
        };
        write().map_err(|error| self.error("write", error))
    }

    /// Appends the use of a ticket, which `used` holds already.
    ///
    /// # Errors
    ///
    /// When that can't be done: then the use must not be.
    pub(super) fn note_use(&mut self, issued: u64, nonce: &Nonce, keys: &Keys, used: &Used) -> Result<(), String> {
        self.appended += 1;
        match &mut self.appending {
            Some(file) if self.appended <= MAX_USED => {
                // In one write, so that a process that is killed leaves no half of a line.
                file.write_all(used_line(issued, nonce).as_bytes()).map_err(|error| self.error("append to", error))
            }
            _ => self.write(keys, used),
        }
    }

    fn error(&self, tried: &str, reason: impl std::fmt::Display) -> String {
        format!("{tried} the ticket keys {}: {reason}", self.path.display())
    }
}

/// A key, as a line.
pub(super) fn key_line(Key { created, name, secret }: &Key) -> String {
    format!("key {created} {} {}\n", hex(name), hex(secret))
}

/// The use of a ticket, as a line.
pub(super) fn used_line(issued: u64, nonce: &Nonce) -> String {
    format!("used {issued} {}\n", hex(nonce))
}

pub(super) fn format(keys: &Keys, used: &Used) -> String {
    let mut text = format!("{HEADER}\nroot {}\n", hex(&keys.root));
    text.extend(keys.keys.iter().map(key_line));
    writeln!(text, "horizon {}", used.horizon).expect("a string takes any text");
    text.extend(used.tickets.iter().map(|(issued, nonce)| used_line(*issued, nonce)));
    text
}

pub(super) fn parse(text: &str) -> Result<(Keys, Used), String> {
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, line)| line != HEADER) {
        return Err(format!("its first line is not {HEADER:?}; name another file, which will be made"));
    }
    let mut keys = Keys { root: Default::default(), keys: Vec::new() };
    let mut used = Used::default();
    let mut root = None;
    for (number, line) in lines {
        let understood = match line.strip_prefix("root ") {
            Some(secret) => unhex(secret).map(|secret| root = Some(secret)),
            None => apply(line, &mut keys, &mut used),
        };
        understood.ok_or_else(|| format!("line {} is not understood", number + 1))?;
    }
    keys.root = root.ok_or("it has no root")?;
    Ok((keys, used))
}

/// Does what a line says. None: it is not understood.
pub(super) fn apply(line: &str, keys: &mut Keys, used: &mut Used) -> Option<()> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["key", created, name, secret] => {
            keys.keys.push(Key { created: created.parse().ok()?, name: unhex(name)?, secret: unhex(secret)? });
            keys.keys.sort_unstable_by_key(|key| key.created);
        }
        ["horizon", issued] => used.horizon = issued.parse().ok()?,
        ["used", issued, nonce] => {
            used.insert(issued.parse().ok()?, unhex(nonce)?);
        }
        _ => return None,
    }
    Some(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != 2 * LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_written_is_read() {
        let mut keys = Keys::default();
        keys.rotate(1, Duration::from_secs(1));
        keys.rotate(1500, Duration::from_secs(1));
        let mut used = Used { horizon: 7, ..Used::default() };
        assert!(used.insert(8, [9; 12]));
        let text = format(&keys, &used);
        let (read_keys, read_used) = parse(&text).unwrap();
        assert_eq!(format(&read_keys, &read_used), text);
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        let text = format(&Keys::default(), &Used::default());
        let wrong = parse(&format!("{text}used yesterday\n")).err().unwrap();
        assert_eq!(wrong, "line 4 is not understood");
        assert!(parse(HEADER).is_err());
    }
}
