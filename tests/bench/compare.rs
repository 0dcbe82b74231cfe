//! The tables for several runs: downtime beside a plain restart, and where it stood still.

use std::fmt::Write as _;

use crate::measure::Measured;

/// Returns the runs of each size on each pool, in the order in which they were made.
pub(crate) fn series(rows: &[Measured]) -> impl Iterator<Item = &[Measured]> {
    rows.chunk_by(|one, other| one.pool == other.pool && one.claims == other.claims)
}

/// Returns the run with the median downtime, the longer one of two.
pub(crate) fn typical(runs: &[Measured]) -> Option<&Measured> {
    let mut sorted: Vec<&Measured> = runs.iter().collect();
    sorted.sort_by_key(|run| run.down);
    sorted.get(sorted.len() / 2).copied()
}

/// Compares each migration's downtime with that of the restart before it.
pub(crate) fn with_restarts(rows: &[Measured]) -> String {
    let mut text = "The downtime beside that of a plain restart of the same workload in the same run: scaled to 0, pods gone, \
                    scaled back, each from the write that stops it until all pods are Ready. Median and maximum; the last \
                    two columns are of the pairs.\n\n\
                    | volumes | claims | runs | downtime | restart | longer by | times as long | load average |\n\
                    |---|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for runs in series(rows) {
        let [first, ..] = runs else { continue };
        let of = |figure: fn(&Measured) -> f64| middle_and_most(runs.iter().map(figure).collect());
        let loads = || runs.iter().flat_map(|run| run.load);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {:.1} to {:.1} |",
            first.pool.name,
            first.claims,
            runs.len(),
            of(|run| run.down.as_secs_f64()).join(" s, ") + " s",
            of(|run| run.restart.as_secs_f64()).join(" s, ") + " s",
            of(|run| (run.down - run.restart).as_secs_f64()).join(" s, ") + " s",
            of(|run| run.down.as_secs_f64() / run.restart.as_secs_f64()).join("×, ") + "×",
            loads().fold(f64::INFINITY, f64::min),
            loads().fold(0.0, f64::max),
        );
    }
    text
}

fn middle_and_most(mut figures: Vec<f64>) -> [String; 2] {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    let upper = figures[half];
    let middle = if figures.len() % 2 == 1 { upper } else { f64::midpoint(figures[half - 1], upper) };
    [middle, figures[figures.len() - 1]].map(|figure| format!("{figure:.1}"))
}

/// Lists the gaps that no kubelet accounts for; there should be none.
pub(crate) fn gaps(rows: &[Measured]) -> String {
    let mut text =
        "Gaps over 1 s that are neither a pod's start nor its end, between consecutive requests for a migration \
                    while its workload was down:\n\n"
            .to_owned();
    let found: usize = rows.iter().map(|run| run.gaps.idle.len()).sum();
    if found == 0 {
        text += "none.\n";
    } else {
        text += "| volumes | claims | run | after the stop | gap | from | to |\n|---|---:|---:|---:|---:|---|---|\n";
    }
    for (run, measured) in series(rows).flat_map(|runs| (1..).zip(runs)) {
        for gap in &measured.gaps.idle {
            let (pool, claims) = (measured.pool.name, measured.claims);
            let [began, length] = [gap.began, gap.length].map(|length| length.as_secs_f64());
            let (before, after) = (&gap.before, &gap.after);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "| {pool} | {claims} | {run} | {began:.1} s | {length:.1} s | {before} | {after} |");
        }
    }
    let kubelets = || rows.iter().flat_map(|run| &run.gaps.kubelets);
    if let Some(longest) = kubelets().max_by_key(|gap| gap.length) {
        let together: f64 = kubelets().map(|gap| gap.length.as_secs_f64()).sum();
        let (length, after) = (longest.length.as_secs_f64(), &longest.after);
        let _ = writeln!(
            text,
            "\nLeft out: {} gaps, {together:.1} s together, in which a kubelet started or stopped a pod; the longest, \
             {length:.1} s, ended with: {after}.",
            kubelets().count()
        );
    }
    text
}
