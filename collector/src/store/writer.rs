//! The thread that writes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use rusqlite::{Connection, params};
use telemetry::clock::Clock;

use super::insert::Inserter;
use super::{Command, Progress, Seal, StoreError, Totals, rollup, seal};

/// Longest wait of an item for its commit.
const FLUSH_AFTER: Duration = Duration::from_millis(100);
/// Items in one transaction.
const FLUSH_ITEMS: u64 = 4_000;

pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    commands: Receiver<Command>,
    progress: Arc<Progress>,
    clock: Clock,
    inserter: Inserter,
}

/// What ends the collecting of one transaction early.
enum Control {
    Nothing,
    Seal(Seal),
    Close,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        path: PathBuf,
        commands: Receiver<Command>,
        progress: Arc<Progress>,
        clock: Clock,
    ) -> Self {
        Self { connection, path, commands, progress, clock, inserter: Inserter::default() }
    }

    /// Runs until it is closed, or until everybody who could send is gone.
    pub(super) fn run(mut self) {
        while let Ok(first) = self.commands.recv() {
            let (commands, control) = self.collect(first);
            if !commands.is_empty() {
                self.write(&commands);
            }
            match control {
                Control::Nothing => {},
                Control::Seal(Seal { totals, sealed }) => {
                    let totals = totals();
                    let result = self.seal(&totals).map(|()| totals);
                    // Nobody waits any more when the caller was dropped: the seal holds anyway.
                    let _nobody_waits = sealed.send(result);
                },
                Control::Close => break,
            }
        }
    }

    fn collect(&self, first: Command) -> (Vec<Command>, Control) {
        let deadline = self.clock.now() + FLUSH_AFTER;
        let (mut commands, mut items) = (Vec::new(), 0);
        let mut next = first;
        loop {
            match next {
                Command::Seal(seal) => return (commands, Control::Seal(seal)),
                Command::Close => return (commands, Control::Close),
                other => {
                    items += items_of(&other);
                    commands.push(other);
                },
            }
            if items >= FLUSH_ITEMS {
                return (commands, Control::Nothing);
            }
            let left = deadline.saturating_duration_since(self.clock.now());
            match self.commands.recv_timeout(left) {
                Ok(command) => next = command,
                Err(_timeout_or_disconnected) => return (commands, Control::Nothing),
            }
        }
    }

    /// All or nothing: what a failed transaction held is lost and counted.
    fn write(&mut self, commands: &[Command]) {
        if let Err(error) = self.transaction(commands) {
            self.inserter.forget();
            self.progress.failed(commands.iter().map(items_of).sum(), &error);
        }
    }

    fn transaction(&mut self, commands: &[Command]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        let (mut spans, mut logs, mut points) = (0, 0, 0);
        for command in commands {
            match command {
                Command::Items(items) => {
                    self.inserter.items(&transaction, items)?;
                    spans += items.span_count();
                    logs += items.logs.len() as u64;
                    points += items.batch.points.len() as u64;
                },
                Command::Interval(interval) => Inserter::interval(&transaction, interval)?,
                Command::Done(done) => Inserter::done(&transaction, done)?,
                Command::Head(head) => Inserter::head(&transaction, head)?,
                Command::Frames(frames) => Inserter::frames(&transaction, frames)?,
                Command::Second(frame) => rollup::frames(&transaction, frame)?,
                Command::Seal(..) | Command::Close => {},
            }
        }
        transaction.commit()?;
        self.progress.spans.fetch_add(spans, Ordering::Relaxed);
        self.progress.logs.fetch_add(logs, Ordering::Relaxed);
        self.progress.points.fetch_add(points, Ordering::Relaxed);
        Ok(())
    }

    fn seal(&mut self, totals: &Totals) -> Result<(), StoreError> {
        self.try_seal(totals).map_err(|source| {
            self.progress.failed(0, &source);
            StoreError::Seal { path: self.path.clone(), source }
        })
    }

    fn try_seal(&mut self, totals: &Totals) -> rusqlite::Result<()> {
        seal::build(&self.connection)?;
        let losses: Vec<_> = totals.losses.iter().filter(|loss| loss.count > 0).collect();
        self.connection.execute(
            "UPDATE run SET sealed_ns = ?1, clean = 1, late = ?2, rejected = ?3, dropped = ?4,
             losses = ?5, spans = ?6, logs = ?7, points = ?8",
            params![
                totals.sealed_unix_ns.cast_signed(),
                totals.late.cast_signed(),
                totals.rejected.cast_signed(),
                totals.dropped.cast_signed(),
                serde_json::to_string(&losses).unwrap_or_default(),
                self.progress.spans.load(Ordering::Relaxed).cast_signed(),
                self.progress.logs.load(Ordering::Relaxed).cast_signed(),
                self.progress.points.load(Ordering::Relaxed).cast_signed(),
            ],
        )?;
        seal::settle(&self.connection)
    }
}

fn items_of(command: &Command) -> u64 {
    match command {
        Command::Items(items) => items.count(),
        Command::Frames(frames) => frames.len() as u64,
        Command::Interval(_) | Command::Done(_) | Command::Head(_) => 1,
        // The second is in the frames, which are written at the end.
        Command::Second(_) | Command::Seal(..) | Command::Close => 0,
    }
}
