//! Reads Kubernetes objects as plain values, whoever asks: a watch, a list, a file.
//!
//! [`input`] reads files, [`complete`] fills in what a cluster would have added to them, [`from_resource`] knows the
//! fields of Kubernetes' types, and [`survey`] joins objects into what a plan is made from. Nothing here talks to a cluster.
#![allow(missing_docs, reason = "most names here are those of Kubernetes' fields")]

pub mod complete;
pub mod from_resource;
pub mod input;
pub mod kinds;
pub mod survey;
#[cfg(test)]
mod testing;
