//! The sample shop as the scenario language knows it: services, edges, routes, flows, weaknesses.
//!
//! A customer reads the catalog, fills a cart and places an order. Placing an order is a saga in
//! `orders`: read the cart, reserve stock, charge, confirm; what was reserved is released when the
//! charge is declined, and when payments cannot be reached the order is accepted and paid later.

use crate::edge::{CLIENT, Edge};
use crate::flow::{Body, Extract, Flow, Step};
use crate::plan::Route;

/// Services of the shop, in the order in which they are started.
pub const SERVICES: [&str; 6] =
    ["catalog", "cart", "inventory", "payments", "notifications", "orders"];

const EDGES: [(&str, &str); 8] = [
    (CLIENT, "catalog"),
    (CLIENT, "cart"),
    (CLIENT, "orders"),
    ("cart", "catalog"),
    ("orders", "cart"),
    ("orders", "inventory"),
    ("orders", "payments"),
    ("orders", "notifications"),
];

const ROUTES: [(&str, &str); 3] =
    [("/catalog", "catalog"), ("/carts", "cart"), ("/orders", "orders")];

/// Planted flaws that can be switched on, each with what it does.
pub const WEAKNESSES: [(&str, &str); 1] = [(
    "payments.no-idempotency",
    "payments ignores the idempotency key, so a repeated charge is booked again",
)];

/// What is for sale: stock keeping unit, name, price in cents.
pub const ITEMS: [(&str, &str, i64); 8] = [
    ("tea-green", "Green tea, 100 g", 650),
    ("tea-black", "Black tea, 100 g", 590),
    ("tea-pot", "Cast-iron tea pot", 4_900),
    ("cup-blue", "Cup, blue", 1_250),
    ("cup-white", "Cup, white", 1_150),
    ("tray-oak", "Oak tray", 3_300),
    ("spoon", "Measuring spoon", 780),
    ("filter", "Paper filters, 80 pieces", 420),
];

/// Pieces of each item when the shop opens.
pub const STOCK_AT_START: i64 = 1_000_000;
/// What each customer's account holds when it is opened, in cents.
pub const BALANCE_AT_START_CENTS: i64 = 100_000_000;

pub fn edges() -> Vec<Edge> {
    EDGES.iter().map(|(caller, callee)| Edge::new(*caller, *callee)).collect()
}

pub fn routes() -> Vec<Route> {
    let route = |(prefix, callee): &(&str, &str)| Route::to(*prefix, Edge::new(CLIENT, *callee));
    ROUTES.iter().map(route).collect()
}

/// Name of the environment variable in which a service finds a callee's gateway address.
pub fn url_variable(callee: &str) -> String {
    format!("{}_URL", callee.to_uppercase().replace('-', "_"))
}

/// Flows that scenario files may name without defining them.
pub fn flows() -> Vec<Flow> {
    vec![
        Flow::new(
            "checkout",
            vec![
                step("list items", "GET", "/catalog/items"),
                Step {
                    body: Some(Body::Text(template(r#"{"sku":"${any:sku}","quantity":1}"#))),
                    ..step("fill cart", "POST", "/carts/${user}-${seq}/items")
                },
                Step {
                    body: Some(Body::Text(template(
                        r#"{"cart":"${user}-${seq}","customer":"${user}"}"#,
                    ))),
                    key: Some(template("order-${user}-${seq}")),
                    save: [("order".to_owned(), Extract::Pointer("/id".to_owned()))].into(),
                    acknowledges: Some("order".to_owned()),
                    ..step("place order", "POST", "/orders")
                },
                step("read order", "GET", "/orders/${order}"),
            ],
        ),
        Flow::new(
            "browse",
            vec![
                step("list items", "GET", "/catalog/items"),
                step("read item", "GET", "/catalog/items/${any:sku}"),
            ],
        ),
    ]
}

/// Calls that one journey of a flow of the shop makes on each edge when nothing fails. `None` for a
/// flow that the shop does not know, or that a scenario has defined anew.
pub fn calls_per_journey(flow: &Flow) -> Option<Vec<(Edge, u32)>> {
    if !flows().contains(flow) {
        return None;
    }
    let calls: &[(&str, &str, u32)] = match flow.name.as_str() {
        "checkout" => &[
            (CLIENT, "catalog", 1),
            (CLIENT, "cart", 1),
            ("cart", "catalog", 1),
            (CLIENT, "orders", 2),
            ("orders", "cart", 1),
            // Reserve, then confirm.
            ("orders", "inventory", 2),
            ("orders", "payments", 1),
            ("orders", "notifications", 1),
        ],
        _ => &[(CLIENT, "catalog", 2)],
    };
    let call = |(caller, callee, count): &(&str, &str, u32)| (Edge::new(*caller, *callee), *count);
    Some(calls.iter().map(call).collect())
}

/// The list behind `${any:sku}`.
pub fn skus() -> Vec<String> {
    ITEMS.iter().map(|(sku, _, _)| (*sku).to_owned()).collect()
}

fn step(name: &str, method: &str, path: &str) -> Step {
    Step::new(name, method, template(path))
}

fn template(text: &str) -> crate::template::Template {
    text.parse().expect("the templates of the shop are constants, tested below")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_and_edge_leads_to_a_service() {
        for edge in edges() {
            assert!(SERVICES.contains(&edge.callee.as_str()), "{edge}");
        }
        for route in routes() {
            assert!(edges().contains(&route.edge), "{}", route.prefix);
        }
    }

    #[test]
    fn every_flow_is_known_to_the_table_of_calls() {
        for flow in flows() {
            for (edge, _) in calls_per_journey(&flow).unwrap() {
                assert!(edges().contains(&edge), "{edge}");
            }
        }
        let changed = Flow::new("checkout", Vec::new());
        assert_eq!(calls_per_journey(&changed), None);
    }

    #[test]
    fn the_flows_save_what_they_use() {
        for flow in flows() {
            let mut saved = Vec::new();
            for step in &flow.steps {
                for hole in step.path.holes() {
                    if let crate::template::Hole::Saved(name) = hole {
                        assert!(saved.contains(name), "{}: {name}", step.name);
                    }
                }
                saved.extend(step.save.keys().cloned());
            }
        }
    }
}
