//! Session tickets and early data, step by step, against the native server.

use socket_iwa_native::cases::Outcome;
use socket_iwa_native::session::{self, ServerCommand, Subject};

#[tokio::test]
async fn every_step_of_the_session_ticket_test_passes() {
    let binary = env!("CARGO_BIN_EXE_socket-iwa-server");
    let command = [binary, "--json", "--stop-on-stdin-close", "--listen", "127.0.0.1:0"].map(str::to_owned);
    let steps = session::run(&Subject::Started(ServerCommand(command.into())), |_| {}).await.unwrap();
    let wrong: Vec<_> = steps.iter().filter(|step| step.outcome != Outcome::Passed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
