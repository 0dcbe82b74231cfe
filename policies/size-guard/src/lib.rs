//! Stops plans that move more than they may, a claim or in all, and warns of claims that are nearly full.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;

/// How much may move. What is left out has no limit.
#[derive(Settings)]
struct SizeGuard {
    /// The most that one new claim may ask for.
    max_size: Option<Bytes>,
    /// The most that all new claims together may ask for: what the new storage has left, say.
    max_total: Option<Bytes>,
    /// From how full on, in percent, a claim is worth a warning: its copy will be no less full.
    #[setting(default = 90, minimum = 1, maximum = 100)]
    nearly_full: u8,
}

#[derive(Codes)]
enum Code {
    /// the claim is larger than one may be
    OverMaxSize,
    /// the claims are larger together than they may be
    OverMaxTotal,
    /// the claim is nearly full, and its copy will be
    NearlyFull,
}

impl Policy for SizeGuard {
    type Code = Code;
    const NAME: &'static str = "size-guard";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "limits the size of claims, one by one and together, and warns of full ones";

    fn problems(&self) -> Vec<Problem> {
        match (self.max_size, self.max_total) {
            (Some(one), Some(all)) if one > all => {
                vec![Problem::at("/maxSize", format!("one claim may have {one}, and all of them only {all}"))]
            }
            _ => Vec::new(),
        }
    }
}

impl Preflight for SizeGuard {
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError> {
        let mut found = Vec::new();
        let mut total: u64 = 0;
        for (volume, planned) in request.planned(plan) {
            total = total.saturating_add(planned.target_bytes);
            found.extend(self.over_max_size(volume, planned));
            found.extend(self.nearly_full(volume));
        }
        found.extend(self.over_max_total(Bytes(total)));
        Ok(found)
    }
}

impl SizeGuard {
    fn over_max_size(&self, volume: &Volume, planned: &Planned) -> Option<Finding> {
        let (size, most) = (Bytes(planned.target_bytes), self.max_size?);
        if size <= most {
            return None;
        }
        let message = format!("it needs {size}, and at most {most} are allowed");
        let finding = Finding::blocker(Code::OverMaxSize, volume, message);
        Some(finding.remedy("leave it where it is, or raise the setting maxSize").detail("size", size))
    }

    fn over_max_total(&self, total: Bytes) -> Option<Finding> {
        let most = self.max_total?;
        if total <= most {
            return None;
        }
        let message = format!("the claims need {total} together, and at most {most} are allowed");
        let finding = Finding::blocker(Code::OverMaxTotal, Subject::Plan, message);
        Some(finding.remedy("move one namespace after the other, or raise the setting maxTotal").detail("total", total))
    }

    fn nearly_full(&self, volume: &Volume) -> Option<Finding> {
        let used = volume.used_bytes?;
        // In 128 bits: a hundred times an exabyte is past 64.
        let percent = u128::from(used) * 100 / u128::from(volume.capacity_bytes.max(1));
        if percent < u128::from(self.nearly_full) {
            return None;
        }
        let message = format!("{percent} % of it are used");
        let finding = Finding::warning(Code::NearlyFull, volume, message);
        Some(finding.remedy("make room, or ask for more, before it moves").detail("used", used))
    }
}

pvmigrate_policy_sdk::export!(SizeGuard: Settings, Preflight);

#[cfg(test)]
mod tests {
    use super::*;
    use pvmigrate_policy_sdk::testing;

    #[test]
    fn limits_are_inclusive() {
        let volume = Volume { used_bytes: Some(1 << 29), ..testing::volume(1, "app", "data") };
        let request = testing::request(vec![volume]);
        let plan = [testing::planned(&request.volumes[0])];
        let codes = |size: u64, total: u64, nearly_full: u8| {
            let guard = SizeGuard { max_size: Some(Bytes(size)), max_total: Some(Bytes(total)), nearly_full };
            guard.check(&request, &plan).map(|found| found.into_iter().map(|one| one.code).collect::<Vec<_>>())
        };
        assert_eq!(codes(1 << 30, 1 << 30, 51), Ok(vec![]));
        assert_eq!(codes((1 << 30) - 1, 1 << 30, 51), Ok(vec!["over-max-size".into()]));
        assert_eq!(codes(1 << 30, (1 << 30) - 1, 50), Ok(vec!["nearly-full".into(), "over-max-total".into()]));
    }

    #[test]
    fn a_claim_may_not_be_larger_than_all() {
        let guard = SizeGuard { max_size: Some(Bytes(2)), max_total: Some(Bytes(1)), nearly_full: 90 };
        assert_eq!(guard.problems()[0].pointer, "/maxSize");
    }
}
