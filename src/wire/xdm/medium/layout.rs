//! Where the submission sets of a medium are.
//!
//! Source: ITI TF-2 §3.32.4.1.2; spec xdm R-32-01 to R-32-04, R-32-23, H-26, section 10 and section 13.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{EntryId, Flaw, Found, Table};
use crate::model::xdm::{PackageFinding, PackageLimits, PackageTolerances, XdmCode};

const IHE_XDM: &str = "IHE_XDM";
const DICOMDIR: &str = "DICOMDIR";
/// Directories that differ in case only, of which one is told; who writes more does so on purpose.
const MOST_TWINS: usize = 4;
const METADATA_XML: &str = "METADATA.XML";
const INDEX_HTM: &str = "INDEX.HTM";
const README_TXT: &str = "README.TXT";

/// One submission set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetPlace {
    /// Its directory, from the top of the medium.
    pub folder: String,
    /// Its METADATA.XML, or why there is none to be read.
    pub metadata: Result<EntryId, PackageFinding>,
    /// What was found on the way.
    pub findings: Vec<PackageFinding>,
}

/// The places that matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The directory that counts as root: empty, or the folder that everything was put into.
    pub root: String,
    /// The submission sets, in the order of their directories.
    pub sets: Vec<SetPlace>,
    /// What was found of the medium as a whole.
    pub findings: Vec<PackageFinding>,
}

impl Layout {
    /// Finds the submission sets.
    ///
    /// # Errors
    /// Where the medium is none of XDM, or has a METADATA.XML that nobody could be sure of.
    pub fn of(table: &Table, tolerances: &PackageTolerances, limits: &PackageLimits) -> Result<Self, PackageFinding> {
        let is_xdm = |part: &str| part == IHE_XDM || (tolerances.fold_case && part.eq_ignore_ascii_case(IHE_XDM));
        let (mut roots, mut wrapped) = (BTreeSet::new(), BTreeSet::new());
        for id in table.ids() {
            let mut parts = table.path(id).split('/');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(first), rest, _) if is_xdm(first) && (rest.is_some() || table.is_directory(id)) => {
                    roots.insert(first);
                }
                (Some(first), Some(second), rest)
                    if is_xdm(second) && !is_litter(first) && (rest.is_some() || table.is_directory(id)) =>
                {
                    wrapped.insert((first, second));
                }
                _ => {}
            }
        }
        let mut findings = Vec::new();
        let wrappers: BTreeSet<&str> = wrapped.iter().map(|(first, _)| *first).collect();
        let (root, tops) = match wrappers.first() {
            Some(wrapper) if roots.is_empty() && wrappers.len() == 1 && tolerances.wrapper => {
                let text = format!("everything lies within the folder {wrapper}");
                findings.push(PackageFinding::warning(XdmCode::Wrapped, *wrapper, text));
                ((*wrapper).to_owned(), wrapped.iter().map(|(_, second)| *second).collect())
            }
            _ => (String::new(), roots),
        };
        let top = in_root(&root, one_of(&tops, table)?);
        let others = tops.iter().map(|other| in_root(&root, other)).filter(|other| *other != top);
        findings.extend(others.map(|other| other_case(&other, &top)));
        findings.extend(look_for(table, &root, INDEX_HTM, XdmCode::MissingIndexHtm));
        findings.extend(look_for(table, &root, README_TXT, XdmCode::MissingReadmeTxt));
        findings.extend(skipped(table));
        let sets = sets(table, &top, tolerances, limits)?;
        Ok(Self { root, sets, findings })
    }

    /// Whether this is a file that describes the medium, not a document (H-07).
    pub fn is_control_file(&self, path: &str) -> bool {
        let below = match self.root.as_str() {
            "" => path,
            root => path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path),
        };
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is = |control: &str| below.eq_ignore_ascii_case(control);
        let of_a_set = || self.sets.iter().any(|set| set.folder.eq_ignore_ascii_case(folder));
        is(INDEX_HTM) || is(README_TXT) || (name.eq_ignore_ascii_case(METADATA_XML) && of_a_set())
    }
}

fn in_root(root: &str, name: &str) -> String {
    if root.is_empty() { name.to_owned() } else { format!("{root}/{name}") }
}

/// The directory that is IHE_XDM, among those that are in some case.
fn one_of<'a>(tops: &BTreeSet<&'a str>, table: &Table) -> Result<&'a str, PackageFinding> {
    match (tops.get(IHE_XDM), tops.first()) {
        (Some(exact), _) => Ok(exact),
        (None, Some(first)) if tops.len() == 1 => Ok(first),
        (None, Some(first)) => {
            let text = "several directories differ from IHE_XDM in case only";
            Err(PackageFinding::error(XdmCode::AmbiguousName, *first, text))
        }
        (None, None) => {
            let text = "there is no directory IHE_XDM at the top: this is no XDM package, or only a part of one";
            let hint = match table.find(DICOMDIR) {
                Found::Nothing => "",
                _ => "; there is a DICOMDIR: images without XDM are for an archive",
            };
            Err(PackageFinding::error(XdmCode::NoIheXdm, "", format!("{text}{hint}")))
        }
    }
}

/// Tells of a name that differs from the one that is taken in case only: what it names is not looked at.
fn other_case(other: &str, taken: &str) -> PackageFinding {
    let text = format!("this differs from {taken} in case only and is not looked at");
    PackageFinding::warning(XdmCode::AmbiguousName, other, text)
}

/// What operating systems leave behind.
fn is_litter(part: &str) -> bool {
    part.starts_with('.') || part == "__MACOSX" || part.eq_ignore_ascii_case("Thumbs.db")
}

fn look_for(table: &Table, root: &str, name: &str, missing: XdmCode) -> Option<PackageFinding> {
    let path = in_root(root, name);
    match table.find(&path) {
        Found::Exact(_) => None,
        Found::Folded(id) => Some(folded(table, id, name)),
        Found::Several => None,
        Found::Nothing => Some(PackageFinding::warning(missing, path, "the file is missing")),
    }
}

fn folded(table: &Table, id: EntryId, name: &str) -> PackageFinding {
    PackageFinding::warning(XdmCode::CaseFolded, table.path(id), format!("the name should be {name}"))
}

fn sets(
    table: &Table,
    top: &str,
    tolerances: &PackageTolerances,
    limits: &PackageLimits,
) -> Result<Vec<SetPlace>, PackageFinding> {
    let mut folders: BTreeMap<&str, Vec<EntryId>> = BTreeMap::new();
    let mut loose_metadata = None;
    for id in table.ids() {
        let below = table.path(id).strip_prefix(top).and_then(|rest| rest.strip_prefix('/'));
        let Some(below) = below else { continue };
        let (folder, rest) = below.split_once('/').unwrap_or((below, ""));
        if is_litter(folder) {
            continue;
        }
        if rest.is_empty() && !table.is_directory(id) {
            let names_metadata = || below.to_ascii_uppercase().contains("METADATA");
            loose_metadata = loose_metadata.or_else(|| names_metadata().then_some(id));
            continue;
        }
        let metadata = folders.entry(folder).or_default();
        if rest.eq_ignore_ascii_case(METADATA_XML) && metadata.len() < 2 + limits.depth {
            metadata.push(id);
        }
        if folders.len() > limits.sets {
            let text = format!("more than {} submission sets", limits.sets);
            return Err(PackageFinding::error(XdmCode::TooManyEntries, top, text));
        }
    }
    if folders.is_empty() {
        let hint = loose_metadata
            .map(|id| format!("; {} is there, but each submission set needs a directory of its own", table.path(id)));
        let text = format!("there is no directory of a submission set{}", hint.unwrap_or_default());
        return Err(PackageFinding::error(XdmCode::NoMetadata, top, text));
    }
    let twins = twins(&folders, top, tolerances);
    let mut sets = Vec::new();
    for (name, metadata) in &folders {
        let told = twins.get(name).map(Vec::as_slice).unwrap_or_default();
        if metadata.is_empty() && !told.is_empty() {
            continue;
        }
        let mut set = set(table, format!("{top}/{name}"), metadata, tolerances)?;
        set.findings.extend(told.iter().cloned());
        sets.push(set);
    }
    Ok(sets)
}

/// What is to be told of directories of submission sets that differ in case only. Without METADATA.XML such a one is none.
fn twins<'a>(
    folders: &BTreeMap<&'a str, Vec<EntryId>>,
    top: &str,
    tolerances: &PackageTolerances,
) -> BTreeMap<&'a str, Vec<PackageFinding>> {
    let mut alike: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
    for name in folders.keys().copied() {
        alike.entry(name.to_ascii_lowercase()).or_default().push(name);
    }
    let has_metadata = |name: &str| folders.get(name).is_some_and(|metadata| !metadata.is_empty());
    let mut told = BTreeMap::new();
    for names in alike.values().filter(|names| names.len() > 1 && names.iter().any(|name| has_metadata(name))) {
        for name in names.iter().copied().filter(|name| tolerances.fold_case || has_metadata(name)) {
            let findings = names.iter().filter(|other| **other != name).take(MOST_TWINS).map(|other| {
                let what =
                    if has_metadata(other) { "a submission set of its own" } else { "none: it has no METADATA.XML" };
                let text = format!("this differs from {top}/{name} in case only; it is {what}");
                PackageFinding::warning(XdmCode::AmbiguousName, format!("{top}/{other}"), text)
            });
            told.insert(name, findings.collect());
        }
    }
    told
}

fn set(
    table: &Table,
    folder: String,
    candidates: &[EntryId],
    tolerances: &PackageTolerances,
) -> Result<SetPlace, PackageFinding> {
    let name = |id: &EntryId| table.path(*id).rsplit('/').next().unwrap_or_default();
    let exact = candidates.iter().find(|id| name(id) == METADATA_XML);
    let others = |taken: &EntryId| candidates.iter().filter(|other| name(other) != name(taken)).collect::<Vec<_>>();
    let mut findings = Vec::new();
    let missing = || PackageFinding::error(XdmCode::NoMetadata, &*folder, "the directory has no METADATA.XML");
    let metadata = match (exact, candidates) {
        (Some(id), _) => {
            findings.extend(others(id).into_iter().map(|other| other_case(table.path(*other), table.path(*id))));
            Ok(*id)
        }
        (None, []) => Err(missing()),
        (None, [id, ..]) if tolerances.fold_case => {
            if !others(id).is_empty() {
                let text = "several files differ from METADATA.XML in case only";
                Err(PackageFinding::error(XdmCode::AmbiguousName, &*folder, text))
            } else {
                findings.push(folded(table, *id, METADATA_XML));
                Ok(*id)
            }
        }
        (None, _) => Err(missing()),
    };
    let metadata = match metadata {
        Ok(id) => judge(table, id)?.map_or(Ok(id), Err),
        Err(finding) => Err(finding),
    };
    Ok(SetPlace { folder, metadata, findings })
}

/// What hinders the reading of a METADATA.XML.
fn judge(table: &Table, id: EntryId) -> Result<Option<PackageFinding>, PackageFinding> {
    let finding = |code, text: &str| PackageFinding::error(code, table.path(id), text);
    for flaw in table.flaws(id) {
        match flaw {
            Flaw::Duplicate => return Err(finding(XdmCode::DuplicateName, "METADATA.XML is there twice")),
            Flaw::Encrypted => return Err(finding(XdmCode::Encrypted, "METADATA.XML is encrypted")),
            Flaw::Method => return Ok(Some(finding(XdmCode::Method, "METADATA.XML is compressed in an unknown way"))),
            Flaw::SameInNfc | Flaw::Unreadable | Flaw::Deceiving | Flaw::TooLong => {
                return Ok(Some(finding(XdmCode::UnsafeName, "the name of its directory cannot be trusted")));
            }
            Flaw::Backslash | Flaw::NotNfc | Flaw::Odd => {}
        }
    }
    match table.is_directory(id) {
        true => Ok(Some(finding(XdmCode::NoMetadata, "METADATA.XML is a directory"))),
        false => Ok(None),
    }
}

/// One warning for each kind of flaw, however many entries have it: most are about files that nobody names.
fn skipped(table: &Table) -> Vec<PackageFinding> {
    let mut first: BTreeMap<XdmCode, (EntryId, usize)> = BTreeMap::new();
    for id in table.ids().filter(|id| !table.is_directory(*id)) {
        for flaw in table.flaws(id) {
            let code = match flaw {
                Flaw::Backslash => XdmCode::Backslash,
                Flaw::Unreadable | Flaw::Deceiving | Flaw::SameInNfc | Flaw::TooLong => XdmCode::UnsafeName,
                Flaw::Odd => XdmCode::OddName,
                Flaw::Duplicate => XdmCode::DuplicateName,
                Flaw::Encrypted => XdmCode::Encrypted,
                Flaw::Method => XdmCode::Method,
                Flaw::NotNfc => continue,
            };
            first.entry(code).or_insert((id, 0)).1 += 1;
        }
    }
    let told = first.into_iter().map(|(code, (id, count))| {
        let what = match code {
            XdmCode::Backslash => "backslashes as separators",
            XdmCode::OddName => "names that some systems cannot hold",
            XdmCode::DuplicateName => "names that are there twice",
            XdmCode::Encrypted => "encrypted entries",
            XdmCode::Method => "entries that are neither stored nor deflated",
            _ => "names that cannot be trusted",
        };
        PackageFinding::warning(code, table.path(id), format!("{what}: {count} of them, this is the first"))
    });
    told.collect()
}
