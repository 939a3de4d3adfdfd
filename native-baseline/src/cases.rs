//! Behaviour of a running server, case by case: right answers to wrong requests, and service to everybody else while
//! one client misbehaves. The same cases run against every runtime.

mod frames;
mod hq;
mod http;
mod initials;
mod packets;
mod path;
mod raw;
mod transport;
mod unfinished;
mod websocket;

pub use websocket::talk;
mod webtransport;

use std::net::SocketAddr;
use std::pin::Pin as Boxed;
use std::time::Duration;

use ::http::{Method, StatusCode};

use crate::{Client, Error, Http, Pin};

pub(crate) use transport::an_unknown_version_is_answered_with_the_known_ones;
pub(crate) use webtransport::streams_and_datagrams_come_back;

/// How long one case may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// The server under test.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Where it is.
    pub server: SocketAddr,
    /// SHA-256 of its certificate.
    pub pin: Pin,
    /// Its limit of a request body, in bytes; some cases send just over it.
    pub max_body: u64,
}

/// What a case came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not, and what was seen instead.
    Failed(String),
    /// It can't run here, and why.
    Skipped(String),
}

type Run = fn(Target) -> Boxed<Box<dyn Future<Output = Result<Outcome, Error>>>>;

/// A named behaviour.
#[derive(Clone, Copy)]
pub struct Case {
    /// What holds, as a sentence in snake case.
    pub name: &'static str,
    run: Run,
}

/// Lists async functions as cases under their own names.
macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        [$(Case { name: stringify!($name), run: |target| Box::pin($module::$name(target)) }),*]
    };
}

/// All cases, in the order they run.
pub const ALL: &[Case] = &cases![
    http::the_index_is_served,
    http::an_unknown_path_is_404,
    http::a_wrong_method_is_405_and_names_the_right_ones,
    http::head_has_the_headers_of_get_and_no_body,
    http::a_length_that_is_no_number_is_400,
    http::any_length_comes_exactly,
    http::a_body_is_echoed_with_its_content_type,
    http::a_declared_body_over_the_limit_is_413,
    http::a_body_far_over_the_limit_is_413_and_then_cut_off,
    http::an_undeclared_body_over_the_limit_is_cut_off,
    http::an_upload_is_answered_with_its_hash,
    http::health_and_metrics_are_served,
    http::trailers_come_back,
    http::a_body_of_another_length_than_declared_is_malformed,
    http::a_body_that_nobody_reads_is_stopped_without_an_error,
    http::a_hundred_requests_at_once_are_answered,
    hq::http_0_9_transfers_bytes,
    hq::http_0_9_resets_what_it_does_not_have,
    transport::an_echo_stream_comes_back,
    transport::fifty_echo_streams_at_once_come_back,
    transport::a_reset_stream_is_reset_back,
    transport::twenty_connections_at_once_are_served,
    transport::an_unknown_application_protocol_is_refused,
    transport::an_unknown_version_is_answered_with_the_known_ones,
    transport::version_2_is_answered_with_version_1,
    transport::a_client_hello_of_two_datagrams_is_understood,
    transport::a_client_that_stops_reading_holds_up_nobody,
    transport::a_client_that_vanishes_holds_up_nobody,
    transport::garbage_datagrams_hold_up_nobody,
    transport::a_datagram_from_port_0_holds_up_nobody,
    transport::a_handshake_that_is_never_finished_holds_up_nobody,
    initials::a_malformed_first_packet_is_closed_with_its_code,
    initials::a_first_packet_that_is_short_or_changed_is_not_answered,
    packets::what_a_packet_must_not_say_closes_the_connection_with_its_code,
    path::a_client_that_moves_in_a_download_gets_all_of_it,
    path::a_nat_that_rebinds_in_a_download_loses_nothing,
    path::a_key_update_by_the_client_is_followed,
    path::datagrams_come_back,
    path::an_address_that_proves_nothing_gets_three_times_what_it_sent,
    frames::what_is_unknown_is_passed_over,
    frames::a_broken_rule_closes_the_connection_with_its_code,
    frames::a_second_stream_of_qpack_closes_the_connection,
    frames::a_header_section_over_the_limit_is_431,
    frames::a_frame_that_declares_a_gibibyte_is_refused_at_once,
    frames::a_request_that_ends_too_early_is_told_so,
    frames::a_malformed_header_section_is_reset,
    frames::a_protocol_that_is_not_known_is_501,
    webtransport::streams_and_datagrams_come_back,
    webtransport::two_sessions_and_requests_share_a_connection,
    webtransport::what_one_says_in_the_room_the_others_hear,
    webtransport::a_path_without_sessions_is_404,
    webtransport::sessions_over_the_limit_are_rejected,
    webtransport::a_session_that_the_client_closes_takes_its_streams_with_it,
    webtransport::a_session_ends_with_its_stream,
    webtransport::what_comes_before_its_session_waits_for_it,
    webtransport::streams_that_wait_for_a_session_are_bounded,
    webtransport::datagrams_that_wait_for_a_session_are_bounded,
    webtransport::streams_for_no_session_are_refused,
    webtransport::a_number_that_is_no_session_s_closes_the_connection,
    webtransport::a_malformed_capsule_ends_the_session,
    webtransport::unknown_capsules_are_passed_over,
    webtransport::datagrams_for_nobody_are_dropped,
    webtransport::a_stream_reset_with_a_code_is_reset_with_it,
    websocket::messages_come_back,
    websocket::a_message_in_pieces_comes_back_whole,
    websocket::a_room_has_sockets_and_sessions,
    websocket::a_broken_rule_is_told_with_its_code,
    websocket::a_socket_without_a_place_or_of_another_version_is_refused,
    websocket::a_socket_that_ends_without_a_close_ends_the_stream,
    unfinished::requests_that_are_never_finished_hold_up_nobody,
    unfinished::a_request_that_comes_byte_by_byte_is_answered,
    unfinished::requests_that_are_reset_at_once_hold_up_nobody,
    // Last: for some seconds new clients have to prove their addresses.
    initials::a_flood_of_first_packets_holds_up_nobody,
];

impl Case {
    /// Runs the case. Needs a tokio runtime of one thread, with a `LocalSet`.
    pub async fn run(&self, target: Target) -> Outcome {
        match tokio::time::timeout(DEADLINE, (self.run)(target)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed(format!("no end within {} s", DEADLINE.as_secs())),
        }
    }
}

/// Passed if `condition` holds, else failed with what was `seen`.
fn expect(condition: bool, seen: impl std::fmt::Display) -> Outcome {
    if condition { Outcome::Passed } else { Outcome::Failed(seen.to_string()) }
}

impl Target {
    fn client(self) -> Result<Client, Error> {
        Client::new(self.server, self.pin)
    }

    async fn http(self) -> Result<Http, Error> {
        Http::new(self.client()?.connect(self.server, &[b"h3"]).await?).await
    }

    async fn echo(self) -> Result<quinn::Connection, Error> {
        self.client()?.connect(self.server, &[b"echo"]).await
    }

    /// Whether a new client is served: the second half of every case of misbehaviour.
    async fn serves_others(self) -> Result<Outcome, Error> {
        let response = self.http().await?.request(Method::GET, "/bytes/100000", "").await?;
        let right = response.status == StatusCode::OK && response.body == crate::check::expected_bytes(100_000);
        Ok(expect(right, format!("another client got {} and {} bytes", response.status, response.body.len())))
    }
}
