//! A look into a table of routes.

use http::HeaderName;
use model::plan::Route;

use crate::route::{Request, Router};

/// A table and the heads of requests for it.
#[derive(Debug)]
pub struct Bench {
    router: Router<usize>,
    paths: Vec<String>,
    turn: usize,
}

impl Bench {
    /// `paths` are asked for in turn, all at one host.
    pub fn new(routes: &[Route], paths: &[&str]) -> Self {
        let router = Router::new(routes, |edge| Some(edge.callee.len()));
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { router, paths, turn: 0 }
    }

    /// The target of the next path.
    pub fn find(&mut self) -> Option<usize> {
        self.turn = (self.turn + 1) % self.paths.len();
        let asked = Asked { path: &self.paths[self.turn], user: self.turn as u64 };
        self.router.find(&asked).copied()
    }
}

/// A `GET` of one path by one user.
struct Asked<'a> {
    path: &'a str,
    user: u64,
}

impl Request for Asked<'_> {
    fn host(&self) -> Option<&str> {
        Some("shop.example.org:80")
    }

    fn path(&self) -> &str {
        self.path
    }

    fn method(&self) -> &'static str {
        "GET"
    }

    fn any_header(&self, _name: &HeaderName, _fits: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }

    fn user(&self) -> u64 {
        self.user
    }
}
