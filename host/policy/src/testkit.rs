//! Runs a policy's own tests. (Under way.)
