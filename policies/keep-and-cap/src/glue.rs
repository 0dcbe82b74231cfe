//! The generated side of the interface: selection and preflight. Values and log come from the SDK.
#![allow(missing_docs, reason = "the interface documents its own types")]

wit_bindgen::generate!({
    path: "../../wit/0.1.0",
    inline: "
        package pvmigrate:keep-and-cap;
        world keep-and-cap {
            include pvmigrate:policy/select-policy@0.1.0;
            include pvmigrate:policy/preflight-policy@0.1.0;
        }
    ",
    additional_derives: [PartialEq, Eq],
    with: {
        "pvmigrate:policy/types@0.1.0": pvmigrate_policy_sdk::types,
        "pvmigrate:policy/log@0.1.0": pvmigrate_policy_sdk::log,
    },
});
