//! Bytes of a server-sent-event stream to events.
//!
//! Follows the parsing rules of the HTML standard as far as this stream uses them: lines end in
//! CR, LF or both, a colon in front makes a comment, several `data` lines are joined, an empty
//! line ends an event. An event is bounded; a longer one is an error, not a growing buffer.

/// Bytes of one event.
pub(super) const EVENT_BYTES_MAX: usize = model::limits::API_BODY_BYTES_MAX;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SseEvent {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) data: String,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum SseError {
    #[error("an event of the live stream is longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
}

#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    event_bytes: usize,
    after_cr: bool,
}

impl Parser {
    /// Takes the next bytes and gives the events that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, SseError> {
        let mut events = Vec::new();
        for byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\n' | b'\r' => {
                    self.after_cr = *byte == b'\r';
                    events.extend(self.end_line());
                },
                _ => {
                    self.after_cr = false;
                    self.event_bytes += 1;
                    if self.event_bytes > EVENT_BYTES_MAX {
                        return Err(SseError::TooLong);
                    }
                    self.line.push(*byte);
                },
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            self.event_bytes = 0;
            let event = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(event);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            },
            "id" => self.event.id = Some(value.to_owned()),
            "event" => self.event.name = Some(value.to_owned()),
            // Comments, the retry time, and what later servers may add.
            _ => {},
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = ": hello\n\nid: 7\ndata: {\"a\":\ndata: 1}\n\nretry: 10\nevent: end\n\
                          data:x\n\nid: 8\n\n";

    fn events() -> Vec<SseEvent> {
        let event = |id: Option<&str>, name: Option<&str>, data: &str| SseEvent {
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
            data: data.to_owned(),
        };
        vec![event(Some("7"), None, "{\"a\":\n1}"), event(None, Some("end"), "x")]
    }

    proptest! {
        #[test]
        fn events_do_not_depend_on_how_the_bytes_arrive(
            cuts in prop::collection::vec(0_usize..80, 0..8),
            ending in prop::sample::select(vec!["\n", "\r", "\r\n"]),
        ) {
            let stream = STREAM.replace('\n', ending);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.extend([0, stream.len()]);
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut got = Vec::new();
            for pair in cuts.windows(2) {
                got.extend(parser.push(&stream.as_bytes()[pair[0]..pair[1]]).unwrap());
            }
            prop_assert_eq!(got, events());
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let line = vec![b'x'; EVENT_BYTES_MAX / 2];
        assert!(parser.push(&line).is_ok());
        assert!(parser.push(&line).is_ok());
        assert_eq!(parser.push(b"x"), Err(SseError::TooLong));
    }
}
