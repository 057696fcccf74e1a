use std::collections::BTreeMap;

use model::decision;
use model::fault::Pair;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[derive(Debug, Clone)]
struct Call {
    host: Option<&'static str>,
    path: &'static str,
    method: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    user: u64,
}

impl Request for Call {
    fn host(&self) -> Option<&str> {
        self.host
    }

    fn path(&self) -> &str {
        self.path
    }

    fn method(&self) -> &str {
        self.method
    }

    fn any_header(&self, name: &HeaderName, fits: &mut dyn FnMut(&str) -> bool) -> bool {
        self.headers.iter().any(|(field, value)| *field == name.as_str() && fits(value))
    }

    fn user(&self) -> u64 {
        self.user
    }
}

fn get(path: &'static str) -> Call {
    Call { host: None, path, method: "GET", headers: Vec::new(), user: 0 }
}

fn to(prefix: &str, callee: &str) -> Route {
    Route::to(prefix, Edge::new("client", callee))
}

fn pair(name: &str, value: Option<&str>) -> Pair {
    Pair { name: name.into(), value: value.map(str::to_owned) }
}

fn router(routes: &[Route]) -> Router<String> {
    Router::new(routes, |edge| (edge.callee != "unknown").then(|| edge.callee.clone()))
}

fn found(router: &Router<String>, call: &Call) -> Option<String> {
    router.find(call).cloned()
}

#[test]
fn the_longest_prefix_of_whole_segments_wins() {
    let router = router(&[
        to("/", "root"),
        to("/orders", "orders"),
        to("/orders/open/", "open"),
        to("/ordersheet/x", "sheet"),
    ]);
    for (path, expected) in [
        ("/", "root"),
        ("/ordersheet", "root"),
        ("/ordersheet/x", "sheet"),
        ("/orders", "orders"),
        ("/orders/", "orders"),
        ("/orders/7", "orders"),
        ("/orders/opened", "orders"),
        ("/orders/open", "open"),
        ("/orders/open/7", "open"),
        ("//orders", "root"),
        ("/Orders", "root"),
        ("/%6frders", "root"),
    ] {
        assert_eq!(found(&router, &get(path)).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn without_a_match_there_is_no_route() {
    assert!(found(&router(&[]), &get("/")).is_none());
    let only = router(&[to("/orders", "orders"), to("/carts", "unknown")]);
    for path in ["/", "/carts", "*", "", "orders"] {
        assert!(found(&only, &get(path)).is_none(), "{path}");
    }
    let root = router(&[to("/", "root")]);
    assert!(found(&root, &get("*")).is_none(), "no path, no route");
}

#[test]
fn more_conditions_win_and_a_route_whose_conditions_fail_makes_way() {
    let shop = Some("shop.example.org".to_owned());
    let below = Some("*.example.org".to_owned());
    let routes = [
        to("/", "root"),
        to("/a", "a"),
        Route { method: Some("POST".into()), ..to("/a", "post") },
        Route { host: shop.clone(), ..to("/a", "shop") },
        Route { host: below.clone(), ..to("/a", "below") },
        Route { host: shop, headers: vec![pair("X-Beta", None)], ..to("/a", "beta") },
        Route { host: below, ..to("/a/b", "deep") },
        Route { headers: vec![pair("x-tenant", Some("gold-*"))], ..to("/", "gold") },
    ];
    let router = router(&routes);
    let at = |host| Call { host: Some(host), ..get("/a") };
    let with = |call: Call, name, value| Call { headers: vec![(name, value)], ..call };
    for (call, expected) in [
        (get("/a"), "a"),
        (Call { method: "POST", ..get("/a/x") }, "post"),
        (Call { method: "post", ..get("/a/x") }, "a"),
        (at("shop.example.org:80"), "shop"),
        (at("SHOP.example.org"), "shop"),
        (at("cart.example.org"), "below"),
        (at("example.org"), "a"),
        (with(at("shop.example.org"), "x-beta", "1"), "beta"),
        (with(at("cart.example.org"), "x-beta", "1"), "below"),
        (Call { path: "/a/b/c", ..with(at("shop.example.org"), "x-beta", "1") }, "deep"),
        // The longer prefix does not match, so the shorter one is looked at.
        (get("/a/b/c"), "a"),
        (with(get("/c"), "x-tenant", "gold-7"), "gold"),
        (with(get("/c"), "x-tenant", "tin"), "root"),
        // A longer prefix counts before more conditions.
        (with(get("/a"), "x-tenant", "gold-7"), "a"),
    ] {
        assert_eq!(found(&router, &call).as_deref(), Some(expected), "{call:?}");
    }
}

fn users() -> impl Iterator<Item = u64> {
    (0..10_000).map(|user| decision::indexed(42, "user", user).bits())
}

fn split(weights: &[(&str, u32)]) -> Vec<String> {
    let routes: Vec<Route> = weights
        .iter()
        .map(|(callee, weight)| Route { weight: *weight, ..to("/", callee) })
        .collect();
    let router = router(&routes);
    users().map(|user| found(&router, &Call { user, ..get("/x") }).unwrap()).collect()
}

#[test]
fn equal_routes_share_by_weight() {
    let mut counts = BTreeMap::<String, u32>::new();
    for callee in split(&[("old", 900), ("new", 100), ("off", 0)]) {
        *counts.entry(callee).or_default() += 1;
    }
    // Mean 1,000, standard deviation 30; five of them either side.
    assert!((850..=1_150).contains(&counts["new"]), "{counts:?}");
    assert_eq!(counts["new"] + counts["old"], 10_000);
}

#[test]
fn when_weights_shift_only_the_users_in_between_move() {
    let (before, after) = (split(&[("old", 90), ("new", 10)]), split(&[("old", 80), ("new", 20)]));
    let moved: Vec<_> = before.iter().zip(&after).filter(|(old, new)| old != new).collect();
    assert!(moved.iter().all(|(_, new)| *new == "new"), "nobody who had moved moves back");
    assert!((850..=1_150).contains(&moved.len()), "{}", moved.len());
    assert_eq!(split(&[("old", 90), ("new", 10)]), before);
}

#[test]
fn a_user_is_in_the_same_part_on_every_path() {
    let weigh = |prefix, callee, weight| Route { weight, ..to(prefix, callee) };
    let router = router(&[
        weigh("/orders", "old-orders", 9),
        weigh("/carts", "old-carts", 9),
        weigh("/orders", "new-orders", 1),
        weigh("/carts", "new-carts", 1),
    ]);
    for user in users().take(1_000) {
        let at = |path| found(&router, &Call { user, ..get(path) }).unwrap();
        let (orders, carts) = (at("/orders/7"), at("/carts"));
        assert_eq!(orders.starts_with("new"), carts.starts_with("new"));
    }
}

#[test]
fn the_ends_of_the_hash_stay_inside() {
    let router = router(&[to("/", "first"), to("/", "last")]);
    let at = |user| found(&router, &Call { user, ..get("/") });
    assert_eq!(at(0).as_deref(), Some("first"));
    assert_eq!(at(u64::MAX).as_deref(), Some("last"));
}

/// The rules one by one over all routes, in no clever order.
fn naive(routes: &[Route], call: &Call) -> Option<String> {
    let segments = |path: &str| -> Option<Vec<String>> {
        let rest = if path == "/" { "" } else { path };
        let mut parts = rest.split('/').map(str::to_owned);
        (parts.next()?.is_empty()).then(|| parts.collect())
    };
    let prefix = |route: &Route| segments(route.prefix.trim_end_matches('/'));
    let host = call.host.map(|host| {
        let name = host.split(':').next().unwrap_or_default();
        name.trim_end_matches('.').to_lowercase()
    });
    let host_fits = |pattern: &str| {
        let (pattern, Some(host)) = (pattern.to_lowercase(), &host) else { return false };
        match pattern.strip_prefix("*.") {
            Some(base) => host.ends_with(&format!(".{base}")) && host.len() > base.len() + 1,
            None => *host == pattern,
        }
    };
    let header_fits = |pair: &Pair| {
        call.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case(&pair.name)
                && match pair.value.as_deref() {
                    None => true,
                    Some(text) if text.ends_with('*') => value.starts_with(&text[..text.len() - 1]),
                    Some(text) => text == *value,
                }
        })
    };
    let matches = |route: &&Route| {
        let (Some(path), Some(prefix)) = (segments(call.path), prefix(route)) else { return false };
        route.weight > 0
            && path.starts_with(&prefix)
            && route.host.as_deref().is_none_or(host_fits)
            && route.method.as_deref().is_none_or(|method| method == call.method)
            && route.headers.iter().all(header_fits)
    };
    let rank = |route: &Route| {
        let conditions = usize::from(route.host.is_some()) + usize::from(route.method.is_some());
        let exactness = match route.host.as_deref() {
            None => 0,
            Some(host) if host.starts_with('*') => host.len(),
            Some(_) => 1_000,
        };
        let prefix = route.prefix.trim_end_matches('/').len();
        (prefix, conditions + route.headers.len(), exactness)
    };
    let all: Vec<&Route> = routes.iter().filter(matches).collect();
    let best = all.iter().map(|route| rank(route)).max()?;
    let equals = all.into_iter().filter(|route| rank(route) == best);
    let tickets: Vec<&str> =
        equals.flat_map(|route| (0..route.weight).map(|_| route.edge.callee.as_str())).collect();
    let drawn = u128::from(call.user) * tickets.len() as u128 / (1 << 64);
    Some(tickets[drawn as usize].to_owned())
}

fn any_route() -> impl Strategy<Value = Route> {
    let prefix = select(vec!["/", "/a", "/a/", "/a/b", "/a/c", "/ab", "/b", "/b/a"]);
    let host =
        select(vec![None, Some("a.x"), Some("*.x"), Some("*.B.x"), Some("b.x"), Some("A.X")]);
    let method = select(vec![None, None, Some("GET"), Some("POST")]);
    let value = select(vec![None, Some("1"), Some("1*"), Some("*")]);
    let headers = prop::collection::vec((select(vec!["x", "Y"]), value), 0..3);
    (prefix, host, method, headers, 0_u32..4).prop_map(|(prefix, host, method, headers, weight)| {
        Route {
            host: host.map(str::to_owned),
            method: method.map(str::to_owned),
            headers: headers.into_iter().map(|(name, value)| pair(name, value)).collect(),
            weight,
            ..to(prefix, "x")
        }
    })
}

fn any_call() -> impl Strategy<Value = Call> {
    let path = select(vec![
        "/", "", "*", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a/c", "/ab", "/abc", "/b",
        "/b/a/x", "//a", "/c",
    ]);
    let host = select(vec![
        None,
        Some("a.x"),
        Some("A.x:80"),
        Some("b.x."),
        Some("a.b.x"),
        Some("x"),
        Some(".x"),
    ]);
    let value = select(vec!["", "1", "12", "2"]);
    let headers = prop::collection::vec((select(vec!["x", "y"]), value), 0..3);
    (path, host, select(vec!["GET", "POST"]), headers, any::<u64>())
        .prop_map(|(path, host, method, headers, user)| Call { host, path, method, headers, user })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn it_agrees_with_the_rules(
        mut routes in prop::collection::vec(any_route(), 0..12),
        call in any_call(),
    ) {
        for (index, route) in routes.iter_mut().enumerate() {
            route.edge = Edge::new("client", format!("callee-{index}"));
        }
        prop_assert_eq!(found(&router(&routes), &call), naive(&routes, &call));
    }
}
