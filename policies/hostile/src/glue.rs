//! The generated side of the interface: all three questions. Values and log come from the SDK.
#![allow(missing_docs, reason = "the interface documents its own types")]

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    world: "policy",
    additional_derives: [PartialEq, Eq],
    with: {
        "pvmigrate:policy/types@0.1.0": pvmigrate_policy_sdk::types,
        "pvmigrate:policy/log@0.1.0": pvmigrate_policy_sdk::log,
    },
});
