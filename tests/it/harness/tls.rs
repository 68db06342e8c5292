//! Clients with TLS, as a partner has them.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use openssl::{
    pkey::PKey,
    ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode},
    x509::X509,
};

use super::{
    TestServer,
    certificates::Issued,
    http::{Connection, Response},
    servers::Prepared,
};

/// A client with its certificate.
#[derive(Clone)]
pub struct Client {
    identity: Option<(Vec<X509>, PKey<openssl::pkey::Private>)>,
}

impl Client {
    /// Without a certificate.
    pub fn anonymous() -> Self {
        Self { identity: None }
    }

    /// With this certificate, and those above it.
    pub fn new(own: &Issued, above: &[&Issued]) -> Self {
        let chain = std::iter::once(own).chain(above.iter().copied()).map(|one| one.certificate.clone()).collect();
        Self { identity: Some((chain, own.key.clone())) }
    }

    /// With a certificate of `knoop init`.
    pub fn of_init(prepared: &Prepared, name: &str) -> Self {
        let read = |name: String| fs::read(prepared.pki_file(&name)).expect("init made it");
        let chain = X509::stack_from_pem(&read(format!("{name}.pem"))).expect("PEM");
        let key = PKey::private_key_from_pem(&read(format!("{name}.key"))).expect("PEM");
        Self { identity: Some((chain, key)) }
    }

    /// Connects; `set` may change what is offered. The server's certificate is not looked at.
    pub fn connect_with(
        &self,
        address: &str,
        set: impl FnOnce(&mut SslContextBuilder),
    ) -> Result<SslStream<TcpStream>, String> {
        let mut tls = SslContext::builder(SslMethod::tls_client()).expect("a context");
        tls.set_verify(SslVerifyMode::NONE);
        if let Some((chain, key)) = &self.identity {
            let (own, above) = chain.split_first().expect("a certificate");
            tls.set_certificate(own).expect("a certificate");
            for one in above {
                tls.add_extra_chain_cert(one.clone()).expect("a certificate");
            }
            tls.set_private_key(key).expect("a key");
        }
        set(&mut tls);
        let tcp = TcpStream::connect(address).map_err(|error| error.to_string())?;
        tcp.set_nodelay(true).expect("a socket");
        // Longer than anything that is not stuck.
        tcp.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket");
        Ssl::new(&tls.build()).expect("TLS").connect(tcp).map_err(|error| error.to_string())
    }

    /// Connects.
    pub fn connect(&self, address: &str) -> Result<SslStream<TcpStream>, String> {
        self.connect_with(address, |_| {})
    }

    /// The status of a GET of the WSDL over a connection of its own. With TLS 1.3 a client learns only now that it was refused.
    pub fn status_with(&self, address: &str, set: impl FnOnce(&mut SslContextBuilder)) -> Result<u16, String> {
        let mut connection = Connection::over(self.connect_with(address, set)?);
        get_wsdl(&mut connection).map(|response| response.status).map_err(|error| error.to_string())
    }

    /// The same with what a client offers by itself.
    pub fn status(&self, server: &TestServer) -> Result<u16, String> {
        self.status_with(https(server), |_| {})
    }
}

/// `host:port` of the listener with TLS.
pub fn https(server: &TestServer) -> &str {
    server.https.as_deref().expect("the server speaks TLS")
}

/// GETs the WSDL and leaves the connection open.
pub fn get_wsdl<S: Read + Write>(connection: &mut Connection<S>) -> io::Result<Response> {
    connection.send(b"GET /xds?wsdl HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    connection.receive()
}

/// Writes certificate and key where a server can be told to take them.
pub fn write(folder: &Path, name: &str, issued: &Issued) -> (String, String) {
    use std::os::unix::fs::PermissionsExt;
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    fs::write(&certificate, issued.pem()).expect("written");
    fs::write(&key, issued.key.private_key_to_pem_pkcs8().expect("PEM")).expect("written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("a mode");
    (certificate.display().to_string(), key.display().to_string())
}
