//! What a run that was watched is worth to a shell.

use model::frame::{Frame, Verdict};

use crate::result::ExitCode;

/// By the verdict of the run, and by its expectations while there is none.
pub(super) fn of(newest: Option<&Frame>) -> ExitCode {
    let Some(frame) = newest else { return ExitCode::Inconclusive };
    let has = |wanted: Verdict| frame.verdicts.iter().any(|it| it.verdict == wanted);
    match frame.run.verdict {
        Some(Verdict::Pass) => ExitCode::Pass,
        Some(Verdict::Fail) => ExitCode::Failed,
        None if has(Verdict::Fail) => ExitCode::Failed,
        None if !frame.verdicts.is_empty()
            && frame.verdicts.iter().all(|it| it.verdict == Verdict::Pass) =>
        {
            ExitCode::Pass
        },
        _ => ExitCode::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use model::frame::{RunHead, VerdictFrame};
    use model::phase::Phase;

    use super::*;

    #[test]
    fn the_verdict_of_the_run_counts_before_those_of_its_expectations() {
        use Verdict::{Fail, Pass, Unclear, Waiting};
        for (run, expectations, code) in [
            (None, vec![], ExitCode::Inconclusive),
            (None, vec![Pass, Pass], ExitCode::Pass),
            (None, vec![Pass, Waiting], ExitCode::Inconclusive),
            (None, vec![Waiting, Fail], ExitCode::Failed),
            (Some(Pass), vec![Pass, Unclear], ExitCode::Pass),
            (Some(Unclear), vec![Pass], ExitCode::Inconclusive),
            (Some(Fail), vec![Pass], ExitCode::Failed),
        ] {
            let verdict = |verdict| VerdictFrame {
                phase: Phase::During,
                text: String::new(),
                verdict,
                observed: String::new(),
                detail: String::new(),
                trace_ids: Vec::new(),
            };
            let frame = Frame {
                run: RunHead { verdict: run, ..RunHead::default() },
                verdicts: expectations.into_iter().map(verdict).collect(),
                ..Frame::default()
            };
            assert_eq!(of(Some(&frame)), code, "{:?}", frame.verdicts);
        }
        assert_eq!(of(None), ExitCode::Inconclusive);
    }
}
