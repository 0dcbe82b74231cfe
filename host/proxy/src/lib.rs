//! Connects to servers directly or through a proxy, by the rules of kubectl and docker, which are those of Go's `net/http`.
//!
//! The API server and the registries of policies are reached by this one way. [`ProxyVariables`] are what the environment
//! says, [`choose`] finds the proxy to a server, [`Connector`] makes the connections. Nothing here prints or reads a file.

mod connector;
mod proxy;
mod stream;
mod variables;

pub use connector::{Connector, Stuck};
pub use proxy::{InvalidProxy, Proxy};
pub use stream::Stream;
pub use variables::{ProxyVariables, Setting, choose};
