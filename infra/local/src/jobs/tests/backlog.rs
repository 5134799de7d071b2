//! The limit on waiting jobs.

use labelcast_functions::ports::PortError;

use super::{Functions, Process, named, numbered, place, until};
use crate::jobs::{Kind, Target};

#[tokio::test]
async fn incoming_work_is_refused_beyond_the_backlog_and_accepted_again_once_it_shrinks() {
    let (place, clock) = place();
    let functions = Functions::blocked();
    let process = Process::new(&place, &functions, &clock);
    for number in 0..10 {
        let admitted = process.dispatcher.admit(Kind::Pictures, 1).unwrap();
        let jobs = vec![named(Target::Ingest, &number.to_string())];
        process.dispatcher.accept_admitted(vec![admitted], jobs).await.unwrap();
    }
    let refused = process.dispatcher.admit(Kind::Pictures, 1);
    assert!(matches!(refused, Err(PortError::Overloaded { .. })), "{refused:?}");
    // What finishes it is not refused, and the other kind has room.
    process.accept(Target::Analyze, numbered(20)).await;
    assert!(process.dispatcher.admit(Kind::Notifications, 10).is_ok());
    functions.go(100);
    until("there is room again", async || process.dispatcher.admit(Kind::Pictures, 10).is_ok()).await;
    process.end().await;
}
