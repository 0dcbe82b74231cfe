//! What the end-to-end tests share: an embedded cluster from a scenario, the ordinary run on it, and the picture of what it
//! came to.

pub mod apps;
pub mod audit;
mod picture;
pub mod real;
mod scene;
pub mod tool;
mod walker;

pub use picture::{Picture, picture};
pub use scene::{Ended, Scenario, Scene, Silent, options, policies};
pub use walker::{Counts, Walk};
