//! Names on a medium: ISO 9660 level 1, also on USB and in zip files.
//!
//! Source: ITI TF-2 §3.32.4.1.2 (R-32-01, R-32-07 to R-32-10), DICOM PS3.10 §8.2.

/// The directory of the submission sets.
pub const IHE_XDM: &str = "IHE_XDM";
/// The metadata of a submission set.
pub const METADATA: &str = "METADATA.XML";
/// The start page for a person with a browser.
pub const INDEX: &str = "INDEX.HTM";
/// Who made the medium.
pub const README: &str = "README.TXT";
/// The index of the DICOM objects.
pub const DICOMDIR: &str = "DICOMDIR";
/// The directory of the DICOM objects that the DICOMDIR names.
pub const DICOM: &str = "DICOM";

/// Most submission sets on a medium, and most documents in one of them: five digits.
pub const MOST: u32 = 99_999;
/// Directory levels, the root counted.
const LEVELS: usize = 8;

/// Extensions by media type; what is not here is `BIN`.
const EXTENSIONS: [(&str, &str); 16] = [
    ("text/xml", "XML"),
    ("application/xml", "XML"),
    ("application/fhir+xml", "XML"),
    ("application/pdf", "PDF"),
    ("text/plain", "TXT"),
    ("text/html", "HTM"),
    ("application/xhtml+xml", "HTM"),
    ("image/jpeg", "JPG"),
    ("image/png", "PNG"),
    ("image/tiff", "TIF"),
    ("application/json", "JSN"),
    ("application/fhir+json", "JSN"),
    ("text/rtf", "RTF"),
    ("application/rtf", "RTF"),
    ("application/dicom", "DCM"),
    ("application/zip", "ZIP"),
];

/// The media type of DICOM objects.
pub const DICOM_MEDIA_TYPE: &str = "application/dicom";

/// A media type without parameters, in lower case.
pub fn bare_media_type(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The extension of a document that no DICOMDIR names.
pub fn extension(media_type: &str) -> &'static str {
    let bare = bare_media_type(media_type);
    EXTENSIONS.iter().find(|(known, _)| *known == bare).map_or("BIN", |(_, extension)| extension)
}

/// The media type that an extension stands for, in any case; none for `BIN` and those that are not known.
pub fn media_type_of(extension: &str) -> Option<&'static str> {
    EXTENSIONS.iter().find(|(_, known)| known.eq_ignore_ascii_case(extension)).map(|(kind, _)| *kind)
}

/// The directory of a submission set, counted from 1; none beyond [`MOST`] (R-32-07).
pub fn set_directory(number: u32) -> Option<String> {
    match number {
        1..=99 => Some(format!("SUBSET{number:02}")),
        100..=MOST => Some(format!("SUB{number:05}")),
        _ => None,
    }
}

/// The file of a document within its set, counted from 1; none beyond [`MOST`] (R-32-07).
pub fn document(number: u32, media_type: &str) -> Option<String> {
    (1..=MOST).contains(&number).then(|| format!("DOC{number:05}.{}", extension(media_type)))
}

/// The directory of a document of several parts within its set, counted from 1; none beyond [`MOST`] (R-32-07, R-32-52).
pub fn document_directory(number: u32) -> Option<String> {
    (1..=MOST).contains(&number).then(|| format!("DOC{number:05}"))
}

/// Whether a name without its extension is one that this program gives documents: it says nothing of its own.
pub fn is_counted(stem: &str) -> bool {
    stem.strip_prefix("DOC").is_some_and(|rest| rest.len() == 5 && rest.bytes().all(|b| b.is_ascii_digit()))
}

/// The path of a DICOM object that the DICOMDIR names: set and document counted from 1, no extension (R-32-09).
pub fn dicom_object(set: u32, number: u32) -> Option<String> {
    let both = (1..=MOST).contains(&set) && (1..=MOST).contains(&number);
    both.then(|| format!("{DICOM}/SET{set:05}/IM{number:06}"))
}

/// What is wrong with a name on a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("XdmNameNotIso9660: the name of a file on the medium breaks ISO 9660 level 1")]
pub struct NotIso9660;

/// Whether each step is of 1 to 8 characters `A-Z 0-9 _`, the last one perhaps with an extension of 1 to 3, and the
/// directories are not too deep. Source: ITI TF-2 §3.32.4.1.2.1 (R-32-08).
///
/// # Errors
/// [`NotIso9660`].
pub fn check_iso_9660(path: &str) -> Result<(), NotIso9660> {
    let plain = |text: &str, most: usize| {
        (1..=most).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    let steps: Vec<&str> = path.split('/').collect();
    let Some((file, directories)) = steps.split_last() else { return Err(NotIso9660) };
    let file_is_good = match file.split_once('.') {
        None => plain(file, 8),
        Some((name, extension)) => plain(name, 8) && plain(extension, 3),
    };
    let good = file_is_good && directories.len() < LEVELS && directories.iter().all(|step| plain(step, 8));
    if good { Ok(()) } else { Err(NotIso9660) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_08_every_generated_name_is_iso_9660_level_1() {
        for fixed in [IHE_XDM, METADATA, INDEX, README, DICOMDIR, DICOM] {
            check_iso_9660(fixed).unwrap_or_else(|error| panic!("{fixed}: {error}"));
        }
        let numbers = || (1..=120).chain([998, 1000, 9_999, 10_000, MOST - 1, MOST]);
        let kinds =
            EXTENSIONS.iter().map(|(kind, _)| *kind).chain(["", "application/x-unknown", "TEXT/XML; charset=x"]);
        for kind in kinds {
            for number in numbers() {
                let (set, file) = (set_directory(number).unwrap(), document(number, kind).unwrap());
                let path = format!("{IHE_XDM}/{set}/{file}");
                check_iso_9660(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        }
        for number in numbers() {
            let path = dicom_object(number, MOST - number + 1).unwrap();
            check_iso_9660(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            assert!(!path.contains('.'), "R-32-09: {path}");
        }
        for beyond in [0, MOST + 1, u32::MAX] {
            assert!(set_directory(beyond).is_none() && document(beyond, "text/xml").is_none());
            assert!(dicom_object(beyond, 1).is_none() && dicom_object(1, beyond).is_none());
        }
    }

    #[test]
    fn r_32_07_names_are_those_of_the_figures() {
        assert_eq!(set_directory(1).as_deref(), Some("SUBSET01"));
        assert_eq!(set_directory(100).as_deref(), Some("SUB00100"));
        assert_eq!(document(1, "text/xml").as_deref(), Some("DOC00001.XML"));
        assert_eq!(document(7, "Application/PDF; x=y").as_deref(), Some("DOC00007.PDF"));
        assert_eq!(document(7, "video/mp4").as_deref(), Some("DOC00007.BIN"));
    }

    #[test]
    fn r_32_08_what_is_no_name_is_told() {
        for bad in [
            "",
            "a.XML",
            "DOC000001.XML",
            "DOC.HTML",
            "DOC.",
            ".XML",
            "A.B.C",
            "DIR.X/FILE",
            "A//B",
            "/A",
            "DOC-1.XML",
            "É.XML",
            "1/2/3/4/5/6/7/8/F",
        ] {
            assert_eq!(check_iso_9660(bad), Err(NotIso9660), "{bad}");
        }
        assert_eq!(check_iso_9660("1/2/3/4/5/6/7/F"), Ok(()));
    }
}
