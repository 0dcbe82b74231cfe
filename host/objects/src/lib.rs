//! Reads Kubernetes objects as plain values, whoever asks: a watch, a list, a file.
//!
//! [`from_resource`] knows the fields of Kubernetes' types, and [`survey`] joins lists of objects into what a plan is made
//! from. Nothing here talks to a cluster.
#![allow(missing_docs, reason = "most names here are those of Kubernetes' fields")]

pub mod from_resource;
pub mod survey;
#[cfg(test)]
mod testing;
