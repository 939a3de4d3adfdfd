//! When quinn-proto's connections have to be called again.

use std::collections::BTreeSet;
use std::time::Instant;

use quinn_proto::ConnectionHandle;

/// One time for each connection that waits for one, in order.
///
/// Each packet moves a connection's timer, mostly to a later time. Its place stays where it is then, and moves when it comes
/// up.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// By handle: the endpoint gives the lowest that is free.
    of: Vec<Deadline>,
    places: BTreeSet<(Instant, usize)>,
}

#[derive(Clone, Debug, Default)]
struct Deadline {
    due: Option<Instant>,
    /// Where it stands among the others: not after `due`.
    place: Option<Instant>,
}

impl Deadlines {
    /// Changes when a connection is due. None: never, as for one that is no more.
    pub(super) fn set(&mut self, ConnectionHandle(handle): ConnectionHandle, due: Option<Instant>) {
        if handle >= self.of.len() {
            self.of.resize(handle + 1, Deadline::default());
        }
        let deadline = &mut self.of[handle];
        deadline.due = due;
        let stays = matches!((deadline.place, due), (Some(place), Some(due)) if place <= due);
        if !stays {
            self.place(handle);
        }
    }

    /// Puts a connection in its place.
    fn place(&mut self, handle: usize) {
        let Deadline { due, place } = &mut self.of[handle];
        if let Some(place) = place.take() {
            self.places.remove(&(place, handle));
        }
        self.places.extend(due.map(|due| (due, handle)));
        *place = *due;
    }

    /// The connection that is due first, and when.
    pub(super) fn next(&mut self) -> Option<(Instant, ConnectionHandle)> {
        loop {
            let &(place, handle) = self.places.first()?;
            if self.of[handle].due == Some(place) {
                return Some((place, ConnectionHandle(handle)));
            }
            self.place(handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_connection_is_due_once_and_when_it_last_said() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let [one, other] = [ConnectionHandle(0), ConnectionHandle(7)];
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        deadlines.set(other, Some(at(20)));
        for packet in 1..1000 {
            // A loss timer in turn with an idle timeout.
            deadlines.set(one, Some(at(packet)));
            deadlines.set(one, Some(at(packet + 3000)));
        }
        assert_eq!(deadlines.places.len(), 2);
        assert_eq!(deadlines.next(), Some((at(20), other)));
        deadlines.set(other, None);
        assert_eq!(deadlines.next(), Some((at(3999), one)));
        deadlines.set(one, Some(at(5)));
        assert_eq!(deadlines.next(), Some((at(5), one)));
        deadlines.set(one, None);
        assert_eq!((deadlines.next(), deadlines.places.len()), (None, 0));
    }
}
