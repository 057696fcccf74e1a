//! A run as files in the OTLP file format: one JSON object a line, one signal a file.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::{Recording, ReplayError};
use crate::export::json;
use crate::record::Signal;

/// Each line holds at most a second.
const SLICE_NS: u64 = 1_000_000_000;

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileTotals {
    /// File, items and lines; signals of which there is nothing have none.
    pub files: Vec<(PathBuf, u64, u64)>,
}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    items: u64,
    lines: u64,
}

/// Writes `traces.jsonl`, `metrics.jsonl` and `logs.jsonl` into a folder, which is made when it is
/// not there. Files that are there are not overwritten. Blocks.
pub fn to_files(recording: &Recording, folder: &Path) -> Result<FileTotals, ReplayError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| ReplayError::Write { path: folder.to_owned(), source })?;
    let mut outputs: [Option<Output>; 3] = [None, None, None];
    let mut failed = None;
    recording.requests(SLICE_NS, 0, |request| {
        let at = Signal::ALL.iter().position(|signal| *signal == request.signal).unwrap_or(0);
        let line = json::from_protobuf(request.signal, &request.bytes);
        let written = write(&mut outputs[at], folder, request.signal, &line, request.items);
        failed = written.err();
        failed.is_none()
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut totals = FileTotals::default();
    for mut output in outputs.into_iter().flatten() {
        output
            .file
            .flush()
            .map_err(|source| ReplayError::Write { path: output.path.clone(), source })?;
        totals.files.push((output.path, output.items, output.lines));
    }
    Ok(totals)
}

fn write(
    output: &mut Option<Output>,
    folder: &Path,
    signal: Signal,
    line: &str,
    items: u64,
) -> Result<(), ReplayError> {
    let output = match output {
        Some(output) => output,
        None => {
            let path = folder.join(format!("{}.jsonl", signal.as_str()));
            let file = File::create_new(&path)
                .map_err(|source| ReplayError::Write { path: path.clone(), source })?;
            output.insert(Output { path, file: BufWriter::new(file), items: 0, lines: 0 })
        },
    };
    output.items += items;
    output.lines += 1;
    writeln!(output.file, "{line}")
        .map_err(|source| ReplayError::Write { path: output.path.clone(), source })
}
