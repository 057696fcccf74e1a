//! The same bytes given to hyper: whoever disagrees must have a reason that is written here.

use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

/// Status and body as hyper reads them from a peer that sends `bytes` and closes.
async fn by_hyper(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let (near, mut far) = tokio::io::duplex(64 * 1024);
    let (mut sender, connection) = http1::handshake(TokioIo::new(near)).await.ok()?;
    let driver = tokio::spawn(connection);
    let request = http::Request::get("/").header("host", "x").body(Empty::<bytes::Bytes>::new());
    let response = sender.send_request(request.ok()?);
    let peer = async {
        // Nothing is answered before it is asked.
        let mut asked = [0; 512];
        let length = far.read(&mut asked).await.unwrap_or(0);
        assert!(length > 0, "hyper has sent its request");
        far.write_all(bytes).await.ok();
        drop(far);
    };
    let read = async {
        let response = response.await.ok()?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.ok()?;
        Some((status, body.to_bytes().to_vec()))
    };
    let ((), read) = tokio::join!(peer, read);
    driver.abort();
    read
}

fn by_us(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let mut answer = Answer::new(false, Wanted { head: false, body: true });
    answer.take(bytes).ok()?;
    if !answer.done() {
        answer.close().ok()?;
    }
    Some((answer.status?, answer.body))
}

/// Where this client is meant to differ.
fn may_differ(bytes: &[u8]) -> Option<&'static str> {
    let lower = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    if lower.contains("transfer-encoding")
        && (lower.contains("http/1.0") || lower.contains("content-length"))
    {
        return Some(
            "RFC 9112 §6.1 lets a client read such an answer or refuse it; this one reads it",
        );
    }
    let bare = bytes.windows(2).any(|pair| pair[0] != b'\r' && pair[1] == b'\n');
    if lower.contains("chunked") && bare {
        return Some("a line of the chunked coding that ends in a bare line feed is refused here");
    }
    None
}

/// Panics when the two disagree without a reason.
pub(crate) fn compare(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime without drivers can be built");
    let (hyper, ours) = (runtime.block_on(by_hyper(bytes)), by_us(bytes));
    if may_differ(bytes).is_none() {
        assert_eq!(ours, hyper, "ours and hyper's of {:?}", bytes.escape_ascii().to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::compare;

    fn heads() -> impl Strategy<Value = String> {
        let line = prop::sample::select(vec![
            "content-length: 3",
            "Content-Length: 3",
            "content-length: 4",
            "content-length: 3, 3",
            "content-length: 0",
            "content-length:",
            "content-length: x",
            "transfer-encoding: chunked",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: gzip",
            "Transfer-Encoding:\tCHUNKED ",
            "connection: close",
            "connection: keep-alive",
            "x: y",
            "x:",
            ": y",
            "no colon",
            " folded",
        ]);
        let first = prop::sample::select(vec![
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK",
            "HTTP/1.1 200 OK",
            "HTTP/1.0 200 OK",
            "HTTP/1.1 204 No",
            "HTTP/1.1 304 No",
            "HTTP/1.1 404",
            "HTTP/1.1 99 x",
            "HTTP/1.1 1000 x",
            "HTTP/2.0 200 OK",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK",
        ]);
        (first, prop::collection::vec(line, 0..4)).prop_map(|(first, lines)| {
            let lines = lines.iter().flat_map(|line| [line, "\r\n"]).collect::<String>();
            format!("{first}\r\n{lines}\r\n")
        })
    }

    fn bodies() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "abc",
            "3\r\nabc\r\n",
            "3;x=y\r\nabc\r\n",
            "03\r\nabc\r\n",
            "3 \r\nabc\r\n",
            "0\r\n\r\n",
            "0\r\nx: y\r\n\r\n",
            "\r\n",
            "3\nabc\n",
            "3\r\nabcd\r\n",
            "-1\r\n",
            "ffffffffffffffffff\r\n",
            "0",
            "x",
        ]);
        prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
    }

    #[test]
    fn the_seeds_of_the_fuzzer_are_read_as_hyper_reads_them() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/answer");
        let mut seeds = 0;
        for seed in std::fs::read_dir(folder).unwrap() {
            compare(&std::fs::read(seed.unwrap().path()).unwrap());
            seeds += 1;
        }
        assert!(seeds >= 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn answers_are_read_as_hyper_reads_them(head in heads(), body in bodies()) {
            compare((head + &body).as_bytes());
        }
    }
}
