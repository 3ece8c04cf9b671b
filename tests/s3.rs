//! An S3 server on this machine, and a wire to it that can be cut.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::harness::Invocation;
use crate::lake_files::LakeFiles;

/// The bucket that there is.
pub(crate) const BUCKET: &str = "lake";
/// What must never be seen anywhere.
pub(crate) const SECRET: &str = "a-secret-that-nobody-must-see";

/// The server. It ends with this.
pub(crate) struct S3 {
    server: Child,
    address: SocketAddr,
    wire: Wire,
}

impl S3 {
    pub(crate) fn start() -> Self {
        let python = std::env::var("SESSION_RISK_PYTHON").expect("SESSION_RISK_PYTHON names a Python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/s3_server.py");
        let mut server = Command::new(python)
            .arg(script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.trim().parse().unwrap()));
        let s3 = Self { server, address, wire: Wire::to(address) };
        s3.ask(&format!("PUT /{BUCKET}"));
        s3
    }

    fn ask(&self, what: &str) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{what} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{what}: {answer}");
    }

    /// Sets the store's clock ahead of the machine's.
    pub(crate) fn turn_clock(&self, seconds: u32) {
        self.ask(&format!("POST /turn-clock?{seconds}"));
    }

    /// From now on nothing comes through.
    pub(crate) fn cut(&self) {
        let mut state = self.wire.0.lock().unwrap();
        state.cut = true;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The wire is whole again.
    pub(crate) fn mend(&self) {
        self.wire.0.lock().unwrap().cut = false;
    }

    /// A command that reaches this server and may use it.
    pub(crate) fn given_to<'h>(&self, command: Invocation<'h>) -> Invocation<'h> {
        command
            .env("AWS_ENDPOINT_URL", &format!("http://{}", self.wire.1))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
    }

    /// The bucket as others see it.
    pub(crate) fn bucket(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_endpoint(format!("http://{}", self.address))
            .with_allow_http(true)
            .with_region("us-east-1")
            .with_bucket_name(BUCKET)
            .with_access_key_id("AKIAEXAMPLE")
            .with_secret_access_key(SECRET)
            .build()
            .unwrap()
    }

    /// All of the bucket, copied into a folder.
    pub(crate) fn copied(&self) -> (TempDir, LakeFiles) {
        let (folder, bucket) = (TempDir::new().unwrap(), self.bucket());
        let root = folder.path().to_owned();
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let found: Vec<_> = bucket.list(None).try_collect().await.unwrap();
            for object in found {
                let path = root.join(object.location.as_ref());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                let bytes = bucket.get(&object.location).await.unwrap().bytes().await.unwrap();
                std::fs::write(path, bytes).unwrap();
            }
        });
        let lake = LakeFiles::new(root.join("of/sessions-lake"));
        (folder, lake)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[derive(Default)]
struct State {
    cut: bool,
    streams: Vec<TcpStream>,
}

/// Passes on what comes, as long as it is whole.
struct Wire(Arc<Mutex<State>>, SocketAddr);

impl Wire {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let wire = Self(Arc::clone(&state), address);
        thread::spawn(move || {
            for near in listener.incoming() {
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(server)) else { continue };
                let mut state = state.lock().unwrap();
                if state.cut {
                    continue;
                }
                state.streams.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                pass_on(near.try_clone().unwrap(), far.try_clone().unwrap());
                pass_on(far, near);
            }
        });
        wire
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
