//! A raw HTTP server for answers that the sandbox does not give: each request gets the next one of a script.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use serde_json::json;
use url::form_urlencoded;

/// The key that scripted servers are asked with; they take any.
pub(crate) const KEY: &str = "persona_sandbox_ScriptedLettersOfTheKey";

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        form_urlencoded::parse(query.as_bytes()).find(|(found, _)| found == name).map(|(_, v)| v.into_owned())
    }

    pub(crate) fn cursor(&self) -> Option<String> {
        self.parameter("page[after]")
    }
}

/// A reply: status, further headers, body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn new(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("Content-Type", media_type.to_owned())], body: body.into() }
    }

    pub(crate) fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, "application/json", body)
    }

    /// A page of resources, each given as JSON; `next` is the link as it stands.
    pub(crate) fn page<R: AsRef<str>>(resources: &[R], next: Option<&str>) -> Self {
        let resources: Vec<&str> = resources.iter().map(AsRef::as_ref).collect();
        let links = json!({"prev": null, "next": next});
        Self::json(format!(r#"{{"data":[{}],"links":{links}}}"#, resources.join(",")))
    }

    /// An error as the API writes it.
    pub(crate) fn error(status: u16, title: &str, details: &str) -> Self {
        let body = json!({"errors": [{"title": title, "details": details}]});
        Self::new(status, "application/json", body.to_string())
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let Self { status, headers, body } = self;
        let mut head = format!("HTTP/1.1 {status} Scripted\r\nContent-Length: {}\r\n", body.len());
        // The same for every answer that does not say another, so that days end when the script says so.
        if headers.iter().all(|(name, _)| *name != "Date") {
            head.push_str("Date: Mon, 23 Nov 2026 06:00:00 GMT\r\n");
        }
        head.push_str("Persona-Environment-Id: env_scripted\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()
    }
}

/// What a link to the page after an id looks like.
pub(crate) fn link(cursor: &str) -> String {
    format!("/api/v1/inquiry-sessions?page%5Bafter%5D={cursor}")
}

/// A session as the API writes it.
pub(crate) fn session(id: &str, created_at: &str) -> String {
    json!({
        "type": "inquiry-session", "id": id,
        "attributes": {"status": "expired", "created-at": created_at, "ip-address": "192.0.2.1", "is-vpn": false},
        "relationships": {"inquiry": {"data": {"type": "inquiry", "id": format!("inq_of_{id}")}}},
    })
    .to_string()
}

/// The server. It listens until it is dropped.
pub(crate) struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
}

impl Scripted {
    /// Answers each request by what a function makes of it and its number. Who asks for the limits is told that there
    /// are none to be told, and is not counted.
    pub(crate) fn serving(answer: impl FnMut(&Asked, usize) -> Answer + Send + 'static) -> Self {
        Self::serving_with_limits(Answer::error(404, "Record not found", ""), answer)
    }

    /// As [`Scripted::serving`], with an answer for those who ask for the limits.
    pub(crate) fn serving_with_limits(
        limits: Answer,
        answer: impl FnMut(&Asked, usize) -> Answer + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let server = Self { address, asked: Arc::clone(&asked), over: Arc::clone(&over) };
        let answer = Arc::new(Mutex::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (asked, answer, limits) = (Arc::clone(&asked), Arc::clone(&answer), limits.clone());
                thread::spawn(move || {
                    let serve = |request: Asked| {
                        if request.target.ends_with("/rate-limits") {
                            return limits.clone();
                        }
                        let number = {
                            let mut asked = asked.lock().unwrap();
                            asked.push(request.clone());
                            asked.len() - 1
                        };
                        answer.lock().unwrap()(&request, number)
                    };
                    // A client may close whenever it likes.
                    let _ = stream.and_then(|stream| converse(stream, serve));
                });
            }
        });
        server
    }

    /// Gives the answers in their order; the last one for every further request.
    pub(crate) fn answering(answers: impl Into<Vec<Answer>>) -> Self {
        let answers = answers.into();
        Self::serving(move |_, number| answers[number.min(answers.len() - 1)].clone())
    }

    /// Serves resources, newest first, as the API does: as many a page as asked for (100 at most), each link
    /// with the right cursor and no page size.
    pub(crate) fn listing(resources: Vec<String>) -> Self {
        let id = |resource: &String| {
            let resource: serde_json::Value = serde_json::from_str(resource).unwrap();
            resource["id"].as_str().unwrap_or_default().to_owned()
        };
        let ids: Vec<String> = resources.iter().map(id).collect();
        Self::serving(move |asked, _| {
            let size = asked.parameter("page[size]").map_or(10, |size| size.parse().unwrap()).min(100);
            let from = match asked.cursor() {
                None => 0,
                Some(cursor) => match ids.iter().position(|id| *id == cursor) {
                    Some(at) => at + 1,
                    None => return Answer::error(404, "Record not found", ""),
                },
            };
            let until = (from + size).min(resources.len());
            let next = (until < resources.len()).then(|| link(&ids[until - 1]));
            Answer::page(&resources[from..until], next.as_deref())
        })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/api/v1", self.address)
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers one connection's requests until the client closes it.
fn converse(stream: TcpStream, mut serve: impl FnMut(Asked) -> Answer) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
                None => break,
            }
        }
        serve(Asked { target, headers }).send(&mut writer)?;
    }
}
