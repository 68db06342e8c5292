//! Somebody between this program and the peer that it takes documents from: looks at each request, and may change the answer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use crate::harness::{TestServer, http};

/// Listens in front of a server and gives its own address; `look` is handed each request and the body of its answer.
pub fn between(server: &TestServer, look: impl Fn(&str, &mut Vec<u8>) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (address, behind) = (listener.local_addr().expect("it is bound").to_string(), server.address.clone());
    let look = Arc::new(look);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (behind, look) = (behind.clone(), Arc::clone(&look));
            // The program closes when it has what it wants.
            thread::spawn(move || hand_on(&stream, &behind, &*look));
        }
    });
    address
}

fn hand_on(stream: &TcpStream, behind: &str, look: &dyn Fn(&str, &mut Vec<u8>)) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some((name, value)) = line.split_once(':') {
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().expect("a length"),
                    "transfer-encoding" => panic!("the request is of one piece"),
                    _ => {}
                }
            }
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let mut answer = http::exchange(behind, &[head.as_bytes(), &body])?;
        look(&String::from_utf8_lossy(&body), &mut answer.body);
        let kind = answer.header("content-type").unwrap_or_default().to_owned();
        let head = format!(
            "HTTP/1.1 {} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            answer.status,
            answer.body.len()
        );
        let mut out = stream;
        out.write_all(head.as_bytes())?;
        out.write_all(&answer.body)?;
    }
}
