//! Ctrl-C and SIGTERM as a wish to stop, which an export obeys in good order.

use tokio::runtime::Handle;
use tokio::sync::watch;

/// Listens from now on. The value becomes true with the first signal; a second one ends the program at once.
pub(super) fn stop_asked(runtime: &Handle) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    runtime.spawn(async move {
        if !signal().await {
            // Without a listener the system's own way of ending a program stays in force.
            return std::future::pending().await;
        }
        tracing::info!("asked to stop: what was fetched is being put in order");
        // Nobody there to hear it: the export has ended already.
        let _ = sender.send(true);
        signal().await;
        end_at_once();
    });
    receiver
}

/// The lake is sound whenever a process ends, and somebody is in a hurry.
#[expect(clippy::exit, reason = "whoever signals twice does not want to wait for anything")]
fn end_at_once() {
    std::process::exit(130)
}

/// Comes back with a signal, or false where none can be listened to.
#[cfg(unix)]
async fn signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    tokio::select! {
        heard = interrupt.recv() => heard.is_some(),
        heard = terminate.recv() => heard.is_some(),
    }
}

/// Comes back with a signal, or false where none can be listened to.
#[cfg(not(unix))]
async fn signal() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
