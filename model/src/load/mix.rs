//! What the arrivals of a load do: one flow, or several by weight.

use serde::{Deserialize, Serialize};

use super::Load;
use crate::decision::numbered;

/// A flow of a load and its weight among the others, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weighted {
    pub flow: String,
    pub weight: u32,
}

/// Largest weight of a flow.
pub const WEIGHT_MAX: u32 = 1_000_000;

impl Load {
    /// Names its only flow, or all of them with their weights.
    pub fn mix(&self) -> String {
        match self.flows.as_slice() {
            [only] => only.flow.clone(),
            flows => {
                let part = |each: &Weighted| format!("{} {}", each.weight, each.flow);
                flows.iter().map(part).collect::<Vec<_>>().join(", ")
            },
        }
    }

    /// Share of the arrivals that walk this flow, in [0, 1].
    pub fn share_of(&self, flow: &str) -> f64 {
        let weight = |flows: &mut dyn Iterator<Item = &Weighted>| -> f64 {
            flows.map(|each| f64::from(each.weight)).sum()
        };
        let own = weight(&mut self.flows.iter().filter(|each| each.flow == flow));
        own / weight(&mut self.flows.iter()).max(1.0)
    }

    /// Place in `flows` of what arrival `index` does: a draw of its own, so that another weight
    /// changes what arrivals do and never when they come.
    pub fn choice(&self, seed: u64, index: u64) -> usize {
        let total: u64 = self.flows.iter().map(|each| u64::from(each.weight)).sum();
        let drawn = numbered(seed, "flow", &self.name, index).index(total as usize) as u64;
        let mut upto = 0;
        let chosen = self.flows.iter().position(|each| {
            upto += u64::from(each.weight);
            drawn < upto
        });
        chosen.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::ClientPolicy;
    use crate::load::{LoadModel, Spacing};

    fn load(name: &str, weights: &[u32]) -> Load {
        let flow = |(at, weight): (usize, &u32)| Weighted { flow: at.to_string(), weight: *weight };
        Load {
            name: name.into(),
            flows: weights.iter().enumerate().map(flow).collect(),
            model: LoadModel::Open,
            rate: Vec::new(),
            spacing: Spacing::Constant,
            recorded_ns: Vec::new(),
            users: 1,
            levels: Vec::new(),
            think: None,
            timeout_ms: 1,
            client: ClientPolicy::default(),
        }
    }

    #[test]
    fn arrivals_choose_their_flows_by_weight_and_by_the_seed() {
        let load = load("mixed", &[3, 7]);
        let choices = |seed: u64| (0..10_000).map(|k| load.choice(seed, k)).collect::<Vec<_>>();
        let first = choices(7).iter().filter(|choice| **choice == 0).count();
        // 10,000 draws at 0.3: mean 3,000, deviation 46; five of them either side.
        assert!((2_770..=3_230).contains(&first), "{first}");
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
        assert_eq!((load.share_of("0"), load.share_of("1"), load.share_of("2")), (0.3, 0.7, 0.0));
        assert_eq!(load.mix(), "3 0, 7 1");
    }

    #[test]
    fn the_only_flow_of_a_load_is_always_chosen() {
        let load = load("one", &[5]);
        assert!((0..100).all(|index| load.choice(1, index) == 0));
        assert_eq!(load.mix(), "0");
    }
}
