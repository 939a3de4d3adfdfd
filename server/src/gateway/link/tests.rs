use std::task::{Context, Waker};

use serde_json::json;

use super::*;

/// What the link has for the host.
fn sent(link: &Link) -> Vec<Frame> {
    let mut all = BytesMut::new();
    link.transmit(|data| {
        all.extend_from_slice(data);
        Ok::<_, ()>(data.len())
    })
    .unwrap();
    std::iter::from_fn(|| Frame::decode(&mut all).unwrap()).collect()
}

fn receive(link: &Link, id: u64, kind: Kind) -> Result<(), Malformed> {
    let mut data = BytesMut::new();
    Frame { id, kind }.encode(&mut data);
    link.receive(&mut data)
}

fn open(link: &Rc<Link>) -> (Sending, Receiving) {
    link.try_open(Pool::Requests, Directions::Both, &json!({})).unwrap()
}

/// What a future is ready with now.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(it) => Some(it),
        Poll::Pending => None,
    }
}

#[test]
fn data_goes_no_further_than_its_credit() {
    let link = Rc::new(Link::default());
    let (mut out, _back) = open(&link);
    let data = Bytes::from(vec![1; WINDOW as usize + 10]);
    let mut sending = std::pin::pin!(out.send(data));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(sending.as_mut().poll(cx).is_pending());
    let length = |frames: Vec<Frame>| -> usize {
        frames.iter().map(|frame| if let Kind::Data(data) = &frame.kind { data.len() } else { 0 }).sum()
    };
    assert_eq!(length(sent(&link)), WINDOW as usize);
    receive(&link, 2, Kind::Credit(10)).unwrap();
    assert!(sending.as_mut().poll(cx).is_ready());
    assert_eq!(length(sent(&link)), 10);
}

#[test]
fn credit_is_given_for_what_is_taken() {
    let link = Rc::new(Link::default());
    let (_out, mut back) = open(&link);
    for _ in 0..2 {
        receive(&link, 2, Kind::Data(vec![0; WINDOW as usize / 2].into())).unwrap();
    }
    sent(&link);
    assert!(receive(&link, 2, Kind::Data("x".into())).is_err(), "more than was allowed");
    assert_eq!(now(back.chunk()).unwrap().unwrap().unwrap().len(), WINDOW as usize / 2);
    assert_eq!(sent(&link), [Frame { id: 2, kind: Kind::Credit(WINDOW / 2) }]);
    receive(&link, 2, Kind::Data("x".into())).unwrap();
}

#[test]
fn dropped_handles_tell_the_host_and_an_exchange_is_forgotten_when_both_sides_have_ended() {
    let link = Rc::new(Link::default());
    let (out, back) = open(&link);
    drop((out, back));
    let kinds: Vec<_> = sent(&link).into_iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds[1..], [Kind::Reset(0), Kind::Stop(0)]);
    // On its way since before the host knew.
    receive(&link, 2, Kind::Data("late".into())).unwrap();
    receive(&link, 2, Kind::Reset(0)).unwrap();
    assert!(link.0.borrow().exchanges.is_empty());
    assert_eq!(link.0.borrow().open, [0, 0]);
    receive(&link, 2, Kind::Credit(1)).unwrap();
    assert!(receive(&link, 2, Kind::Data("later".into())).is_err());
}

#[test]
fn requests_beyond_the_limit_are_refused_and_streams_wait() {
    let link = Rc::new(Link::default());
    let held: Vec<_> = (0..Pool::Requests.limit()).map(|_| open(&link)).collect();
    assert!(link.try_open(Pool::Requests, Directions::Both, &json!({})).is_none());
    let streams: Vec<_> = (0..Pool::Streams.limit())
        .map(|_| now(link.open(Pool::Streams, Directions::Out, &json!({}))).unwrap())
        .collect();
    assert!(now(link.open(Pool::Streams, Directions::Out, &json!({}))).is_none());
    drop(streams);
    assert!(now(link.open(Pool::Streams, Directions::Out, &json!({}))).is_some());
    drop(held);
}

#[test]
fn a_host_that_breaks_the_protocol_is_told_from_one_that_is_late() {
    let link = Rc::new(Link::default());
    let (_out, _back) = open(&link);
    let session = link.try_open_session(&json!({})).unwrap();
    let stream = |id: u64, head: &'static str| receive(&link, id, Kind::Open(head.into()));
    assert!(stream(4, r#"{"kind":"uni","session":4}"#).is_err(), "a number of the server's");
    assert!(stream(1, "no json").is_err());
    assert!(stream(1, r#"{"kind":"both","session":4}"#).is_err());
    assert!(stream(1, r#"{"kind":"uni"}"#).is_err(), "of no session");
    assert!(receive(&link, 2, Kind::Datagram("d".into())).is_err(), "to a request");
    assert!(receive(&link, 4, Kind::Data("d".into())).is_err(), "to a session");
    assert!(receive(&link, 0, Kind::Hello("{}".into())).is_err(), "a second hello");
    stream(1, r#"{"kind":"uni","session":4}"#).unwrap();
    assert!(receive(&link, 1, Kind::Data("d".into())).is_err(), "before it was granted");
    assert!(stream(1, r#"{"kind":"uni","session":4}"#).is_err(), "a number twice");
    drop(session);
    // Its session is over: it is refused.
    sent(&link);
    stream(3, r#"{"kind":"bidi","session":4}"#).unwrap();
    assert_eq!(sent(&link), [Frame { id: 3, kind: Kind::Reset(0) }, Frame { id: 3, kind: Kind::Stop(0) }]);
}
