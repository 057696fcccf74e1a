//! A line of text that is being written: a filter, a command, a search.

use crate::keys::Action;

/// Longest line.
const LETTERS_MAX: usize = 500;
/// Lines that are remembered.
const HISTORY_MAX: usize = 50;

/// What the line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// A filter of the list on the screen.
    Filter,
    /// An action by name.
    Command,
    /// A word in the help.
    Search,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub kind: LineKind,
    pub text: String,
    /// Letters before the cursor.
    pub cursor: usize,
    /// Why the text cannot be taken as it is.
    pub error: Option<String>,
    /// What could come next, the likeliest first.
    pub completions: Vec<String>,
    /// Which of them stands in the text.
    completed: Option<usize>,
    earlier: Vec<String>,
    /// How far back in `earlier` the text is.
    back: usize,
}

/// What an action did to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    Nothing,
    Moved,
    Changed,
}

impl Line {
    pub fn new(kind: LineKind, text: &str, earlier: Vec<String>) -> Self {
        let text: String = text.chars().take(LETTERS_MAX).collect();
        let cursor = text.chars().count();
        Self {
            kind,
            text,
            cursor,
            error: None,
            completions: Vec::new(),
            completed: None,
            earlier: earlier.into_iter().take(HISTORY_MAX).collect(),
            back: 0,
        }
    }

    fn offset(&self, letters: usize) -> usize {
        self.text.char_indices().nth(letters).map_or(self.text.len(), |(at, _)| at)
    }

    /// The byte at which the cursor stands.
    pub fn cursor_offset(&self) -> usize {
        self.offset(self.cursor)
    }

    /// What could come next of the text as it is now, each as a whole line.
    pub fn offer(&mut self, completions: Vec<String>) {
        (self.completions, self.completed) = (completions, None);
    }

    /// Puts text where the cursor is; control characters are left out.
    pub fn insert(&mut self, text: &str) {
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            if self.text.chars().count() >= LETTERS_MAX {
                return;
            }
            let at = self.offset(self.cursor);
            self.text.insert(at, letter);
            self.cursor += 1;
        }
    }

    pub fn set(&mut self, text: &str) {
        self.text = text.chars().filter(|it| !it.is_control()).take(LETTERS_MAX).collect();
        self.cursor = self.text.chars().count();
    }

    fn cut(&mut self, from: usize, to: usize) -> Edited {
        if from >= to {
            return Edited::Nothing;
        }
        let (start, end) = (self.offset(from), self.offset(to));
        self.text.replace_range(start..end, "");
        self.cursor = from;
        Edited::Changed
    }

    /// Letters up to the word before the cursor.
    fn word_before(&self) -> usize {
        let before: Vec<char> = self.text.chars().take(self.cursor).collect();
        let blanks = before.iter().rev().take_while(|letter| letter.is_whitespace()).count();
        let word = before.iter().rev().skip(blanks).take_while(|it| !it.is_whitespace()).count();
        self.cursor - blanks - word
    }

    fn go(&mut self, to: usize) -> Edited {
        self.cursor = to.min(self.text.chars().count());
        Edited::Moved
    }

    /// The line `steps` back among those written before.
    fn remember(&mut self, back: usize) -> Edited {
        let text = match back.checked_sub(1) {
            None => String::new(),
            Some(index) => match self.earlier.get(index) {
                Some(text) => text.clone(),
                None => return Edited::Nothing,
            },
        };
        self.back = back;
        self.set(&text);
        Edited::Changed
    }

    pub fn act(&mut self, action: Action) -> Edited {
        let (here, letters) = (self.cursor, self.text.chars().count());
        match action {
            Action::EraseBack => self.cut(here.saturating_sub(1), here),
            Action::Erase => self.cut(here, (here + 1).min(letters)),
            Action::EraseWord => self.cut(self.word_before(), here),
            Action::EraseAll => self.cut(0, here),
            Action::CursorLeft => self.go(here.saturating_sub(1)),
            Action::CursorRight => self.go(here + 1),
            Action::CursorStart => self.go(0),
            Action::CursorEnd => self.go(letters),
            Action::Older => self.remember(self.back + 1),
            Action::Newer => self.remember(self.back.saturating_sub(1)),
            Action::Complete | Action::CompleteBack => self.complete(action == Action::Complete),
            _ => Edited::Nothing,
        }
    }

    /// Goes through the completions, which are of the text before the first of them was taken.
    fn complete(&mut self, forward: bool) -> Edited {
        let count = self.completions.len();
        if count == 0 {
            return Edited::Nothing;
        }
        let next = match self.completed {
            None if forward => 0,
            None => count - 1,
            Some(index) if forward => (index + 1) % count,
            Some(index) => (index + count - 1) % count,
        };
        let text = self.completions[next].clone();
        self.set(&text);
        self.completed = Some(next);
        Edited::Moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line::new(LineKind::Filter, "", vec!["err>0".to_owned(), "svc=orders".to_owned()])
    }

    fn press(line: &mut Line, keys: &str) -> Edited {
        let mut last = Edited::Nothing;
        for key in keys.chars() {
            let action = match key {
                '<' => Action::CursorLeft,
                '>' => Action::CursorRight,
                '^' => Action::Older,
                'v' => Action::Newer,
                '#' => Action::EraseBack,
                'W' => Action::EraseWord,
                'U' => Action::EraseAll,
                '+' => Action::Complete,
                '-' => Action::CompleteBack,
                letter => {
                    line.insert(&letter.to_string());
                    continue;
                },
            };
            last = line.act(action);
        }
        last
    }

    #[test]
    fn a_line_is_edited_as_in_a_shell() {
        for (keys, text, cursor) in [
            ("abc", "abc", 3),
            ("abc<<x", "axbc", 2),
            ("abc#", "ab", 2),
            ("ab cdW", "ab ", 3),
            ("ab cd  W", "ab ", 3),
            ("abc<U", "c", 0),
            ("é支<x", "éx支", 2),
            ("^", "err>0", 5),
            ("^^", "svc=orders", 10),
            ("^^^", "svc=orders", 10),
            ("^^v", "err>0", 5),
            ("^v", "", 0),
            ("a<<<", "a", 0),
            ("a>>>", "a", 1),
        ] {
            let mut line = line();
            press(&mut line, keys);
            assert_eq!((line.text.as_str(), line.cursor), (text, cursor), "{keys}");
        }
    }

    #[test]
    fn completions_go_round() {
        let mut line = line();
        assert_eq!(press(&mut line, "e+"), Edited::Nothing);
        line.offer(vec!["err".to_owned(), "edge:".to_owned()]);
        for (keys, text) in [("+", "err"), ("+", "edge:"), ("+", "err"), ("-", "edge:")] {
            assert_eq!(press(&mut line, keys), Edited::Moved);
            assert_eq!(line.text, text);
        }
    }

    #[test]
    fn a_pasted_text_comes_without_control_characters_and_up_to_a_length() {
        let mut line = line();
        line.insert("a\u{1b}[31m\nb");
        assert_eq!(line.text, "a[31mb");
        line.insert(&"x".repeat(10_000));
        assert_eq!(line.text.len(), LETTERS_MAX);
    }
}
