//! Names of parts in the directory of their document.

use std::collections::BTreeSet;

use crate::wire::xdm::names::{check_iso_9660, extension, media_type_of};

/// Extensions of parts beside those of documents that no system starts as a program (R-32-03).
const HARMLESS: [&str; 10] = ["BIN", "GIF", "BMP", "SVG", "CSS", "CSV", "XSL", "MP3", "MP4", "WAV"];

/// What a part is named by.
#[derive(Clone, Copy, Debug)]
pub struct PartToName<'a> {
    /// Where it says that it lies, which is what others refer to it by.
    pub location: Option<&'a str>,
    /// Its media type.
    pub media_type: &'a str,
}

/// The names of the parts of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedParts {
    /// Names within the directory of the document, in the order of the parts.
    pub names: Vec<String>,
    /// Directories within it that they need, each after the one above it.
    pub directories: Vec<String>,
    /// Parts, beside the start part, whose name is of ours: what refers to them does not find them.
    pub renamed: usize,
}

/// Names the parts of a document: as they say where that is a name on a medium and nobody else's, else by their number.
/// `directory` is that of the document, whose last step is also the name of a start part that says none.
pub fn name_parts(directory: &str, parts: &[PartToName<'_>], start: usize) -> NamedParts {
    let mut taken = Taken::default();
    let mut names: Vec<Option<String>> = parts
        .iter()
        .map(|part| {
            let name = part.location?;
            check_iso_9660(&format!("{directory}/{name}")).ok()?;
            is_harmless(name).then_some(())?;
            taken.take(name).then(|| name.to_owned())
        })
        .collect();
    let mut renamed = 0;
    for (index, (name, part)) in names.iter_mut().zip(parts).enumerate().filter(|(_, (name, _))| name.is_none()) {
        let extension = extension(part.media_type);
        let own = directory.rsplit('/').next().unwrap_or_default();
        let counted = (1_u32..).map(|number| format!("PART{number:04}.{extension}"));
        let of_start = (index == start).then(|| format!("{own}.{extension}"));
        *name = of_start.into_iter().chain(counted).find(|name| taken.take(name));
        renamed += usize::from(index != start);
    }
    NamedParts { names: names.into_iter().flatten().collect(), directories: taken.directories(), renamed }
}

/// Whether no system takes a file of this name for a program.
fn is_harmless(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    file.split_once('.')
        .is_none_or(|(_, extension)| HARMLESS.contains(&extension) || media_type_of(extension).is_some())
}

/// Names that are given: no two are the same, and none is a directory of another.
#[derive(Default)]
struct Taken {
    files: BTreeSet<String>,
    directories: BTreeSet<String>,
}

impl Taken {
    fn take(&mut self, name: &str) -> bool {
        let above: Vec<&str> = name.match_indices('/').filter_map(|(at, _)| name.get(..at)).collect();
        if self.files.contains(name)
            || self.directories.contains(name)
            || above.iter().any(|directory| self.files.contains(*directory))
        {
            return false;
        }
        self.directories.extend(above.into_iter().map(str::to_owned));
        self.files.insert(name.to_owned())
    }

    fn directories(self) -> Vec<String> {
        self.directories.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn part<'a>(location: &'a str, media_type: &'a str) -> PartToName<'a> {
        PartToName { location: Some(location), media_type }
    }

    #[test]
    fn r_32_52_parts_keep_the_names_that_others_refer_to_them_by() {
        let unnamed = PartToName { location: None, media_type: "text/xml" };
        let parts =
            [part("IMG.JPG", "image/jpeg"), unnamed, part("SUB/A.TXT", "text/plain"), part("é.jpg", "image/gif")];
        let named = name_parts("IHE_XDM/SUBSET01/DOC00002", &parts, 1);
        assert_eq!(named.names, ["IMG.JPG", "DOC00002.XML", "SUB/A.TXT", "PART0001.BIN"]);
        assert_eq!((named.directories, named.renamed), (vec!["SUB".to_owned()], 1));
    }

    #[test]
    fn r_32_03_no_part_becomes_a_program() {
        let parts = ["SETUP.EXE", "AUTORUN.INF", "A.BAT", "STYLE.CSS", "CMD"].map(|name| part(name, "text/plain"));
        let named = name_parts("IHE_XDM/SUBSET01/DOC00001", &parts, 3);
        assert_eq!(named.names, ["PART0001.TXT", "PART0002.TXT", "PART0003.TXT", "STYLE.CSS", "CMD"]);
    }

    #[test]
    fn r_32_08_every_name_of_a_part_is_iso_9660_level_1_and_its_own() {
        let hostile = [
            "../X",
            "/X",
            "A/../B",
            "A",
            "A/B",
            "A",
            "a.txt",
            "SUBSET01/METADATA.XML",
            "CON",
            "A\\B",
            "PART0001.BIN",
            "",
            "1/2/3/4/5/6/7/8",
            ".",
            "A.B.C",
        ];
        for start in 0..hostile.len() {
            let directory = "IHE_XDM/SUBSET01/DOC00001";
            let parts = hostile.map(|location| part(location, "application/octet-stream"));
            let named = name_parts(directory, &parts, start);
            assert_eq!(named.names.len(), parts.len());
            let all: BTreeSet<&String> = named.names.iter().chain(&named.directories).collect();
            assert_eq!(all.len(), named.names.len() + named.directories.len(), "{named:?}");
            for name in all {
                check_iso_9660(&format!("{directory}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}
