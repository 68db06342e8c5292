//! `knoop init`: writes a configuration to begin with, and certificates for development.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::Args;

use super::{Failure, clock};
use crate::{
    config::{Config, DEFAULT_FILE},
    security::development::Pki,
};

/// What `init` may be told.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  knoop init && knoop doctor && knoop serve
  knoop init --host xds.region.example --host 192.0.2.7
  knoop init --revoke pki/client.pem

Certificates go to pki/ beside the file; they are for development, and production = true refuses them.")]
pub(super) struct InitArgs {
    /// The file to write
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// A further name or address of this server, for its certificate
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Write over what is there, certificates included
    #[arg(long)]
    force: bool,
    /// Write nothing but this certificate into the revocation list of the authority that init made
    #[arg(long, value_name = "FILE", conflicts_with_all = ["host", "force"])]
    revoke: Option<PathBuf>,
}

pub(super) fn run(args: &InitArgs) -> Result<(), Failure> {
    let folder = match args.file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let pki = Pki::new(folder.join("pki"));
    if let Some(certificate) = &args.revoke {
        let serial = pki.revoke(certificate, clock::now())?;
        println!("revoked {} (serial {serial}) in {}", certificate.display(), pki.crl().display());
        return Ok(());
    }
    if pki.exists() && !args.force {
        let text = format!("{} is there already; --force makes everything anew", pki.folder().display());
        return Err(Failure::wrong_use(text));
    }
    let mut file = open(&args.file, args.force)?;
    pki.make(&args.host, clock::now())?;
    let absolute = std::path::absolute(pki.folder()).context("the working directory cannot be told")?;
    let shown = args.file.display();
    file.write_all(with_certificates(&Pki::new(absolute)).as_bytes())
        .with_context(|| format!("{shown} cannot be written"))?;
    println!("wrote {shown}; read it, then start with: knoop serve --config {shown}");
    println!("made an authority and certificates for development in {}", pki.folder().display());
    Ok(())
}

fn open(path: &Path, force: bool) -> Result<std::fs::File, Failure> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    match options.open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::wrong_use(format!("{shown} is there already; --force writes over it")))
        }
        other => Ok(other.with_context(|| format!("{shown} cannot be written"))?),
    }
}

/// The example with the certificates in their places.
fn with_certificates(pki: &Pki) -> String {
    let quoted = |path: PathBuf| toml::Value::String(path.display().to_string()).to_string();
    let (certificate, key) = (quoted(pki.certificate("server")), quoted(pki.key("server")));
    let (authority, crl) = (quoted(pki.certificate("ca")), quoted(pki.crl()));
    let identity = format!("certificate_file = {certificate}\nkey_file = {key}\n");
    let trust = |section: &str| {
        format!("[{section}.trust.development]\nfile = {authority}\nrevocation = \"crl\"\ncrl_files = [{crl}]\n")
    };
    let mut out = String::new();
    let mut section = "";
    for line in Config::example().lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        match (section, line) {
            ("tls" | "client", _) if line.starts_with("# certificate_file = ") => out.push_str(&identity),
            ("tls" | "client", _) if line.starts_with("# key_file = ") => {}
            ("xua", _) if line.starts_with("# issuers = ") => {
                out.push_str(&format!("issuers = {}\n", quoted(pki.issuers())));
            }
            ("xua", _) if line.starts_with("# audiences = ") => {
                out.push_str("audiences = [\"https://xds.example.org\"]\n");
            }
            ("tls" | "client", _) if line.starts_with(&format!("# [{section}.trust.")) => {
                out.push_str(&trust(section));
                out.push_str("# Another one:\n");
                out.push_str(line);
                out.push('\n');
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_writes_is_a_configuration_that_names_its_certificates() {
        let text = with_certificates(&Pki::new("/a \"b\"/pki"));
        let config = Config::from_text("knoop.toml", &text).unwrap();
        assert_eq!(config.tls.certificate_file, Some("/a \"b\"/pki/server.pem".into()));
        assert_eq!(config.client.key_file, Some("/a \"b\"/pki/server.key".into()));
        for trust in [&config.tls.trust, &config.client.trust] {
            assert_eq!(trust.anchors[0].file, Path::new("/a \"b\"/pki/ca.pem"));
            assert!(trust.anchors[0].revocation.as_ref().is_some_and(|revocation| revocation.files.len() == 1));
        }
    }
}
