use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::policy::BalancePolicy;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// Answers as it is told, and counts.
#[derive(Debug, Default)]
struct Fake {
    sick: Mutex<bool>,
    takes: Duration,
    probes: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
    at: Mutex<Vec<Instant>>,
}

impl Probe for Arc<Fake> {
    async fn probe(&self, _to: SocketAddr) -> Result<(), String> {
        self.at.lock().unwrap().push(Instant::now());
        self.probes.fetch_add(1, Ordering::Relaxed);
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_running.fetch_max(running, Ordering::Relaxed);
        // Counts down also when the check is given up.
        let _guard = Running(&self.running);
        tokio::time::sleep(self.takes).await;
        if *self.sick.lock().unwrap() { Err("status 503".to_owned()) } else { Ok(()) }
    }
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Watched {
    endpoints: Endpoints,
    fake: Arc<Fake>,
    events: Arc<Mutex<Vec<Event>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watched {
    fn healthy(&self) -> bool {
        self.endpoints.states(Instant::now())[0].healthy
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

/// `count` endpoints that are checked each second with a timeout of 300 ms.
fn watched(count: u16, takes_ms: u64) -> Watched {
    let addresses: Vec<SocketAddr> =
        (1..=count).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
    let health = HealthPolicy {
        interval_ms: 1_000,
        timeout_ms: 300,
        unhealthy_after: 3,
        healthy_after: 2,
        path: None,
    };
    let policy = BalancePolicy { health: Some(health), ..BalancePolicy::default() };
    let clock = Clock::system();
    let endpoints = Endpoints::new(&addresses, &policy, clock.now());
    let fake = Arc::new(Fake { takes: Duration::from_millis(takes_ms), ..Fake::default() });
    let events: Arc<Mutex<Vec<Event>>> = Arc::default();
    let told = Arc::clone(&events);
    let report = move |event| told.lock().unwrap().push(event);
    let task = tokio::spawn(watch(endpoints.clone(), clock, Arc::clone(&fake), report));
    Watched { endpoints, fake, events, task }
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_left_out_after_bad_checks_and_used_again_after_good_ones() {
    let watched = watched(1, 0);
    let address = SocketAddr::from(([10, 0, 0, 1], 1));
    seconds(5).await;
    assert!(watched.events().is_empty() && watched.healthy());
    *watched.fake.sick.lock().unwrap() = true;
    seconds(2).await;
    assert!(watched.healthy(), "two bad checks are not enough");
    seconds(1).await;
    let reason = "status 503".to_owned();
    assert_eq!(watched.events(), [Event::Unhealthy { address, reason }]);
    let state = watched.endpoints.states(Instant::now()).remove(0);
    assert_eq!((state.healthy, state.reason.as_deref()), (false, Some("unhealthy: status 503")));
    *watched.fake.sick.lock().unwrap() = false;
    seconds(1).await;
    assert!(!watched.healthy(), "one good check is not enough");
    seconds(1).await;
    assert_eq!(watched.events(), [Event::Healthy { address }]);
}

#[tokio::test(start_paused = true)]
async fn a_check_past_its_timeout_counts_as_failed() {
    let watched = watched(1, 10_000);
    seconds(4).await;
    let events = watched.events();
    let [Event::Unhealthy { reason, .. }] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(reason, "no answer within 300 ms");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_checked_by_one_check_at_a_time_at_its_own_beat() {
    let watched = watched(1, 200);
    seconds(10).await;
    assert_eq!(watched.fake.probes.load(Ordering::Relaxed), 10);
    assert_eq!(watched.fake.most_running.load(Ordering::Relaxed), 1);
    let at = watched.fake.at.lock().unwrap();
    for pair in at.windows(2) {
        // Tokio's wheel has ticks of a millisecond.
        let gap_ms = (pair[1] - pair[0]).as_millis();
        assert!((998..=1_002).contains(&gap_ms), "{gap_ms}");
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_are_not_all_checked_at_once_and_never_too_many_of_them() {
    let watched = watched(200, 10_000);
    seconds(5).await;
    // 200 a second that hang for 300 ms each would be 60 at a time on average.
    assert!(watched.fake.most_running.load(Ordering::Relaxed) <= CHECKS_MAX);
    let at = watched.fake.at.lock().unwrap();
    let first = *at.iter().min().unwrap();
    let soon = at.iter().filter(|at| **at < first + Duration::from_millis(100)).count();
    assert!(soon < 50, "{soon}");
}

#[tokio::test(start_paused = true)]
async fn the_checks_end_with_their_task() {
    let watched = watched(3, 0);
    seconds(3).await;
    watched.task.abort();
    seconds(1).await;
    let probes = watched.fake.probes.load(Ordering::Relaxed);
    assert!(probes >= 6);
    seconds(10).await;
    assert_eq!(watched.fake.probes.load(Ordering::Relaxed), probes);
}

#[tokio::test(start_paused = true)]
async fn a_policy_without_checks_has_nothing_to_watch() {
    let address = SocketAddr::from(([10, 0, 0, 1], 1));
    let clock = Clock::system();
    let endpoints = Endpoints::new(&[address], &BalancePolicy::default(), clock.now());
    watch(endpoints, clock, Arc::new(Fake::default()), |_event| {}).await;
}

/// Answers one request on each connection with a status; 0 closes without an answer.
async fn server(statuses: &'static [u16]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for status in statuses {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = [0; 1_024];
            let length = socket.read(&mut request).await.unwrap();
            if *status == 0 || !request[..length].starts_with(b"GET /health HTTP/1.1\r\n") {
                continue;
            }
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok");
            socket.write_all(head.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_status_of_2xx_is_well_and_everything_else_is_not() {
    let to = server(&[200, 204, 302, 503, 0]).await;
    let path = Some("/health".to_owned());
    let probe = Network::new(&HealthPolicy { path, ..HealthPolicy::default() });
    for (expected, reason) in
        [(true, ""), (true, ""), (false, "status 302"), (false, "status 503"), (false, "broke")]
    {
        let result = probe.probe(to).await;
        assert_eq!(result.is_ok(), expected, "{result:?}");
        assert!(result.err().unwrap_or_default().contains(reason));
    }
}

#[tokio::test]
async fn connecting_is_enough_without_a_path() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let probe = Network::new(&HealthPolicy::default());
    assert_eq!(probe.probe(to).await, Ok(()));
    drop(listener);
    assert!(probe.probe(to).await.unwrap_err().starts_with("cannot connect: "));
}
