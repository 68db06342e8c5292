//! A small HTTP/1.1 client over bare TCP. It sends exactly the bytes it is given.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// An answer, its body without transfer coding.
#[derive(Clone)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// True where the connection ended before the body did.
    pub cut_short: bool,
}

impl Response {
    /// The first value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection that may carry several requests.
pub struct Connection<S = TcpStream> {
    stream: S,
    kept: Vec<u8>,
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }

    /// True when nothing comes for this long and the connection stays.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("a time is no zero");
        let quiet = self.kept.is_empty() && self.more().is_err_and(|e| e.kind() == io::ErrorKind::WouldBlock);
        self.stream.set_read_timeout(None).expect("none is always taken");
        quiet
    }
}

impl<S: Read + Write> Connection<S> {
    /// Speaks HTTP over what is connected already.
    pub fn over(stream: S) -> Self {
        Self { stream, kept: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one answer. Answers 1xx are passed over.
    pub fn receive(&mut self) -> io::Result<Response> {
        loop {
            let head = self.head()?;
            let response = self.body(head)?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }

    /// Reads one head without body, such as 100 Continue.
    pub fn interim(&mut self) -> io::Result<Response> {
        self.head()
    }

    /// True when the server has closed the connection and sent nothing more.
    pub fn is_closed(&mut self) -> bool {
        let mut one = [0];
        self.kept.is_empty() && matches!(self.stream.read(&mut one), Ok(0) | Err(_))
    }

    fn more(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64 * 1024];
        let n = self.stream.read(&mut buffer)?;
        self.kept.extend_from_slice(&buffer[..n]);
        Ok(n > 0)
    }

    fn head(&mut self) -> io::Result<Response> {
        let end = loop {
            if let Some(at) = find(&self.kept, b"\r\n\r\n") {
                break at;
            }
            if !self.more()? {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection closed before an answer"));
            }
        };
        let head = String::from_utf8_lossy(&self.kept[..end]).into_owned();
        self.kept.drain(..end + 4);
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|l| l.split(' ').nth(1))
            .and_then(|s| s.parse().ok())
            .ok_or_else(|| io::Error::other("not a status line"))?;
        let headers = lines
            .filter_map(|l| l.split_once(':'))
            .map(|(n, v)| (n.trim().to_ascii_lowercase(), v.trim().to_owned()))
            .collect();
        Ok(Response { status, headers, body: Vec::new(), cut_short: false })
    }

    /// Reads the body that follows a head.
    pub fn body(&mut self, mut response: Response) -> io::Result<Response> {
        if response.status < 200 || response.status == 204 {
            return Ok(response);
        }
        if response.header("transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
            return self.chunks(response);
        }
        let length = response.header("content-length").and_then(|v| v.parse::<usize>().ok());
        while length.is_none_or(|n| self.kept.len() < n) {
            match self.more() {
                Ok(true) => {}
                Ok(false) | Err(_) => {
                    response.cut_short = length.is_some();
                    break;
                }
            }
        }
        let end = length.unwrap_or(self.kept.len()).min(self.kept.len());
        response.body = self.kept.drain(..end).collect();
        Ok(response)
    }

    fn chunks(&mut self, mut response: Response) -> io::Result<Response> {
        loop {
            let Some(end) = find(&self.kept, b"\r\n") else {
                if self.more().unwrap_or(false) {
                    continue;
                }
                response.cut_short = true;
                return Ok(response);
            };
            let line = String::from_utf8_lossy(&self.kept[..end]).into_owned();
            let size = usize::from_str_radix(line.split(';').next().unwrap_or("").trim(), 16)
                .map_err(|_| io::Error::other("not a chunk size"))?;
            while self.kept.len() < end + 2 + size + 2 {
                if !self.more().unwrap_or(false) {
                    response.cut_short = true;
                    return Ok(response);
                }
            }
            response.body.extend_from_slice(&self.kept[end + 2..end + 2 + size]);
            self.kept.drain(..end + 2 + size + 2);
            if size == 0 {
                return Ok(response);
            }
        }
    }
}

/// Where `needle` begins in `bytes`.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|w| w == needle)
}

/// One request on a connection of its own. An answer that comes before the request was taken whole counts.
pub fn exchange(address: &str, request: &[&[u8]]) -> io::Result<Response> {
    let mut connection = Connection::open(address)?;
    let mut sent = Ok(());
    for part in request {
        sent = connection.send(part);
        if sent.is_err() {
            break;
        }
    }
    match (connection.receive(), sent) {
        (Ok(response), _) => Ok(response),
        (Err(_), Err(e)) => Err(e),
        (Err(e), Ok(())) => Err(e),
    }
}

/// POST with Content-Length.
pub fn post(address: &str, path: &str, content_type: &str, body: &[u8]) -> io::Result<Response> {
    exchange(address, &[post_head(address, path, content_type, body.len()).as_bytes(), body])
}

/// The head of a POST.
pub fn post_head(address: &str, path: &str, content_type: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    )
}

/// GET.
pub fn get(address: &str, path: &str) -> io::Result<Response> {
    exchange(address, &[format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes()])
}
