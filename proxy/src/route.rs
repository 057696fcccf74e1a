//! Which edge a request of the public listener goes over.
//!
//! Of the routes that match, the longest prefix of whole segments wins, then the one with more
//! conditions, then the more exact host. Routes that are equal in all of this share the requests
//! that match them by weight: where a user falls is a hash of the user, so that a user stays with
//! one of them, and when the weights shift only the users in between move. All splits of a table
//! look at the same hash: a user who is in the first tenth is so on every path, which keeps the
//! parts of one canary together.
//!
//! The table is built once for a plan. A look into it allocates nothing: the first segment of the
//! path leads to a few routes in the order in which they win, and the first that matches decides.
//!
//! What this module never does: change paths. They are compared as they were sent, without decoding
//! and without resolving dots, because the callee gets them so.

use std::cmp::Reverse;

use http::HeaderName;
use model::edge::Edge;
use model::fault::fits;
use model::plan::Route;

mod host;

use host::HostRule;

/// What a table looks at in a request.
pub(crate) trait Request {
    /// As it was sent, with or without a port.
    fn host(&self) -> Option<&str>;
    /// Without the query.
    fn path(&self) -> &str;
    fn method(&self) -> &str;
    /// Does one of the fields of this name have a value that `fits`?
    fn any_header(&self, name: &HeaderName, fits: &mut dyn FnMut(&str) -> bool) -> bool;
    /// A keyed hash of the user, the same for all requests of one. Asked for only when equal routes
    /// share.
    fn user(&self) -> u64;
}

#[derive(Debug)]
pub(crate) struct Router<T> {
    /// By the first segment of their prefixes, sorted.
    buckets: Vec<(String, Vec<Entry<T>>)>,
    /// Of all paths.
    root: Vec<Entry<T>>,
}

/// A route made ready.
#[derive(Debug)]
struct Entry<T> {
    rank: Rank,
    /// Without a slash at its end.
    prefix: String,
    host: Option<HostRule>,
    method: Option<String>,
    headers: Vec<(HeaderName, Option<String>)>,
    weight: u32,
    target: T,
}

/// Greater wins: length of the prefix, conditions, exactness of the host.
type Rank = (usize, usize, usize);

impl<T> Router<T> {
    /// Routes that cannot be resolved, or that get none of the requests, are left out.
    pub(crate) fn new(routes: &[Route], resolve: impl Fn(&Edge) -> Option<T>) -> Self {
        let mut router = Self { buckets: Vec::new(), root: Vec::new() };
        for route in routes.iter().filter(|route| route.weight > 0) {
            if let Some(entry) = resolve(&route.edge).and_then(|target| Entry::new(route, target)) {
                router.entries_of(&entry.prefix).push(entry);
            }
        }
        for entries in router.buckets.iter_mut().map(|(_, entries)| entries) {
            entries.sort_by_key(|entry| Reverse(entry.rank));
        }
        router.root.sort_by_key(|entry| Reverse(entry.rank));
        router
    }

    pub(crate) fn find(&self, request: &impl Request) -> Option<&T> {
        let bucket = self.bucket(first_segment(request.path()));
        let found = bucket.ok().and_then(|place| best(&self.buckets[place].1, request));
        found.or_else(|| best(&self.root, request))
    }

    fn bucket(&self, segment: &str) -> Result<usize, usize> {
        self.buckets.binary_search_by(|(first, _)| first.as_str().cmp(segment))
    }

    fn entries_of(&mut self, prefix: &str) -> &mut Vec<Entry<T>> {
        if prefix.is_empty() {
            return &mut self.root;
        }
        let segment = first_segment(prefix);
        let place = self.bucket(segment).unwrap_or_else(|place| {
            self.buckets.insert(place, (segment.to_owned(), Vec::new()));
            place
        });
        &mut self.buckets[place].1
    }
}

/// What stands between the first slash and the second.
fn first_segment(path: &str) -> &str {
    let rest = path.strip_prefix('/').unwrap_or(path);
    rest.split_once('/').map_or(rest, |(segment, _)| segment)
}

/// Of entries in the order in which they win, the first that matches, or one of its equals.
fn best<'a, T>(entries: &'a [Entry<T>], request: &impl Request) -> Option<&'a T> {
    let first = entries.iter().position(|entry| entry.accepts(request))?;
    let rank = entries[first].rank;
    let same = entries[first..].iter().take_while(|entry| entry.rank == rank).count();
    if same == 1 {
        return Some(&entries[first].target);
    }
    let equals = || entries[first..first + same].iter().filter(|entry| entry.accepts(request));
    let total: u64 = equals().map(|entry| u64::from(entry.weight)).sum();
    let mut point = ((u128::from(request.user()) * u128::from(total)) >> 64) as u64;
    let chosen = equals().find(|entry| match point.checked_sub(u64::from(entry.weight)) {
        Some(left) => {
            point = left;
            false
        },
        None => true,
    });
    chosen.map(|entry| &entry.target)
}

impl<T> Entry<T> {
    /// `None` when no request could ever match.
    fn new(route: &Route, target: T) -> Option<Self> {
        let headers = route
            .headers
            .iter()
            .map(|pair| Some((pair.name.parse::<HeaderName>().ok()?, pair.value.clone())))
            .collect::<Option<Vec<_>>>()?;
        let prefix = route.prefix.trim_end_matches('/').to_owned();
        let host = route.host.as_deref().map(HostRule::new);
        let conditions =
            usize::from(host.is_some()) + usize::from(route.method.is_some()) + headers.len();
        let exactness = host.as_ref().map_or(0, HostRule::exactness);
        Some(Self {
            rank: (prefix.len(), conditions, exactness),
            prefix,
            host,
            method: route.method.clone(),
            headers,
            weight: route.weight,
            target,
        })
    }

    fn accepts(&self, request: &impl Request) -> bool {
        self.leads_to(request.path())
            && self.method.as_deref().is_none_or(|method| method == request.method())
            && self.host.as_ref().is_none_or(|rule| request.host().is_some_and(|it| rule.fits(it)))
            && self.headers.iter().all(|(name, value)| match value {
                None => request.any_header(name, &mut |_value| true),
                Some(pattern) => request.any_header(name, &mut |value| fits(pattern, value)),
            })
    }

    fn leads_to(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests;
