//! The objects of all METADATA.XML of a package in a form that can be compared.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};

use crate::{
    harness::sample::names::{DE_UNIQUE_ID, FD_UNIQUE_ID, SS_UNIQUE_ID},
    xdm_pack::package::Opened,
};

/// Objects by kind and identity, each with its fields.
pub type Objects = BTreeMap<String, BTreeMap<String, String>>;

fn texts(package: &Opened) -> Vec<(String, String)> {
    let names = package.names().into_iter();
    let names = names.filter(|name| name.ends_with("/METADATA.XML"));
    names.map(|name| (name.clone(), String::from_utf8(package.file(&name)).expect("UTF-8"))).collect()
}

fn each(package: &Opened, mut look: impl FnMut(&str, Node<'_, '_>)) {
    for (name, text) in texts(package) {
        let document = Document::parse(&text).expect("XML");
        let list = document.root_element().first_element_child().expect("a list");
        let folder = name.trim_end_matches("METADATA.XML");
        list.children().filter(Node::is_element).for_each(|object| look(folder, object));
    }
}

/// Every object of a package.
pub fn of(package: &Opened) -> Objects {
    let mut objects = Objects::new();
    each(package, |_, object| {
        let fields = fields(object);
        let key = format!("{} {}", object.tag_name().name(), identity(object));
        let before = objects.insert(key.clone(), fields);
        assert!(before.is_none(), "{key} is there twice");
    });
    objects
}

/// The octets of every document by uniqueId.
pub fn documents(package: &Opened) -> BTreeMap<String, Vec<u8>> {
    let mut documents = BTreeMap::new();
    each(package, |folder, object| {
        let Some(uri) = slot(object, "URI") else { return };
        let path = match uri.strip_prefix("../../") {
            Some(from_root) => from_root.to_owned(),
            None => format!("{folder}{uri}"),
        };
        let mut octets = package.file(&path);
        // Of a document of several parts all of them, in the order of their names.
        if let Some((directory, _)) = uri.split_once('/').filter(|(step, _)| *step != "..") {
            let below = format!("{folder}{directory}/");
            for name in package.names().iter().filter(|name| name.starts_with(&below) && **name != path) {
                octets.extend(name[below.len()..].bytes().chain(package.file(name)));
            }
        }
        documents.insert(identity(object), octets);
    });
    documents
}

fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

/// uniqueId, or for an association what it relates.
fn identity(object: Node<'_, '_>) -> String {
    if object.tag_name().name() == "Association" {
        let ends = ["associationType", "sourceObject", "targetObject"].map(|name| attribute(object, name));
        return ends.join(" ");
    }
    let unique = [DE_UNIQUE_ID, SS_UNIQUE_ID, FD_UNIQUE_ID];
    let mut identifiers = children(object, "ExternalIdentifier");
    let found = identifiers.find(|it| unique.contains(&attribute(*it, "identificationScheme")));
    attribute(found.expect("a uniqueId"), "value").to_owned()
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn values(slot: Node<'_, '_>) -> String {
    let values = slot.descendants().filter(|it| it.tag_name().name() == "Value");
    values.map(|it| it.text().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn slot(object: Node<'_, '_>, name: &str) -> Option<String> {
    children(object, "Slot").find(|slot| attribute(*slot, "name") == name).map(values)
}

fn localized(object: Node<'_, '_>, name: &'static str) -> String {
    let strings = children(object, name).flat_map(|it| it.children().filter(Node::is_element));
    strings.map(|it| it.attributes().map(|a| format!("{}={} ", a.name(), a.value())).collect::<String>()).collect()
}

/// Everything that is said of an object; the ids of its parts mean nothing.
fn fields(object: Node<'_, '_>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut add = |field: String, value: String| {
        let all: &mut String = fields.entry(field).or_default();
        all.push_str(&value);
        all.push('\n');
    };
    for it in object.attributes() {
        add(format!("attribute {}", it.name()), it.value().to_owned());
    }
    for it in children(object, "Slot") {
        add(format!("slot {}", attribute(it, "name")), values(it));
    }
    for name in ["Name", "Description"] {
        add(name.to_owned(), localized(object, name));
    }
    for it in children(object, "Classification") {
        let scheme = [attribute(it, "classificationScheme"), attribute(it, "classificationNode")].concat();
        let mut slots: Vec<String> =
            children(it, "Slot").map(|it| format!("{}={}", attribute(it, "name"), values(it))).collect();
        slots.sort_unstable();
        let value = [attribute(it, "nodeRepresentation"), &slots.join(" "), &localized(it, "Name")].join(" ");
        add(format!("classification {scheme}"), value);
    }
    for it in children(object, "ExternalIdentifier") {
        add(format!("identifier {}", attribute(it, "identificationScheme")), attribute(it, "value").to_owned());
    }
    fields
}
