//! Names of proxies and toxics are any text; those of edges and faults are not.
//!
//! What the API shows is kept as it was given. An edge gets the letters of its proxy that fit. A
//! fault gets a name that says which toxic it is and that no two toxics can share, because names
//! are part of every draw: the same toxic on the same proxy hits the same connections every time.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hash::Hasher as _;

use model::edge::{CLIENT, Edge};
use siphasher::sip::SipHasher13;

/// Stands between the name of a toxic and what tells its faults apart; [`escaped`] never writes it.
const PART: char = '#';
/// Longest part of a shown name in the name of a fault.
const SHOWN_BYTES_MAX: usize = 48;
const EDGE_BYTES_MAX: usize = 64;

/// The edge of a proxy, different from all that are `taken`.
pub(super) fn edge_of(proxy: &str, taken: &BTreeSet<&Edge>) -> Edge {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let letter = |byte: u8| if fits(byte) { char::from(byte) } else { '-' };
    let name: String = proxy.bytes().take(EDGE_BYTES_MAX).map(letter).collect();
    let edge = Edge::new(CLIENT, &name);
    if !taken.contains(&edge) {
        return edge;
    }
    let numbered = (2_u64..).map(|number| Edge::new(CLIENT, format!("{name}-{number}")));
    numbered.into_iter().find(|edge| !taken.contains(edge)).unwrap_or(edge)
}

/// The name of a toxic's fault. `part` tells it from the toxic's other one.
pub(super) fn fault_of(proxy: &str, toxic: &str, part: &str) -> String {
    let name = format!("toxic {}/{}", escaped(proxy), escaped(toxic));
    if part.is_empty() { name } else { format!("{name}{PART}{part}") }
}

/// What the name of a toxic's fault says of the toxic: all its faults are drawn by that.
pub(crate) fn drawn_as(fault: &str) -> &str {
    fault.split(PART).next().unwrap_or(fault)
}

/// Different texts stay different.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b',' | b'/' | b'#' | b'%' | b'~' => {},
            b' '..=b'~' => {
                escaped.push(char::from(byte));
                continue;
            },
            _ => {},
        }
        write!(escaped, "%{byte:02x}").expect("a string takes everything");
    }
    if escaped.len() <= SHOWN_BYTES_MAX {
        return escaped;
    }
    let mut hasher = SipHasher13::new();
    hasher.write(text.as_bytes());
    escaped.truncate(SHOWN_BYTES_MAX - 17);
    write!(escaped, "~{:016x}", hasher.finish()).expect("a string takes everything");
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_edge_has_the_letters_of_its_proxy_that_fit_and_shares_with_nobody() {
        let edge = |name: &str, taken: &[Edge]| edge_of(name, &taken.iter().collect()).to_string();
        assert_eq!(edge("redis_1.b", &[]), "client -> redis_1.b");
        assert_eq!(edge("a b", &[]), "client -> a-b");
        let taken = [Edge::new(CLIENT, "a-b"), Edge::new(CLIENT, "a-b-2")];
        assert_eq!(edge("a b", &taken), "client -> a-b-3");
    }

    #[test]
    fn the_faults_of_one_toxic_are_drawn_as_one() {
        let (one, two) = (fault_of("p", "t", ""), fault_of("p", "t", "end"));
        assert_ne!(one, two);
        assert_eq!(drawn_as(&one), drawn_as(&two));
        assert_ne!(drawn_as(&fault_of("p", "t#end", "")), drawn_as(&two));
    }

    proptest! {
        #[test]
        fn a_fault_name_is_allowed_whatever_was_given(one in ".{0,200}", other in ".{0,9}") {
            let name = fault_of(&one, &other, "part");
            let visible = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b',';
            prop_assert!(name.len() <= 128 && name.bytes().all(visible), "{}", name);
            let swapped = fault_of(&other, &one, "part");
            prop_assert_eq!(name == swapped, one == other);
            let edge = edge_of(&format!("x{one}"), &BTreeSet::new());
            prop_assert_eq!(edge.to_string().parse::<Edge>().unwrap(), edge);
        }
    }
}
