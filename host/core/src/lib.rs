//! Decides, purely, what a migration does next.
//!
//! No clock, file, network, runtime or Kubernetes client is used here: time and observations come in, decisions go out.
//! The one path is [`decide::decide`]; everything else gives it words ([`record`], [`observation`], [`step`],
//! [`waiting`], [`blocker`], [`cause`]), prepares a migration ([`survey`], [`plan`], [`group`], [`eligibility`], [`static_class`], [`trial`],
//! [`policy`]), or looks ahead ([`forecast`]) and back ([`invariants`]).

#![deny(clippy::wildcard_enum_match_arm)]

pub mod access;
pub mod blocker;
#[cfg(test)]
mod boundaries;
pub mod cause;
pub mod copy_report;
pub mod decide;
pub mod eligibility;
pub mod forecast;
pub mod group;
pub mod imagined;
pub mod invariants;
pub mod names;
pub mod observation;
pub mod owner;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod reach;
pub mod record;
pub mod static_class;
pub mod step;
pub mod survey;
pub mod text;
pub mod toleration;
pub mod trial;
pub mod waiting;
