//! Packages as the tests make and read them, without a line of knoop.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Output,
};

use roxmltree::{Document, Node};
use serde_json::Value;
use zip::ZipArchive;

use crate::harness::{TestServer, sample, scratch};

/// A folder of its own.
pub fn here() -> PathBuf {
    scratch::directory(&format!("xdm-{}", sample::uuid().replace(':', "-")))
}

/// Packs into `P.ZIP` of a folder.
pub fn pack_in(server: &TestServer, folder: &Path, arguments: &[&str]) -> Output {
    let (out, data) = (folder.join("P.ZIP").display().to_string(), server.prepared.data.display().to_string());
    let all = [&["xdm", "pack", &out, "--data", &data], arguments].concat();
    server.prepared.command(&all).output().expect("the program runs")
}

/// Packs into a file of its own: the file, and the JSON if it was asked for.
pub fn pack(server: &TestServer, arguments: &[&str]) -> (PathBuf, Value) {
    let folder = here();
    let made = pack_in(server, &folder, arguments);
    assert!(made.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    (folder.join("P.ZIP"), serde_json::from_slice(&made.stdout).unwrap_or_default())
}

/// Events of a patient.
pub fn audited(server: &TestServer, patient: &str) -> Vec<Value> {
    let data = server.prepared.data.display().to_string();
    let search = ["audit", "search", "--json", "--patient", patient, "--data", &data];
    let found = server.prepared.command(&search).output().expect("the program runs");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    super::list(&found["events"]).iter().map(|event| event["event"].clone()).collect()
}

/// A package that was read whole.
pub struct Opened {
    files: Vec<(String, Vec<u8>)>,
}

impl Opened {
    /// A zip file.
    pub fn zip(path: &Path) -> Self {
        let mut archive = ZipArchive::new(File::open(path).expect("a file")).expect("a zip file");
        let mut files = Vec::new();
        for number in 0..archive.len() {
            let mut entry = archive.by_index(number).expect("an entry");
            let name = entry.name().expect("a name").into_owned();
            let steps: Vec<&str> = name.trim_end_matches('/').split('/').collect();
            for step in steps {
                let (stem, extension) = step.split_once('.').unwrap_or((step, ""));
                let plain =
                    |text: &str| text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
                assert!(stem.len() <= 8 && extension.len() <= 3 && plain(stem) && plain(extension), "R-32-08: {name}");
            }
            if !entry.is_dir() {
                let mut octets = Vec::new();
                entry.read_to_end(&mut octets).expect("it can be read");
                files.push((name, octets));
            }
        }
        Self { files }
    }

    /// A directory.
    pub fn tree(root: &Path) -> Self {
        let files = scratch::files_below(root).into_iter().map(|path| {
            let name = path.strip_prefix(root).expect("below it").display().to_string();
            (name, fs::read(&path).expect("it can be read"))
        });
        Self { files: files.collect() }
    }

    /// Names of all files, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.files.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    }

    /// What is in the root, in order.
    pub fn roots(&self) -> Vec<&str> {
        let mut roots: Vec<&str> = Vec::new();
        for (name, _) in &self.files {
            let root = name.split('/').next().unwrap_or_default();
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        roots
    }

    /// The octets of a file that must be there.
    #[track_caller]
    pub fn file(&self, name: &str) -> Vec<u8> {
        let found = self.files.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("{name} is not among {:?}", self.names())).1.clone()
    }

    /// The metadata of a set.
    #[track_caller]
    pub fn set(&self, directory: &str) -> Set {
        let text = String::from_utf8(self.file(&format!("IHE_XDM/{directory}/METADATA.XML"))).expect("UTF-8");
        let document = Document::parse(&text).expect("XML");
        assert_eq!(document.root_element().tag_name().name(), "SubmitObjectsRequest", "R-32-12");
        let list = document.root_element().first_element_child().expect("a list");
        Set { objects: list.children().filter(Node::is_element).map(Thing::read).collect() }
    }
}

/// The objects of a METADATA.XML.
pub struct Set {
    objects: Vec<Thing>,
}

/// An object of a METADATA.XML.
#[derive(Clone)]
pub struct Thing {
    element: String,
    attributes: BTreeMap<String, String>,
    slots: BTreeMap<String, Vec<String>>,
    identifiers: BTreeMap<String, String>,
    classifications: Vec<(String, String)>,
    nodes: Vec<String>,
    pub description: Option<String>,
}

impl Thing {
    fn read(node: Node<'_, '_>) -> Self {
        let attribute = |node: Node<'_, '_>, name: &str| node.attribute(name).unwrap_or_default().to_owned();
        let slot = |slot: Node<'_, '_>| {
            let values = slot.descendants().filter(|it| it.tag_name().name() == "Value");
            let values = values.map(|it| it.text().unwrap_or_default().to_owned()).collect();
            (attribute(slot, "name"), values)
        };
        let of = |name: &'static str| node.children().filter(move |child| child.tag_name().name() == name);
        Self {
            element: node.tag_name().name().to_owned(),
            attributes: node.attributes().map(|it| (it.name().to_owned(), it.value().to_owned())).collect(),
            slots: of("Slot").map(slot).collect(),
            identifiers: of("ExternalIdentifier")
                .map(|it| (attribute(it, "identificationScheme"), attribute(it, "value")))
                .collect(),
            classifications: of("Classification")
                .map(|it| (attribute(it, "classificationScheme"), attribute(it, "nodeRepresentation")))
                .collect(),
            nodes: of("Classification").map(|it| attribute(it, "classificationNode")).collect(),
            description: of("Description")
                .flat_map(|it| it.children().filter(Node::is_element))
                .map(|it| attribute(it, "value"))
                .next(),
        }
    }

    /// An attribute, or nothing.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The first value of a slot.
    pub fn value(&self, slot: &str) -> Option<String> {
        self.slots.get(slot)?.first().cloned()
    }

    /// The value of an identifier.
    pub fn identifier(&self, scheme: &str) -> Option<String> {
        self.identifiers.get(scheme).cloned()
    }

    /// The nodeRepresentations of a scheme.
    pub fn representations(&self, scheme: &str) -> Vec<&str> {
        let of_scheme = self.classifications.iter().filter(|(known, _)| known == scheme);
        of_scheme.map(|(_, representation)| representation.as_str()).collect()
    }

    /// Whether it is classified with a node.
    pub fn has_node(&self, node: &str) -> bool {
        self.nodes.iter().any(|known| known == node)
    }
}

impl Set {
    fn of(&self, element: &str) -> Vec<Thing> {
        self.objects.iter().filter(|object| object.element == element).cloned().collect()
    }

    /// All entries.
    pub fn entries(&self) -> Vec<Thing> {
        self.of("ExtrinsicObject")
    }

    /// The one entry of a document.
    #[track_caller]
    pub fn entry(&self, unique_id: &str) -> Thing {
        let scheme = sample::names::DE_UNIQUE_ID;
        let found: Vec<Thing> =
            self.entries().into_iter().filter(|entry| entry.identifier(scheme).as_deref() == Some(unique_id)).collect();
        assert_eq!(found.len(), 1, "entries of {unique_id}");
        found[0].clone()
    }

    /// The one SubmissionSet (R-32-11).
    #[track_caller]
    pub fn submission_set(&self) -> Thing {
        let sets: Vec<Thing> =
            self.of("RegistryPackage").into_iter().filter(|it| it.has_node(sample::names::SS_NODE)).collect();
        assert_eq!(sets.len(), 1, "R-32-11");
        sets[0].clone()
    }

    /// All folders.
    pub fn folders(&self) -> Vec<Thing> {
        self.of("RegistryPackage").into_iter().filter(|it| it.has_node(sample::names::FD_NODE)).collect()
    }

    /// The associations of a type.
    pub fn associations(&self, kind: &str) -> Vec<Thing> {
        self.of("Association").into_iter().filter(|it| it.attribute("associationType") == kind).collect()
    }
}
