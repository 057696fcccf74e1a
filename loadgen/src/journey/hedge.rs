//! A request whose answer is late is sent a second time, and the first answer wins.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use model::flow::ClientHedge;

use super::attempts::{Times, Tried, failure_of};
use super::{At, Context, Journey};
use crate::client::{Exchange, Failure, GivenUp, Held, Outgoing};

/// How two requests for the same thing ended.
struct Raced {
    won: Exchange,
    first_won: bool,
    /// `None` was given up when the other was answered.
    lost: Option<Exchange>,
}

impl Journey {
    pub(super) async fn hedged(
        &mut self,
        hedge: &ClientHedge,
        context: &Context,
        (at, times): (At<'_>, Times),
        (buffer, tried): (&mut Outgoing, &mut Tried),
    ) {
        let resent = (tried.attempts.retries + tried.attempts.hedges) as u32;
        let written = self.write(context, at, buffer);
        let span = self.numbered;
        if let Err(failure) = written {
            let unsent = context.unsent(failure);
            Self::seen(context, (at, span, resent), times, (unsent, "", tried));
            return;
        }
        let (mut held, mut copy_held) = (std::mem::take(&mut self.held), Held::default());
        let mut copy = Outgoing::default();
        let mut of_copy = times;
        let raced = {
            let (client, wanted) = (&context.client, at.step.wanted);
            let mut first = pin!(client.exchange(buffer, wanted, times.deadline, &mut held));
            let late = times.began + Duration::from_millis(hedge.after_ms);
            match context.vigil.guard(late, first.as_mut()).await {
                Ok(won) => Raced { won, first_won: true, lost: None },
                Err(why) if !self.may_copy((hedge, why), context, (at, &mut copy), tried) => {
                    Raced { won: first.await, first_won: true, lost: None }
                },
                Err(_late) => {
                    of_copy.began = context.clock.now();
                    let end = times.deadline;
                    let second = pin!(client.exchange(&copy, wanted, end, &mut copy_held));
                    race(first, second, |exchange| failure_of(at, exchange).is_none()).await
                },
            }
        };
        if !raced.first_won {
            held.absorb(copy_held);
        }
        self.held = held;
        let first = ((at, span, resent), times, buffer.path());
        if tried.attempts.hedges as u32 + tried.attempts.retries as u32 == resent {
            Self::seen(context, first.0, first.1, (raced.won, first.2, tried));
            return;
        }
        let second = ((at, self.numbered, resent + 1), of_copy, copy.path());
        let (won, lost) = if raced.first_won { (first, second) } else { (second, first) };
        // One that was given up may have been on its way, too.
        let other = if raced.first_won { &copy } else { &*buffer };
        tried.attempts.sent += u64::from(raced.lost.is_none() && other.is_written());
        let given_up = || context.unsent(Failure::Overtaken);
        let other = raced.lost.unwrap_or_else(given_up);
        Self::seen(context, lost.0, lost.1, (other, lost.2, tried));
        Self::seen(context, won.0, won.1, (raced.won, won.2, tried));
    }

    /// Writes the copy, if the first request is only late and the budget allows another.
    fn may_copy(
        &mut self,
        (hedge, why): (&ClientHedge, GivenUp),
        context: &Context,
        (at, copy): (At<'_>, &mut Outgoing),
        tried: &mut Tried,
    ) -> bool {
        if why == GivenUp::Stopped {
            return false;
        }
        if !context.may_hedge(self.identity.load, hedge) {
            tried.attempts.denied += 1;
            return false;
        }
        let written = self.write(context, at, copy).is_ok();
        tried.attempts.hedges += u64::from(written);
        written
    }
}

/// The first good answer ends the other request; a bad one waits for the other.
async fn race(
    mut first: Pin<&mut impl Future<Output = Exchange>>,
    mut second: Pin<&mut impl Future<Output = Exchange>>,
    is_good: impl Fn(&Exchange) -> bool,
) -> Raced {
    tokio::select! {
        biased;
        one = first.as_mut() => {
            if is_good(&one) {
                return Raced { won: one, first_won: true, lost: None };
            }
            Raced { won: second.await, first_won: false, lost: Some(one) }
        },
        other = second.as_mut() => {
            if is_good(&other) {
                return Raced { won: other, first_won: false, lost: None };
            }
            Raced { won: first.await, first_won: true, lost: Some(other) }
        },
    }
}
