//! The stop token: how Ctrl-C and SIGTERM reach the driver.
//!
//! The first signal only sets the token; whoever holds it finishes the write under way and returns. Nothing here knows
//! what is under way.

use std::io;

use tokio::sync::watch;

/// The user's request to stop, once it is made.
///
/// Clones share one token.
#[derive(Clone, Debug)]
pub struct Stop {
    asked: watch::Sender<bool>,
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}

impl Stop {
    /// Makes a token that only [`Self::request`] sets.
    pub fn new() -> Self {
        Self { asked: watch::Sender::new(false) }
    }

    /// Asks the run to stop.
    pub fn request(&self) {
        self.asked.send_replace(true);
    }

    /// Returns whether the run was asked to stop.
    pub fn requested(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until the run is asked to stop.
    pub async fn wait(&self) {
        let mut asked = self.asked.subscribe();
        // The sender lives in `self`, so the channel cannot close meanwhile.
        let _ = asked.wait_for(|asked| *asked).await;
    }

    /// Sets the token on the first Ctrl-C or SIGTERM, and calls `again` on the second Ctrl-C.
    ///
    /// `first` tells the user how to go on. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The operating system's, when handlers cannot be installed.
    pub fn on_signals(
        &self,
        first: impl FnOnce() + Send + 'static,
        again: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut signals = Signals::install()?;
        let stop = self.clone();
        tokio::spawn(async move {
            signals.next().await;
            stop.request();
            first();
            signals.interrupt().await;
            again();
        });
        Ok(())
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn install() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    async fn interrupt(&mut self) {
        self.interrupt.recv().await;
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn install() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        self.interrupt().await;
    }

    async fn interrupt(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_request_wakes_whoever_waits_before_and_after_it() {
        let stop = Stop::new();
        assert!(!stop.requested());
        let early = tokio::spawn({
            let stop = stop.clone();
            async move { stop.wait().await }
        });
        tokio::task::yield_now().await;
        stop.request();
        let all = async {
            assert!(early.await.is_ok());
            stop.wait().await;
        };
        assert!(tokio::time::timeout(Duration::from_secs(5), all).await.is_ok());
        assert!(stop.requested());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_ends() -> io::Result<()> {
        let (told, ended) = (Stop::new(), Stop::new());
        let stop = Stop::new();
        let (first, again) = (told.clone(), ended.clone());
        stop.on_signals(move || first.request(), move || again.request())?;
        let interrupt = || {
            let process = std::process::id().to_string();
            std::process::Command::new("kill").args(["-INT", &process]).status().map(|status| status.success())
        };
        assert!(interrupt()?);
        told.wait().await;
        assert!(stop.requested() && !ended.requested());
        assert!(interrupt()?);
        ended.wait().await;
        Ok(())
    }
}
