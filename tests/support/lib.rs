//! What the end-to-end tests share: an embedded cluster from a scenario, the ordinary run on it, and the content of its
//! result.

pub mod apps;
pub mod audit;
pub mod checks;
mod content;
mod ground;
pub mod page;
pub mod real;
pub mod reference;
pub mod scenarios;
mod scene;
mod share;
pub mod simulated;
pub mod tool;
mod undoing;
mod walker;

pub use content::{Content, content};
pub use ground::{Ground, Place};
pub use scene::{Ended, Scenario, Scene, Silent, options, policies};
pub use share::default_class;
pub use walker::{Counts, Walk};
