//! What a run leaves as it is although one would expect otherwise: claims that do not move, templates that make claims of the old class. Nothing of it is left out in silence.

use std::fmt::Write as _;

use pvmigrate_core::plan::StaleTemplate;
use pvmigrate_core::policy::LeftOut;

use super::lines::hanging;
use super::table::Table;
use super::units::count;
use super::{Screen, clean};

/// The number of claims shown; `-v` shows all.
const SHOWN: usize = 20;

/// Lists the claims of the source class that do not move, and why.
pub fn claims(left_out: &[LeftOut<'_>], source_class: &str, screen: &Screen) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let shown = if screen.verbose > 0 { left_out.len() } else { SHOWN };
    let mut table = Table::new(&["CLAIM", "REASON", "BECAUSE"], &[]);
    for claim in left_out.iter().take(shown) {
        let because = format!("{} ({})", claim.message, claim.by);
        table.row(&[format!("{}/{}", claim.namespace, claim.name), claim.code.to_owned(), because]);
    }
    let title = format!("{} of StorageClass {} left out:", count(left_out.len(), "claim"), clean(source_class));
    let mut text = format!("\n{title}\n{}", table.text(screen.width));
    if let Some(more) = left_out.len().checked_sub(shown).filter(|more| *more > 0) {
        let _ = writeln!(text, "and {more} more; -v lists all");
    }
    text
}

/// Names the claim templates that go on making claims of the source class, and what to do about it.
pub fn templates(stale: &[StaleTemplate], (source, dest): (&str, &str), screen: &Screen) -> String {
    let mut text = String::new();
    for template in stale {
        let StaleTemplate { namespace, stateful_set, template, names_class } = template;
        let (set, template) = (clean(&format!("{namespace}/{stateful_set}")), clean(template));
        let (source, dest) = (clean(source), clean(dest));
        let why = match names_class {
            true => format!("names StorageClass {source}"),
            false => format!("names no StorageClass, and the default is {source}"),
        };
        let words = format!(
            "claim template {template} of StatefulSet {set} {why}: new replicas get volumes of it. A template cannot be \
             changed; to get new replicas on {dest}, delete the set with --cascade=orphan and create it again with \
             storageClassName: {dest}"
        );
        text.push_str(&hanging("note: ", &words, screen.width));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples;

    fn left(name: &str) -> LeftOut<'_> {
        let message = "it has no volume yet";
        LeftOut { namespace: "shop", name, code: "unbound", message, by: "pvmigrate".to_owned() }
    }

    #[test]
    fn every_claim_is_named_until_there_are_too_many() {
        let (few, many) = (vec![left("wait"), left("data")], vec![left("wait"); 22]);
        let quiet = samples::screen(Some(100));
        assert_eq!(claims(&[], "gp2", &quiet), "");
        insta::assert_snapshot!(claims(&few, "gp2", &quiet));
        assert!(claims(&many, "gp2", &quiet).ends_with("and 2 more; -v lists all\n"));
        let loud = Screen { verbose: 1, ..quiet };
        assert_eq!(claims(&many, "gp2", &loud).matches("shop/wait").count(), 22);
    }

    #[test]
    fn a_stale_template_comes_with_the_way_out() {
        let stale = |names_class| StaleTemplate {
            namespace: "shop".to_owned(),
            stateful_set: "web".to_owned(),
            template: "data".to_owned(),
            names_class,
        };
        let both = [stale(true), stale(false)];
        insta::assert_snapshot!(templates(&both, ("gp2", "fast"), &samples::screen(Some(100))));
        assert_eq!(templates(&[], ("gp2", "fast"), &samples::screen(None)), "");
    }
}
