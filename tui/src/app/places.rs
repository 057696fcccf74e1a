//! Places visited, so that one can go back and forth between them.

use crate::keys::Screen;
use crate::screen::{Cursor, Subject};

use super::Screens;

/// Places that are remembered.
const PLACES_MAX: usize = 64;

/// Where one was: which screen, on what, at which moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub screen: Screen,
    pub selected: Option<Subject>,
    pub cursor: Cursor,
    pub screens: Screens,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Places {
    behind: Vec<Place>,
    ahead: Vec<Place>,
}

impl Places {
    /// Goes from here to a new place.
    pub fn leave(&mut self, here: Place) {
        self.ahead.clear();
        if self.behind.len() == PLACES_MAX {
            self.behind.remove(0);
        }
        self.behind.push(here);
    }

    /// The place before this one.
    pub fn back(&mut self, here: Place) -> Option<Place> {
        let place = self.behind.pop()?;
        self.ahead.push(here);
        Some(place)
    }

    /// The place from which one went back.
    pub fn forward(&mut self, here: Place) -> Option<Place> {
        let place = self.ahead.pop()?;
        self.behind.push(here);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(screen: Screen) -> Place {
        Place { screen, selected: None, cursor: Cursor::Live, screens: Screens::default() }
    }

    #[test]
    fn one_comes_back_the_way_one_went() {
        let mut places = Places::default();
        places.leave(place(Screen::Overview));
        places.leave(place(Screen::Traces));
        let traces = places.back(place(Screen::Logs)).unwrap();
        assert_eq!(traces.screen, Screen::Traces);
        assert_eq!(places.back(traces).unwrap().screen, Screen::Overview);
        assert_eq!(places.back(place(Screen::Overview)), None);
        assert_eq!(places.forward(place(Screen::Overview)).unwrap().screen, Screen::Traces);
        places.leave(place(Screen::Traces));
        assert_eq!(places.forward(place(Screen::Faults)), None, "a new way forgets the old one");
    }

    #[test]
    fn the_oldest_places_are_forgotten() {
        let mut places = Places::default();
        for _ in 0..PLACES_MAX * 2 {
            places.leave(place(Screen::Overview));
        }
        assert_eq!(places.behind.len(), PLACES_MAX);
    }
}
