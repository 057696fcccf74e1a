//! Nanoseconds for a look into a table of routes.

use std::hint::black_box;

use model::edge::Edge;
use model::fault::Pair;
use model::plan::Route;
use proxy::bench::route::Bench;
use telemetry::clock::Clock;

/// Short enough that many rounds are not interrupted by anything else on the machine.
const LOOKS: u32 = 10_000;
const ROUNDS: usize = 400;

#[expect(clippy::print_stdout, reason = "a benchmark reports to whoever started it")]
fn main() {
    let clock = Clock::system();
    let to = |prefix: &str| Route::to(prefix, Edge::new("client", "callee"));
    let few = ["/", "/orders", "/orders/open", "/carts", "/catalog"].map(to);
    let many: Vec<Route> = (0..250).map(|number| to(&format!("/service-{number}/v1"))).collect();
    let hosted = few.clone().map(|route| Route { host: Some("*.example.org".into()), ..route });
    let header = Pair { name: "x-tenant".into(), value: Some("gold".into()) };
    let canary = Route { headers: vec![header], ..to("/orders") };
    let conditions: Vec<Route> = few.iter().cloned().chain([canary]).collect();
    let split: Vec<Route> = few.iter().chain(&few).cloned().collect();
    let paths = ["/orders/7", "/carts", "/orders/open/9", "/catalog/items/3", "/other"];
    let services = ["/service-0/v1/a", "/service-99/v1/b", "/service-249/v1", "/service-5/v1/c/d"];
    println!("{:<28} {:>8}", "table", "ns");
    for (name, mut bench) in [
        ("5 prefixes", Bench::new(&few, &paths)),
        ("5 prefixes, wildcard host", Bench::new(&hosted, &paths)),
        ("5 prefixes, one with header", Bench::new(&conditions, &paths)),
        ("5 prefixes, split in two", Bench::new(&split, &paths)),
        ("250 prefixes", Bench::new(&many, &services)),
    ] {
        let rounds = (0..ROUNDS).map(|_| {
            let began = clock.now();
            for _ in 0..LOOKS {
                black_box(bench.find());
            }
            (clock.now() - began).as_nanos() as f64 / f64::from(LOOKS)
        });
        println!("{name:<28} {:>8.1}", rounds.fold(f64::INFINITY, f64::min));
    }
}
