//! An unmodified client library of Toxiproxy drives the gateway.
//!
//! On a machine without Node.js this test stays ignored; `.ci/run` installs the library and runs it.

use super::process::{Gateway, alone, soon};
use crate::support::root;

#[test]
#[ignore = "needs Node.js and `npm ci` in tests/interop"]
fn a_client_library_of_toxiproxy_works_unchanged() {
    alone(async {
        let flags = ["--toxiproxy", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let gateway = Gateway::start(flags).await;
        let mut client = tokio::process::Command::new("node");
        client.current_dir(root().join("tests/interop")).kill_on_drop(true);
        client.args(["toxiproxy.mjs", &format!("http://{}", gateway.address())]);
        let output = soon("the client ends", client.output()).await.expect("node is installed");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            (output.status.code(), &*output.stdout),
            (Some(0), &b"conforms\n"[..]),
            "{complaint}"
        );
    });
}
