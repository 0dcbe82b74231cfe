//! `policy run`: what policies say of a snapshot.

use std::path::{Path, PathBuf};

use pvmigrate_core::policy::Question;
use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_policy::Policies;

use crate::cli::{PolicyRunArgs, SnapshotArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::Look;
use crate::look::saved::SavedQuestion;
use crate::look::snapshot::Snapshot;
use crate::policies::chain::{self, Chain};
use crate::render::policy::look as show;
use crate::render::{Screen, clean};

/// Judges a snapshot and shows the judgement.
///
/// # Errors
/// On bad usage, when the snapshot cannot be read, or when a policy does not load or fails.
pub(super) async fn run(args: &PolicyRunArgs, screen: &Screen) -> Result<Exit, Failure> {
    let asked = Asked::new(&args.policies, &args.snapshot, screen).await?;
    let look = asked.look(&args.snapshot, screen)?;
    if let Some(file) = &args.save_question {
        SavedQuestion::of(look.clone(), &asked.policies, &asked.waivers)?.write(file)?;
    }
    let exit = if look.judgement.blockers().next().is_some() { Exit::Finding } else { Exit::Done };
    screen.result(|| show::text(&look, screen), &show::json(&look, exit))?;
    show::hints(&look.judgement, screen);
    Ok(exit)
}

/// Who is asked, and what is waived.
pub(super) struct Asked {
    policies: Policies,
    waivers: Vec<Waiver>,
}

impl Asked {
    /// Opens the policies that a command names, and those of its environment.
    pub(super) async fn new(policies: &[PathBuf], args: &SnapshotArgs, screen: &Screen) -> Result<Self, Failure> {
        Chain::of(policies, &args.place, &screen.note()).await?.try_into()
    }

    /// Opens the chain of an environment with another policy in it.
    pub(super) async fn with(policy: &Path, args: &SnapshotArgs, screen: &Screen) -> Result<Self, Failure> {
        let note = screen.note();
        let mut chain = Chain::of(&[], &args.place, &note).await?;
        chain.put(chain::open(policy, &note).await?)?;
        chain.try_into()
    }

    /// Asks what the flags ask.
    pub(super) fn look(&self, args: &SnapshotArgs, screen: &Screen) -> Result<Look, Failure> {
        self.look_at(question(args, &[self], screen)?)
    }

    /// Asks this.
    pub(super) fn look_at(&self, question: Question) -> Result<Look, Failure> {
        Ok(Look::at(question, &self.policies, &self.waivers)?)
    }
}

impl TryFrom<Chain> for Asked {
    type Error = Failure;

    fn try_from(Chain { links, waivers }: Chain) -> Result<Self, Failure> {
        Ok(Self { policies: Policies::new(links)?, waivers })
    }
}

/// Makes the question that the flags ask, with all that these policies look up.
///
/// # Errors
/// On bad usage, or when the snapshot cannot be read.
pub(super) fn question(args: &SnapshotArgs, asked: &[&Asked], screen: &Screen) -> Result<Question, Failure> {
    let needs: Vec<_> = asked.iter().flat_map(|asked| asked.policies.needs()).collect();
    let snapshot = Snapshot::read(&args.snapshot, &needs)?;
    for need in snapshot.without(&needs) {
        let what = format!("the snapshot has no {}, which a policy looks up: {}", need.kind, need.purpose);
        screen.say(&format!("{} {}", screen.paint_err.bad("warning:"), clean(&what)));
    }
    snapshot.question(args)
}
