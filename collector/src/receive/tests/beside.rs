//! Large bodies do not hold up the workers of the runtime.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};

use super::super::compression::Compression;
use super::super::http;
use super::{gzip, zstd};
use crate::admission::Admission;
use crate::record::Signal;

/// Is the work done in the first poll, although no thread beside the workers is free? Then a
/// worker did it.
fn is_done_by_a_worker<T>(work: impl Future<Output = T>) -> (bool, T) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.max_blocking_threads(1).build().unwrap();
    let (release, released) = mpsc::channel::<()>();
    runtime.block_on(async {
        let occupied = tokio::task::spawn_blocking(move || released.recv().is_err());
        let mut work = pin!(work);
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        drop(release);
        assert!(occupied.await.unwrap());
        match polled {
            Poll::Ready(output) => (true, output),
            Poll::Pending => (false, work.await),
        }
    })
}

#[test]
fn a_large_packed_body_is_inflated_beside_the_workers() {
    let admission = Admission::default();
    for (bytes, by_a_worker) in [(1_000, true), (1_000_000, false)] {
        let noise = (0..bytes)
            .map(|number: u32| (number.wrapping_mul(2_654_435_761) >> 13) as u8 ^ number as u8);
        let noise: Vec<u8> = noise.collect();
        for (compression, packed) in
            [(Compression::Gzip, gzip(&noise)), (Compression::Zstd, zstd(&noise))]
        {
            let lease = admission.enter().unwrap();
            let work = compression.inflate(packed.into(), 1_000_000, lease);
            let (inline, inflated) = is_done_by_a_worker(work);
            assert_eq!((inline, inflated.unwrap().0 == noise), (by_a_worker, true), "{bytes}");
        }
    }
}

#[test]
fn a_large_json_body_is_converted_beside_the_workers() {
    let admission = Admission::default();
    for (bytes, by_a_worker) in [(1_000, true), (1_000_000, false)] {
        let text = format!("{{{}}}", " ".repeat(bytes));
        let work = http::to_protobuf(Signal::Traces, text.into(), admission.enter().unwrap());
        let (inline, converted) = is_done_by_a_worker(work);
        assert_eq!((inline, converted.unwrap().0.len()), (by_a_worker, 0), "{bytes}");
    }
}
