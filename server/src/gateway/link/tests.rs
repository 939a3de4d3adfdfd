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

fn open_socket(link: &Rc<Link>) -> HostSocket {
    link.try_open_socket(&json!({})).unwrap()
}

#[test]
fn a_message_goes_in_parts_which_cost_credit_with_their_first_byte() {
    use crate::websocket::Message;
    let link = Rc::new(Link::default());
    let host = open_socket(&link);
    let mut message = Message::Text("x".repeat(WINDOW as usize)).into();
    assert!(now(host.send(&mut message)).is_none());
    let parts = |link: &Link| -> Vec<(u8, usize)> {
        sent(link)
            .into_iter()
            .filter_map(|frame| if let Kind::Message(part) = frame.kind { Some((part[0], part.len())) } else { None })
            .collect()
    };
    let first = parts(&link);
    assert!(first.iter().all(|(flags, _)| *flags == TEXT), "{first:?}");
    assert_eq!(first.iter().map(|(_, length)| length).sum::<usize>(), WINDOW as usize);
    receive(&link, 2, Kind::Credit(WINDOW)).unwrap();
    assert!(now(host.send(&mut message)).is_some());
    assert_eq!(parts(&link), [(TEXT | LAST, first.len() + 1)]);
    let mut empty = Message::Binary(Bytes::new()).into();
    assert!(now(host.send(&mut empty)).is_some());
    assert_eq!(parts(&link), [(LAST, 1)]);
}

#[test]
fn the_host_s_message_is_whole_when_its_last_part_has_come() {
    use super::super::exchange::Said;
    use crate::websocket::Message;
    let link = Rc::new(Link::default());
    let host = open_socket(&link);
    let part = |flags: u8, text: &str| Kind::Message([&[flags], text.as_bytes()].concat().into());
    let mut partial = Vec::new();
    receive(&link, 2, part(TEXT, "in ")).unwrap();
    assert!(now(host.said(&mut partial, 9)).is_none());
    receive(&link, 2, part(TEXT | LAST, "parts")).unwrap();
    let Some(Said::Message(Message::Text(text))) = now(host.said(&mut partial, 9)) else { panic!() };
    assert_eq!(text, "in parts");
    receive(&link, 2, part(0, "too many bytes")).unwrap();
    assert!(matches!(now(host.said(&mut partial, 9)), Some(Said::TooLong)));
    let close = Close { clean: true, code: 1001, reason: "away".into() };
    receive(&link, 2, Kind::Close(close.clone())).unwrap();
    let Some(Said::Close(said)) = now(host.said(&mut partial, 9)) else { panic!() };
    assert_eq!(said, close);
}

#[test]
fn what_is_of_one_kind_of_exchange_is_refused_for_another() {
    let link = Rc::new(Link::default());
    let _host = open_socket(&link);
    assert!(receive(&link, 2, Kind::Datagram(Bytes::new())).is_err());
    assert!(receive(&link, 2, Kind::Data(Bytes::new())).is_err());
    let _streams = open(&link);
    assert!(receive(&link, 4, Kind::Message(Bytes::from_static(&[LAST]))).is_err());
}
