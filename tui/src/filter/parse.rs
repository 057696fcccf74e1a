//! From text to a tree: one look at each character, bounded in length and depth.

use super::fields::{ATTRIBUTE, FieldTable};
use super::value::{self, Op};
use super::{DEPTH_MAX, FilterError, LENGTH_MAX, Node, Test};

pub(super) struct Parser {
    letters: Vec<char>,
    at: usize,
    depth: usize,
    table: &'static FieldTable,
}

impl Parser {
    pub(super) fn new(text: &str, table: &'static FieldTable) -> Result<Self, FilterError> {
        let letters: Vec<char> = text.chars().take(LENGTH_MAX + 1).collect();
        if letters.len() > LENGTH_MAX {
            let message = format!("a filter has at most {LENGTH_MAX} characters");
            return Err(FilterError { column: LENGTH_MAX + 1, message });
        }
        Ok(Self { letters, at: 0, depth: 0, table })
    }

    pub(super) fn filter(mut self) -> Result<Node, FilterError> {
        self.blanks();
        if self.at == self.letters.len() {
            return Ok(Node::All(Vec::new()));
        }
        let node = self.any()?;
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.wrong(self.at, "this parenthesis closes nothing")),
        }
    }

    fn any(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.all()?];
        while self.keyword("or") {
            nodes.push(self.all()?);
        }
        Ok(single(nodes, Node::Any))
    }

    fn all(&mut self) -> Result<Node, FilterError> {
        let mut nodes = vec![self.term()?];
        loop {
            let joined = self.keyword("and");
            self.blanks();
            let ends = matches!(self.peek(), None | Some(')')) || self.at_keyword("or").is_some();
            if ends && !joined {
                return Ok(single(nodes, Node::All));
            }
            nodes.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Node, FilterError> {
        self.blanks();
        let start = self.at;
        match self.peek() {
            Some('!') => {
                self.at += 1;
                Ok(Node::Not(Box::new(self.deeper(start, Self::term)?)))
            },
            Some('(') => {
                self.at += 1;
                let node = self.deeper(start, Self::any)?;
                self.blanks();
                if self.peek() != Some(')') {
                    return Err(self.wrong(start, "this parenthesis is not closed"));
                }
                self.at += 1;
                Ok(node)
            },
            Some('"') => self.quoted().map(Node::Words),
            Some('~') => {
                self.at += 1;
                let (from, text) = (self.at, self.pattern_text()?);
                value::pattern(&text).map(Node::Pattern).map_err(|why| self.wrong(from, why))
            },
            None => Err(self.wrong(start, "a term is missing here")),
            Some(')') => Err(self.wrong(start, "a term is missing before this parenthesis")),
            Some(_) if self.at_keyword("or").is_some() || self.at_keyword("and").is_some() => {
                Err(self.wrong(start, "a term is missing here; a word in quotes is just a word"))
            },
            Some(_) => self.field_or_word(),
        }
    }

    fn deeper(
        &mut self,
        start: usize,
        read: fn(&mut Self) -> Result<Node, FilterError>,
    ) -> Result<Node, FilterError> {
        if self.depth == DEPTH_MAX {
            let message = format!("a filter is at most {DEPTH_MAX} levels deep");
            return Err(self.wrong(start, message));
        }
        self.depth += 1;
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn field_or_word(&mut self) -> Result<Node, FilterError> {
        let start = self.at;
        let name = self.while_(|letter| letter.is_alphanumeric() || "_.-".contains(letter));
        let op = if name.trim_start_matches('.').starts_with(char::is_alphabetic) {
            self.operator()
        } else {
            None
        };
        let Some(op) = op else {
            self.at = start;
            return Ok(Node::Words(self.bare()));
        };
        let Some(field) = self.table.find(&name) else {
            let hint = model::hint(&name, self.table.names());
            let attribute = if self.table.attributes {
                format!(" an attribute of that name is asked as \".{name}\",")
            } else {
                String::new()
            };
            let message = format!(
                "unknown field \"{name}\"{hint};{attribute} put a text that is looked for in quotes"
            );
            return Err(self.wrong(start, message));
        };
        let from = self.at;
        let text = match op {
            Op::Like | Op::NotLike => self.pattern_text()?,
            _ if self.peek() == Some('"') => self.quoted()?,
            _ => self.bare(),
        };
        if text.is_empty() && self.at == from {
            let message = format!("\"{name}\" needs {}", field.kind.example());
            return Err(self.wrong(from, message));
        }
        let want = value::read(field, op, &text).map_err(|why| self.wrong(from, why))?;
        let attribute = if *field == ATTRIBUTE { name.trim_start_matches('.') } else { "" };
        let attribute = attribute.to_owned();
        Ok(Node::Test(Test { field, attribute, op, want, column: start + 1 }))
    }

    fn operator(&mut self) -> Option<Op> {
        let (written, op) = Op::WRITTEN.into_iter().find(|(written, _)| {
            let there = self.letters[self.at..].iter().take(written.len());
            there.copied().eq(written.chars())
        })?;
        self.at += written.len();
        Some(op)
    }

    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(letter) = self.next() {
            match letter {
                '"' => return Ok(text),
                '\\' => match self.next() {
                    Some(escaped @ ('"' | '\\')) => text.push(escaped),
                    Some(other) => text.extend(['\\', other]),
                    None => {},
                },
                other => text.push(other),
            }
        }
        Err(self.wrong(start, "this quote is not closed"))
    }

    /// In quotes, or up to a blank or to a parenthesis that closes what it has not opened.
    fn pattern_text(&mut self) -> Result<String, FilterError> {
        if self.peek() == Some('"') {
            return self.quoted();
        }
        let (start, mut open) = (self.at, 0_usize);
        while let Some(letter) = self.peek() {
            match letter {
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                _ if letter.is_whitespace() => break,
                _ => {},
            }
            self.at += 1;
        }
        if self.at == start {
            return Err(self.wrong(start, "~ needs a pattern, like ~time.*out"));
        }
        Ok(self.letters[start..self.at].iter().collect())
    }

    fn bare(&mut self) -> String {
        self.while_(|letter| !letter.is_whitespace() && !"()\"".contains(letter))
    }

    fn while_(&mut self, fits: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        self.letters[start..self.at].iter().collect()
    }

    fn keyword(&mut self, word: &str) -> bool {
        self.blanks();
        let end = self.at_keyword(word);
        self.at = end.unwrap_or(self.at);
        end.is_some()
    }

    /// Where the word ends that stands here, if it does.
    fn at_keyword(&self, word: &str) -> Option<usize> {
        let end = self.at + word.len();
        let there: String = self.letters.get(self.at..end)?.iter().collect();
        let ends =
            self.letters.get(end).is_none_or(|next| next.is_whitespace() || "()".contains(*next));
        (ends && there.eq_ignore_ascii_case(word)).then_some(end)
    }

    fn blanks(&mut self) {
        self.while_(char::is_whitespace);
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn wrong(&self, at: usize, message: impl Into<String>) -> FilterError {
        FilterError { column: at.min(self.letters.len()) + 1, message: message.into() }
    }
}

fn single(mut nodes: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match (nodes.len(), nodes.pop()) {
        (1, Some(node)) => node,
        (_, last) => {
            nodes.extend(last);
            join(nodes)
        },
    }
}
