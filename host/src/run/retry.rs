//! Calls outside the driver's loop, repeated when they fail in a way that may pass.

use std::future::Future;
use std::time::Duration;

use pvmigrate_core::ports::PortError;

/// Repeats a call that fails in a way that may pass, for a few seconds: long enough for a lost connection or a busy API
/// server, short enough for somebody who has given a wrong address. Only for calls that may be made twice.
pub(super) async fn retrying<T, F>(call: impl Fn() -> F) -> Result<T, pvmigrate_cluster::Error>
where
    F: Future<Output = Result<T, pvmigrate_cluster::Error>>,
{
    let mut pause = Duration::from_millis(50);
    loop {
        match call().await {
            Err(error) if error.is_transient() && pause < Duration::from_secs(5) => {
                tracing::debug!(%error, ?pause, "once more after a pause");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            result => return result,
        }
    }
}
