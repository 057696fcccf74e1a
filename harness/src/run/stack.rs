//! The parts of one run, started in the order in which they need each other and ended in reverse.
//!
//! Collector (in this process) → guardian → proxy, whose edges have listeners but no endpoints yet
//! → services, which find their callees behind those listeners → the plan, with the services' real
//! addresses → load worker.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use collector::{CollectorConfig, CollectorError, CollectorHandle};
use loadgen::worker::WorkerReady;
use loadgen::{LoadError, Once};
use model::load::{LoadPlan, LoadStart};
use model::plan::{ProxyAddresses, ProxyConfig};
use model::scenario::{OwnService, Scenario};
use model::shop;
use telemetry::client::Client;
use telemetry::clock::Clock;
use tokio::sync::watch;

use super::folder::{FolderError, RunFolder};
use super::process::{Process, ProcessError, Spec, Starting};
use crate::control::{Control, ControlError};
use crate::guardian::{Order, Stage};
use crate::part::variable;

/// Traffic passes this much longer than the lease when the runner has died, so that the system is
/// seen to recover before it is ended.
const GRACE_AFTER_LEASE: Duration = Duration::from_secs(5);
/// Longest tear-down: an interrupted run must come to its end.
const TEAR_DOWN_MAX: Duration = Duration::from_secs(15);
/// Start, quiet and clean-up around the run itself.
const AROUND_THE_RUN: Duration = Duration::from_mins(2);

#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Collector(#[from] CollectorError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("the set-up of the run did not come to its end")]
    SetUp(#[source] LoadError),
}

/// Everything that runs.
#[derive(Debug)]
pub struct Stack {
    pub collector: CollectorHandle,
    pub control: Control,
    pub client: Client,
    pub proxy: ProxyAddresses,
    /// Real addresses of the services, for reading them past the gateway.
    pub services: BTreeMap<String, SocketAddr>,
    /// Started last, ended first.
    pub load: Option<Process>,
    /// Where the tear-down goes, once load has been set up.
    once: Option<LoadPlan>,
    processes: Vec<Process>,
    guardian: Option<Process>,
}

/// The variables of the environment that say how to send on.
pub(crate) fn otlp_variables() -> BTreeMap<String, String> {
    let ours = |name: &str| name.starts_with(telemetry::otlp::settings::PREFIX);
    std::env::vars().filter(|(name, _)| ours(name)).collect()
}

impl Stack {
    /// The collector alone; [`Self::raise`] starts the rest. Apart, so that whatever was started
    /// can be ended when a later part fails.
    pub async fn begin(
        folder: &RunFolder,
        otlp: &[String],
        clock: &Clock,
    ) -> Result<Self, StackError> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = CollectorConfig {
            export: otlp.to_owned(),
            export_env: otlp_variables(),
            ..CollectorConfig::on_loopback(folder.run_id.clone(), Some(folder.file("run.db")))
        };
        let collector = collector::start(config, clock.clone()).await?;
        let client = Client::new();
        let nowhere = ProxyAddresses {
            admin: any_port,
            gateway: any_port,
            edges: Vec::new(),
            toxiproxy: None,
        };
        Ok(Self {
            collector,
            control: Control::new(client.clone(), any_port),
            client,
            proxy: nowhere,
            services: BTreeMap::new(),
            load: None,
            once: None,
            processes: Vec::new(),
            guardian: None,
        })
    }

    pub async fn raise(
        &mut self,
        scenario: &Scenario,
        folder: &RunFolder,
        clock: &Clock,
    ) -> Result<(), StackError> {
        self.start_guardian(scenario, folder, clock).await?;
        self.start_proxy(scenario, folder).await?;
        self.start_services(scenario, folder).await?;
        self.control.put_plan(&scenario.plan(1, None, &self.endpoints())).await?;
        for own in &scenario.services {
            let spec = self.own_spec(own, folder);
            let _never_ready = self.begin_part::<()>(spec, folder, Stage::Service).await?;
        }
        self.start_load(scenario, folder, clock).await?;
        folder.write("addresses.json", &line(&self.addresses()))?;
        Ok(())
    }

    /// Where everything listens, for people and other tools.
    fn addresses(&self) -> serde_json::Value {
        let collector = self.collector.addresses();
        serde_json::json!({
            "gateway": self.proxy.gateway,
            "admin": self.proxy.admin,
            "edges": self.proxy.edges,
            "services": self.services,
            "collector": {
                "api": collector.api, "otlp_grpc": collector.grpc, "otlp_http": collector.http,
            },
        })
    }

    async fn start_guardian(
        &mut self,
        scenario: &Scenario,
        folder: &RunFolder,
        clock: &Clock,
    ) -> Result<(), StackError> {
        let spec = Spec {
            name: "guardian".to_owned(),
            service: "guardian".to_owned(),
            program: None,
            arguments: vec!["guardian".to_owned()],
            environment: Vec::new(),
            own_group: false,
            logs_by_otlp: false,
        };
        let (mut guardian, starting) = Process::spawn::<()>(spec, folder, &self.collector)?;
        guardian.ready(starting).await?;
        let longest = scenario.safety.limit + AROUND_THE_RUN;
        let limits = Order::Limits {
            until_unix_ms: clock.unix_ms() + longest.as_millis() as u64,
            grace_ms: (scenario.safety.lease + GRACE_AFTER_LEASE).as_millis() as u64,
        };
        guardian.order(&line(&limits)).await?;
        self.guardian = Some(guardian);
        Ok(())
    }

    async fn start_proxy(
        &mut self,
        scenario: &Scenario,
        folder: &RunFolder,
    ) -> Result<(), StackError> {
        let config = ProxyConfig {
            gateway: scenario.listen,
            otlp: Some(self.otlp_grpc()),
            ..ProxyConfig::on_loopback(folder.run_id.clone(), scenario.edges())
        };
        let path = folder.write("proxy.json", &line(&config))?;
        let spec = Spec {
            name: "proxy".to_owned(),
            service: "gateway".to_owned(),
            program: None,
            arguments: vec!["proxy".into(), "--bootstrap".into(), path.display().to_string()],
            environment: Vec::new(),
            own_group: true,
            logs_by_otlp: true,
        };
        let starting = self.begin_part::<ProxyAddresses>(spec, folder, Stage::Proxy).await?;
        let proxy = self.processes.last().expect("it was just begun");
        let addresses = proxy.ready(starting).await?;
        self.control = Control::new(self.client.clone(), addresses.admin);
        self.proxy = addresses;
        Ok(())
    }

    async fn start_services(
        &mut self,
        scenario: &Scenario,
        folder: &RunFolder,
    ) -> Result<(), StackError> {
        let first = self.processes.len();
        let mut all_starting = Vec::new();
        for name in shop::SERVICES {
            let spec = self.service_spec(name, scenario, folder);
            all_starting.push(self.begin_part::<SocketAddr>(spec, folder, Stage::Service).await?);
        }
        for (service, starting) in self.processes[first..].iter().zip(all_starting) {
            let address = service.ready(starting).await?;
            self.services.insert(service.name.clone(), address);
        }
        Ok(())
    }

    fn service_spec(&self, name: &str, scenario: &Scenario, folder: &RunFolder) -> Spec {
        let callees = self.proxy.edges.iter().filter(|edge| edge.edge.caller == name).map(|edge| {
            (shop::url_variable(&edge.edge.callee), format!("http://{}", edge.address))
        });
        let settings = [
            (variable::OTLP_ENDPOINT.to_owned(), self.otlp_grpc()),
            (variable::RUN_ID.to_owned(), folder.run_id.clone()),
            (variable::WEAKNESSES.to_owned(), scenario.weaknesses.join(",")),
        ];
        let data = folder.path().join("data").display().to_string();
        Spec {
            name: name.to_owned(),
            service: name.to_owned(),
            program: None,
            arguments: vec!["service".into(), name.to_owned(), "--data".into(), data],
            environment: callees.chain(settings).collect(),
            own_group: true,
            logs_by_otlp: true,
        }
    }

    /// A program of the user's own. No edge leads to it, so nothing waits until it serves.
    fn own_spec(&self, own: &OwnService, folder: &RunFolder) -> Spec {
        let environment = [
            (variable::OTLP_ENDPOINT, format!("http://{}", self.collector.addresses().http)),
            (variable::OTLP_SERVICE_NAME, own.name.clone()),
            (variable::RUN_ID, folder.run_id.clone()),
            (variable::GATEWAY_URL, format!("http://{}", self.proxy.gateway)),
        ];
        let (program, arguments) = own.run.split_first().expect("a command has a program");
        Spec {
            name: own.name.clone(),
            service: own.name.clone(),
            program: Some(program.into()),
            arguments: arguments.to_vec(),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).into(),
            own_group: true,
            logs_by_otlp: own.logs_by_otlp,
        }
    }

    async fn start_load(
        &mut self,
        scenario: &Scenario,
        folder: &RunFolder,
        clock: &Clock,
    ) -> Result<(), StackError> {
        let addresses = self.collector.addresses();
        let mut plan = scenario.load_plan(
            &folder.run_id,
            self.proxy.gateway,
            addresses.api,
            Some(format!("http://{}", addresses.http)),
        );
        if let Some(flow) = &scenario.setup {
            // Whoever stops the run drops this future, and with it what is under way.
            let (_stop, stop) = watch::channel(false);
            let walked = loadgen::walk_once(&plan, (Once::SetUp, flow), stop, clock.clone()).await;
            plan.setup = walked.map_err(StackError::SetUp)?;
        }
        if scenario.teardown.is_some() {
            self.once = Some(plan.clone());
        }
        let path = folder.write_private("load.json", &line(&plan))?;
        let spec = Spec {
            name: "load".to_owned(),
            service: "load".to_owned(),
            program: None,
            arguments: vec!["load-worker".into(), "--plan".into(), path.display().to_string()],
            environment: Vec::new(),
            own_group: true,
            logs_by_otlp: false,
        };
        let (load, starting) = Process::spawn::<WorkerReady>(spec, folder, &self.collector)?;
        let watched = self.watch(&load, Stage::AtOnce).await;
        let load = self.load.insert(load);
        watched?;
        load.ready(starting).await?;
        Ok(())
    }

    /// Starts a part and has it watched, before anything else can go wrong.
    async fn begin_part<T>(
        &mut self,
        spec: Spec,
        folder: &RunFolder,
        stage: Stage,
    ) -> Result<Starting<T>, ProcessError>
    where
        T: serde::de::DeserializeOwned + Send + 'static,
    {
        let (process, starting) = Process::spawn(spec, folder, &self.collector)?;
        let watched = self.watch(&process, stage).await;
        self.processes.push(process);
        watched.map(|()| starting)
    }

    async fn watch(&mut self, process: &Process, stage: Stage) -> Result<(), ProcessError> {
        let order = line(&Order::Watch { pid: process.pid, stage });
        match &mut self.guardian {
            Some(guardian) => guardian.order(&order).await,
            None => Ok(()),
        }
    }

    pub fn endpoints(&self) -> BTreeMap<String, Vec<SocketAddr>> {
        self.services.iter().map(|(name, address)| (name.clone(), vec![*address])).collect()
    }

    fn otlp_grpc(&self) -> String {
        format!("http://{}", self.collector.addresses().grpc)
    }

    /// Lets load begin at the given instant.
    pub async fn start_arrivals(&mut self, start_unix_ns: u64) -> Result<(), ProcessError> {
        match &mut self.load {
            Some(load) => load.order(&line(&LoadStart { start_unix_ns })).await,
            None => Ok(()),
        }
    }

    /// Waits for the first part, other than the load worker, that ends without being asked.
    pub async fn unasked_death(&self) -> ProcessError {
        let all = self.processes.iter().chain(&self.guardian);
        let mut deaths: Vec<_> = all.map(|process| Box::pin(process.death())).collect();
        std::future::poll_fn(|context| {
            deaths
                .iter_mut()
                .map(|death| death.as_mut().poll(context))
                .find(std::task::Poll::is_ready)
                .unwrap_or(std::task::Poll::Pending)
        })
        .await
    }

    /// Ends the load worker; gives its name when it had to be killed.
    pub async fn end_load(&mut self) -> Option<String> {
        let mut load = self.load.take()?;
        (!load.end().await).then_some(load.name)
    }

    /// Walks the tear-down of the scenario, if load had been set up. The load worker has ended.
    pub async fn tear_down(&mut self, scenario: &Scenario, clock: &Clock) -> Result<(), LoadError> {
        let (Some(plan), Some(flow)) = (self.once.take(), &scenario.teardown) else {
            return Ok(());
        };
        let (stop, stopped) = watch::channel(false);
        let mut walked = std::pin::pin!(loadgen::walk_once(
            &plan,
            (Once::TearDown, flow),
            stopped,
            clock.clone()
        ));
        let in_time = tokio::time::timeout(TEAR_DOWN_MAX, walked.as_mut()).await;
        let ended = match in_time {
            Ok(ended) => ended,
            Err(_too_long) => {
                stop.send_replace(true);
                walked.await
            },
        };
        ended.map(drop)
    }

    /// Ends the services, then the proxy, then the guardian. Each may send its last telemetry.
    /// Returns the names of those that had to be killed.
    pub async fn end(&mut self) -> Vec<String> {
        let mut killed: Vec<String> = self.end_load().await.into_iter().collect();
        // The proxy was started first and must outlive the services, whose last calls it carries.
        let mut proxy_last = std::mem::take(&mut self.processes);
        let services = proxy_last.split_off(proxy_last.len().min(1));
        for group in [services, proxy_last] {
            let ending = group.into_iter().map(|mut process| {
                tokio::spawn(async move { (!process.end().await).then_some(process.name) })
            });
            for end in ending.collect::<Vec<_>>() {
                killed.extend(end.await.expect("ending a process does not panic"));
            }
        }
        if let Some(mut guardian) = self.guardian.take() {
            // A guardian that is gone needs no farewell.
            let _gone = guardian.order(&line(&Order::Farewell)).await;
            guardian.end().await;
        }
        killed
    }
}

fn line<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("orders and plans have string keys")
}
