//! Lines out of the chunks in which a descriptor brings them, within a bound. Knows nothing of descriptors.

use std::collections::VecDeque;

/// The longest line, in bytes; a longer one is dropped as a whole.
const MAX_LINE: usize = 4096;
/// Lines that wait to be taken; the oldest make room for more.
const MAX_WAITING: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// The line that is coming in has been too long.
    overlong: bool,
    complete: VecDeque<String>,
}

impl Lines {
    /// Takes in what was read.
    pub(crate) fn push(&mut self, mut chunk: &[u8]) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.extend(&chunk[..end]);
            let line = String::from_utf8_lossy(&self.partial).trim().to_owned();
            if !self.overlong && !line.is_empty() {
                if self.complete.len() == MAX_WAITING {
                    self.complete.pop_front();
                }
                self.complete.push_back(line);
            }
            self.partial.clear();
            self.overlong = false;
            chunk = &chunk[end + 1..];
        }
        self.extend(chunk);
    }

    fn extend(&mut self, piece: &[u8]) {
        if self.partial.len() + piece.len() > MAX_LINE {
            self.overlong = true;
            self.partial.clear();
        } else if !self.overlong {
            self.partial.extend_from_slice(piece);
        }
    }

    /// The next complete line that is not empty, trimmed.
    pub(crate) fn pop(&mut self) -> Option<String> {
        self.complete.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &mut Lines) -> Vec<String> {
        std::iter::from_fn(|| lines.pop()).collect()
    }

    #[test]
    fn a_line_may_come_in_pieces_and_several_in_one() {
        let mut lines = Lines::default();
        lines.push(b"fi");
        assert_eq!(lines.pop(), None);
        lines.push(b"rst\r\n\n second \nthi");
        assert_eq!(all(&mut lines), ["first", "second"]);
        lines.push(b"rd\n");
        assert_eq!(all(&mut lines), ["third"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_dropped_and_the_next_is_not() {
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(&[b'x'; 100]);
        }
        assert!(lines.partial.len() <= MAX_LINE);
        lines.push(b"end of it\nnext\n");
        assert_eq!(all(&mut lines), ["next"]);
    }

    #[test]
    fn lines_that_nobody_takes_have_a_bound() {
        let mut lines = Lines::default();
        for number in 0..1000 {
            lines.push(format!("{number}\n").as_bytes());
        }
        let kept = all(&mut lines);
        assert_eq!((kept.len(), kept.last().map(String::as_str)), (MAX_WAITING, Some("999")));
    }
}
