//! What the end-to-end tests share: an embedded cluster from a scenario, the ordinary run on it, and the picture of what it
//! came to.

pub mod apps;
pub mod audit;
pub mod checks;
mod ground;
pub mod page;
pub mod paper;
mod picture;
pub mod real;
pub mod scenarios;
mod scene;
mod share;
pub mod tool;
mod undoing;
mod walker;

pub use ground::{Ground, Place};
pub use picture::{Picture, picture};
pub use scene::{Ended, Scenario, Scene, Silent, options, policies};
pub use share::default_class;
pub use walker::{Counts, Walk};
