//! Every answer is held against the published schemas and against our own.
//!
//! Answers are collected while the tests run and judged at the end, many in one call of xmllint.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
};

use libtest_mimic::{Completion, Failed, Trial};
use roxmltree::Node;

use super::{scratch, trials};

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// Name of the collection, our schema, the published schema.
const KINDS: [(&str, &str, &str); 4] = [
    ("rs", "rs.xsd", "ebRS30/rs.xsd"),
    ("lcm", "lcm.xsd", "ebRS30/lcm.xsd"),
    ("query", "query.xsd", "ebRS30/query.xsd"),
    ("xds", "xds-b.xsd", "IHE/IHEXDSB.xsd"),
];

/// Keeps the body of a message for the final check.
pub fn keep(body: Node<'_, '_>) {
    let kind = match body.tag_name().namespace().unwrap_or("") {
        "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" => "rs",
        "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0" => "lcm",
        "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" => "query",
        "urn:ihe:iti:xds-b:2007" => "xds",
        _ => return,
    };
    let number = KEPT.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}-{number}.xml", trials::current().replace("::", "-"));
    let _ = fs::write(scratch::directory(&format!("answers-{kind}")).join(name), fragment(body));
}

/// An element as a document: namespaces that were declared outside are declared on it, and an xop:Include, which the
/// schemas do not know, is left out.
pub fn fragment(element: Node<'_, '_>) -> String {
    let source = element.document().input_text();
    let range = element.range();
    let mut text = String::new();
    let mut from = range.start;
    for include in element.descendants().filter(|n| n.tag_name().name() == "Include") {
        text.push_str(&source[from..include.range().start]);
        from = include.range().end;
    }
    text.push_str(&source[from..range.end]);
    let tag_end = text.find('>').unwrap_or(text.len());
    let name_end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(tag_end);
    let mut declared = String::new();
    for ns in element.namespaces() {
        let attribute = match ns.name() {
            Some("xml") => continue,
            Some(prefix) => format!("xmlns:{prefix}="),
            None => "xmlns=".to_owned(),
        };
        if !text[..tag_end].contains(&attribute) {
            declared.push_str(&format!(" {attribute}\"{}\"", ns.uri()));
        }
    }
    text.insert_str(name_end, &declared);
    text
}

/// The checks at the end of a run.
pub fn trials() -> Vec<Trial> {
    vec![
        Trial::ignorable_test("closing::answers_are_valid_by_our_schemas", || judge(Some(ours()))),
        Trial::ignorable_test("closing::answers_are_valid_by_the_published_schemas", || judge(shared("standards"))),
        Trial::ignorable_test("closing::both_schemas_take_what_xdsgen_makes", generated),
        Trial::test("closing::a_wrong_message_is_found_by_our_schemas", || {
            let wrong = scratch::directory("wrong").join("wrong.xml");
            let text = "<r:RegistryResponse xmlns:r=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\"/>";
            fs::write(&wrong, text).map_err(|e| e.to_string())?;
            match xmllint(&ours().join("rs.xsd"), &[wrong]) {
                Ok(faults) if faults.is_empty() => Err("nothing was found".into()),
                _ => Ok(()),
            }
        }),
    ]
}

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/xsd")
}

/// Beside the repository, where there is one.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared").join(name);
    path.exists().then_some(path)
}

/// A published schema, where the standards lie beside the repository.
pub fn published(name: &str) -> Option<PathBuf> {
    shared("standards").map(|root| root.join(name))
}

/// The published schemas split the namespace of XDS.b over two files, of which xmllint would take only the first that it
/// meets; a small schema that includes both mends that.
fn published_schema(root: &Path, file: &str) -> Result<PathBuf, Failed> {
    if !file.starts_with("IHE/") {
        return Ok(root.join(file));
    }
    let path = scratch::directory("schemas").join("xds-b.xsd");
    let includes: String =
        ["IHE/xcf.xsd", file].map(|f| format!("<xs:include schemaLocation=\"{}\"/>", root.join(f).display())).concat();
    let text = format!(
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" targetNamespace=\"urn:ihe:iti:xds-b:2007\">\
         {includes}</xs:schema>"
    );
    fs::write(&path, text).map_err(|e| e.to_string())?;
    Ok(path)
}

fn judge(root: Option<PathBuf>) -> Result<Completion, Failed> {
    let Some(root) = root else { return Ok(Completion::ignored_with("../shared/standards is not here")) };
    let mut faults = Vec::new();
    for (kind, our_file, published_file) in KINDS {
        let schema = if root == ours() { root.join(our_file) } else { published_schema(&root, published_file)? };
        let files = files_in(&scratch::directory(&format!("answers-{kind}")));
        match xmllint(&schema, &files) {
            Ok(found) => faults.extend(found),
            Err(reason) => return Ok(Completion::ignored_with(reason)),
        }
    }
    if faults.is_empty() { Ok(Completion::Completed) } else { Err(faults.join("\n").into()) }
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()).collect()
}

/// Messages of xmllint about these files; an error where there is no xmllint.
pub fn xmllint(schema: &Path, files: &[PathBuf]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for some in files.chunks(200) {
        let mut command = Command::new("xmllint");
        command.args(["--noout", "--nonet", "--schema"]).arg(schema).args(some);
        let output = command.output().map_err(|_| "xmllint is not here (Debian: libxml2-utils)".to_owned())?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            faults.extend(text.lines().filter(|l| !l.ends_with(" validates")).take(40).map(str::to_owned));
        }
    }
    Ok(faults)
}

/// Requests of the load generator that lies beside the repository.
fn generated() -> Result<Completion, Failed> {
    let (Some(tools), Some(published)) = (shared("tools"), shared("standards")) else {
        return Ok(Completion::ignored_with("../shared/tools or ../shared/standards is not here"));
    };
    let directory = scratch::directory("generated");
    for (transaction, our_file, published_file) in
        [("iti42", KINDS[1].1, KINDS[1].2), ("iti18", KINDS[2].1, KINDS[2].2), ("iti43", KINDS[3].1, KINDS[3].2)]
    {
        let made = Command::new("python3").arg(tools.join("xdsgen.py")).args(["print", transaction]).output();
        let Ok(made) = made else { return Ok(Completion::ignored_with("python3 is not here")) };
        let text = String::from_utf8(made.stdout).map_err(|e| e.to_string())?;
        let document = roxmltree::Document::parse(&text).map_err(|e| e.to_string())?;
        let body = document.descendants().find(|n| n.tag_name().name() == "Body").ok_or("no body")?;
        let file = directory.join(format!("{transaction}.xml"));
        fs::write(&file, fragment(body.first_element_child().ok_or("empty body")?)).map_err(|e| e.to_string())?;
        for schema in [ours().join(our_file), published_schema(&published, published_file)?] {
            match xmllint(&schema, std::slice::from_ref(&file)) {
                Ok(faults) if faults.is_empty() => {}
                Ok(faults) => return Err(faults.join("\n").into()),
                Err(reason) => return Ok(Completion::ignored_with(reason)),
            }
        }
    }
    Ok(Completion::Completed)
}
