//! Scenes: a cluster, embedded or real, with files in its volumes, and processes of pvmigrate that run on it and may be killed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pvmigrate::driver::{Event, Reporter};
use pvmigrate::failure::Failure;
use pvmigrate::options::Options;
use pvmigrate::run::{self, Run};
use pvmigrate::stop::Stop;
use pvmigrate_cluster::{RecordStore, Watched};
use pvmigrate_core::invariants::violations;
use pvmigrate_core::ports::{RecordId, World};
use pvmigrate_core::record::Limits;
use pvmigrate_objects::input::read_objects;
use pvmigrate_policy::Policies;
use pvmigrate_rehearsal::{Cluster, CopyFailure, CopyFault, Faults, Fill, Handle, Settings, fill, find_rsync};
use serde_json::Value;
use tempfile::TempDir;

use crate::content::{Content, content};
use crate::ground::{Ground, Place};
use crate::share::Share;
use crate::undoing::Undoing;

/// How long a real cluster may take to become as it is wanted.
const PATIENCE: Duration = Duration::from_secs(60);

/// A scenario and what is asked of the run on it.
#[derive(Clone)]
pub struct Scenario {
    /// The file in `tests/embedded/scenarios`, without its ending.
    pub name: &'static str,
    /// Changes the usual options.
    pub ask: fn(&mut Options),
    /// Changes the embedded cluster's settings.
    pub set: fn(&mut Settings),
    /// How many copies fail before one succeeds.
    pub failing_copies: u32,
    /// Somebody scales the workloads back up for as long as pvmigrate runs.
    pub undone: bool,
}

impl Scenario {
    /// Returns a scenario with the usual options.
    pub const fn new(name: &'static str) -> Self {
        Self { name, ask: |_| {}, set: |_| {}, failing_copies: 0, undone: false }
    }

    /// Returns the options of a run on this scenario.
    pub fn options(&self) -> Options {
        let mut options = options();
        (self.ask)(&mut options);
        options
    }

    /// Starts an embedded cluster of this scenario and fills its volumes.
    ///
    /// # Errors
    /// When the scenario cannot be read, or the cluster does not start.
    pub async fn start(&self) -> Result<Scene> {
        self.start_on(&Place::Embedded).await
    }

    /// Starts this scenario somewhere and fills its volumes.
    ///
    /// # Errors
    /// When the scenario cannot be read, or the cluster does not take it.
    pub async fn start_on(&self, place: &Place) -> Result<Scene> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("embedded/scenarios").join(format!("{}.yaml", self.name));
        let objects = read_objects(&file).with_context(|| format!("scenario {}", self.name))?;
        let directory = tempfile::tempdir()?;
        let rsync = find_rsync()?;
        let mut settings = Settings { writers: true, ..Settings::new(directory.path().join("volumes"), rsync) };
        (self.set)(&mut settings);
        let cluster = match place {
            Place::Embedded => Ground::Embedded(Cluster::start(objects, settings).await?),
            Place::Real(nodes) => {
                let moves_default = self.options().set_defaults;
                Ground::Real(Share::start(nodes, objects, settings, moves_default).await?)
            }
        };
        if self.failing_copies > 0 {
            // By the temporary claims that only copy pods mount: the preflight's pods shall pass.
            let how = CopyFailure::Exit(23);
            cluster.fail_copies(CopyFault { pod: "-pvcmigrate".to_owned(), attempts: self.failing_copies, how });
        }
        cluster.settled().await;
        let undoing = if self.undone { Some(Undoing::of(&cluster).await) } else { None };
        let scene = Scene { cluster, directory, undoing, scenario: self.clone() };
        scene.fill().await?;
        scene.cluster.settled().await;
        scene.keep_pristine().await?;
        Ok(scene)
    }
}

/// Returns the options that all scenarios start from: no pause between tries, so that the tests need no clock.
pub fn options() -> Options {
    Options {
        source_class: "old".to_owned(),
        dest_class: "new".to_owned(),
        namespace: None,
        environment: String::new(),
        waivers: Vec::new(),
        policy_flags: Vec::new(),
        rsync_image: "eeacms/rsync:2.3".to_owned(),
        rsync_flags: Vec::new(),
        set_defaults: false,
        skip_source_validation: false,
        preflight_only: false,
        skip_preflight: false,
        skip_blocked: false,
        pod_ready_timeout: Duration::from_secs(20),
        parallel: 4,
        on_failure: pvmigrate_core::record::OnFailure::RollBack,
        disposal: pvmigrate_core::record::Disposal::Delete,
        warm_passes: 0,
        warm_rate: None,
        limits: Limits { retry_seconds: 0, ..Limits::default() },
    }
}

/// A running scenario.
pub struct Scene {
    /// Where it runs.
    pub cluster: Ground,
    directory: TempDir,
    undoing: Option<Undoing>,
    scenario: Scenario,
}

/// How a process of pvmigrate ended.
pub enum Ended {
    /// By itself.
    ByItself(Box<Result<Run, Failure>>),
    /// It was killed.
    Killed,
}

impl Scene {
    /// Returns the options of a run, with the classes as they are called here.
    pub fn options(&self) -> Options {
        let mut options = self.scenario.options();
        options.source_class = self.cluster.named(&options.source_class);
        options.dest_class = self.cluster.named(&options.dest_class);
        options
    }

    /// Returns whether somebody scales the workloads back up while pvmigrate runs.
    pub fn is_undone(&self) -> bool {
        self.undoing.is_some()
    }

    /// Runs a process of pvmigrate until it ends or its plan of faults kills it.
    pub async fn process(&self, faults: Faults) -> (Ended, Handle) {
        let (client, handle) = self.cluster.client_with(faults);
        let client = pvmigrate_cluster::wrap(client).client;
        let ended = {
            let (options, stop) = (self.options(), Stop::default());
            let migrate = run::migrate(&client, policies(), &options, Arc::new(Silent), &stop);
            let undone = async {
                match &self.undoing {
                    Some(undoing) => undoing.go_on().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                result = migrate => Ended::ByItself(Box::new(result)),
                () = handle.killed() => Ended::Killed,
                () = undone => Ended::Killed, // it never ends
            }
        };
        (ended, handle)
    }

    /// Runs a process without faults to its end.
    ///
    /// # Errors
    /// When the run fails as a whole.
    pub async fn migrate(&self) -> Result<(Run, Handle)> {
        match self.process(Faults::default()).await {
            (Ended::ByItself(result), handle) => {
                let run = result.map_err(|failure| failure.error)?;
                self.cluster.settled().await;
                self.check_invariants().await?;
                Ok((run, handle))
            }
            (Ended::Killed, _) => anyhow::bail!("a process without faults was killed"),
        }
    }

    /// Looks at every migration of the scene, and makes sure that the core's invariants hold.
    async fn check_invariants(&self) -> Result<()> {
        let client = self.cluster.client();
        for scope in self.cluster.scopes() {
            let watched = Watched::start(client.clone(), scope.as_deref()).await?;
            let world = watched.world();
            for record in RecordStore::new(client.clone()).list(scope.as_deref()).await? {
                let found = violations(&record, &world.observe(&record).await?);
                anyhow::ensure!(found.is_empty(), "record {}: {found:#?}", record.name);
            }
        }
        Ok(())
    }

    /// Reads the content of the scene as soon as it equals another; if it stays different, as it is at the end.
    pub async fn content_like(&self, wanted: &Content) -> Content {
        let began = Instant::now();
        loop {
            self.cluster.settled().await;
            let now = content(self).await;
            // The embedded cluster is settled when it says so; a real one gets some time.
            if now == *wanted || matches!(self.cluster, Ground::Embedded(_)) || began.elapsed() > PATIENCE {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Fills the volume of each bound claim with files, by the claim's annotations.
    async fn fill(&self) -> Result<()> {
        for (at, (claim, directory)) in self.bound_claims().await.into_iter().enumerate() {
            fill(&directory, 7 + at as u64, Fill::of_claim(&claim))?;
        }
        Ok(())
    }

    /// Returns the claims that have a volume, with their directories.
    async fn bound_claims(&self) -> Vec<(Value, PathBuf)> {
        let objects = self.cluster.objects().await;
        let claims = objects.into_iter().filter(|object| object["kind"] == "PersistentVolumeClaim");
        let directory = |claim: &Value| self.cluster.volume_directory(claim["spec"]["volumeName"].as_str()?);
        claims.filter_map(|claim| directory(&claim).map(|directory| (claim, directory))).collect()
    }

    /// Returns the directory that keeps a copy of the claim's files as they were at first.
    pub fn pristine(&self, namespace: &str, claim: &str) -> PathBuf {
        self.directory.path().join("pristine").join(namespace).join(claim)
    }

    /// Copies with `cp -a`, not with rsync: the tool under test must not be what tests it.
    async fn keep_pristine(&self) -> Result<()> {
        for (claim, from) in self.bound_claims().await {
            let name = |key: &str| claim["metadata"][key].as_str().unwrap_or_default();
            let to = self.pristine(name("namespace"), name("name"));
            std::fs::create_dir_all(&to)?;
            let done = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(&to).status()?;
            anyhow::ensure!(done.success(), "cp -a of {} failed", from.display());
        }
        Ok(())
    }
}

/// Returns the embedded default policy, compiled once for all tests of a process.
pub fn policies() -> &'static Policies {
    static POLICIES: OnceLock<Policies> = OnceLock::new();
    #[allow(clippy::expect_used, reason = "tests cannot go on without it")]
    POLICIES.get_or_init(|| Policies::builtin().expect("the embedded policy loads"))
}

/// A reporter that shows nothing.
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _: &RecordId, _: Event<'_>) {}
    fn rsync(&self, _: &RecordId, _: &str, _: &str) {}
}
