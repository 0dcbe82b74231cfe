//! The scenarios, each on an embedded cluster of its own.

pub(crate) use pvmigrate_tests::scenarios::*;

/// Makes one test a scenario of the check `$check(name, &Scenario)`.
macro_rules! each_scenario {
    ($check:ident: $($name:ident = $scenario:ident,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                $check(stringify!($name), &$crate::scenarios::$scenario).await;
            }
        )*
    };
    ($check:ident) => {
        pvmigrate_tests::each_scenario!(each_scenario!($check:));
    };
}
pub(crate) use each_scenario;
