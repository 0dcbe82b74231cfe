//! The versions of `pvmigrate:policy` that are offered.

mod v0_1;
pub(crate) mod v0_2;
