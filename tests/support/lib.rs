//! What the end-to-end tests share: an embedded cluster from a scenario, the ordinary run on it, and the picture of what it
//! came to.

mod picture;
mod scene;

pub use picture::{Picture, picture};
pub use scene::{Ended, Scenario, Scene, Silent, options, policies};
