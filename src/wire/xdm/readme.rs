//! README.TXT: who made the medium, with what, and how it is organised.
//!
//! ASCII, CR LF, lines of at most 78 characters. Says nothing about the documents.
//!
//! Source: ITI TF-2 §3.32.4.1.2.1 (R-32-20).

use unicode_normalization::UnicodeNormalization;

/// Characters in a line.
const LINE: usize = 78;

/// Who made the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readme<'a> {
    /// Name of the institution.
    pub institution: &'a str,
    /// How it is reached: address, telephone, mail.
    pub contact: &'a str,
    /// Name and version of the program.
    pub application: &'a str,
    /// Contact of who makes the program.
    pub vendor: &'a str,
    /// Whether DICOM objects are on it.
    pub has_dicom: bool,
}

impl Readme<'_> {
    /// The octets of the file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = String::new();
        let mut section = |title: &str, paragraphs: &[&str]| {
            push_wrapped(&mut out, title);
            for paragraph in paragraphs.iter().filter(|text| !text.trim().is_empty()) {
                push_wrapped(&mut out, paragraph);
            }
            out.push_str("\r\n");
        };
        section("MADE BY", &[self.institution, self.contact]);
        section("MADE WITH", &[self.application, self.vendor]);
        section(
            "WHAT IS ON THIS MEDIUM",
            &[
                "Medical documents of one or more patients, organised as the IHE profile Cross-Enterprise Document \
                 Media Interchange (XDM, ITI-32) says. They are confidential.",
                "INDEX.HTM lists the documents for a person; open it with any browser.",
                "IHE_XDM has a directory for each submission set. METADATA.XML in it describes the documents for \
                 the program that imports them; the documents lie beside it.",
            ],
        );
        if self.has_dicom {
            section(
                "DICOM OBJECTS",
                &["DICOMDIR lists the images and other DICOM objects; they lie in DICOM. Any DICOM viewer opens it. \
                   No viewer is on this medium."],
            );
        }
        section("PROGRAMS", &["There is no program on this medium, and nothing starts by itself."]);
        out.into_bytes()
    }
}

/// Letters without their marks; what has no likeness becomes a question mark.
fn ascii(text: &str) -> String {
    let bare = text.nfkd().filter(|c| !unicode_normalization::char::is_combining_mark(*c));
    bare.map(|c| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        '\u{2010}'..='\u{2015}' => '-',
        '\u{2018}' | '\u{2019}' => '\'',
        _ => '?',
    })
    .collect()
}

fn push_wrapped(out: &mut String, text: &str) {
    let text = ascii(text);
    let mut line = 0;
    for word in text.split_ascii_whitespace() {
        for piece in word.as_bytes().chunks(LINE) {
            if line > 0 && line + 1 + piece.len() > LINE {
                out.push_str("\r\n");
                line = 0;
            }
            if line > 0 {
                out.push(' ');
                line += 1;
            }
            out.push_str(&String::from_utf8_lossy(piece));
            line += piece.len();
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_32_20_ascii_with_short_lines_whatever_the_institution_is_called() {
        let long = "x".repeat(200);
        let readme = Readme {
            institution: "Sint Jörg Ziekenhuis – ’s-Hertogenbosch \u{1F3E5}\r\nafdeling",
            contact: &long,
            application: "knoop 1",
            vendor: "Café",
            has_dicom: true,
        };
        let text = String::from_utf8(readme.write()).unwrap();
        assert!(text.is_ascii() && text.ends_with("\r\n"));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        for line in text.split("\r\n") {
            assert!(line.len() <= LINE && !line.contains('\r'), "{line}");
        }
        for said in ["Sint Jorg Ziekenhuis - 's-Hertogenbosch ? afdeling", "knoop 1", "Cafe", "IHE_XDM", "DICOMDIR"] {
            assert!(text.contains(said), "{said}");
        }
        let without = Readme { has_dicom: false, ..readme };
        assert!(!String::from_utf8(without.write()).unwrap().contains("DICOM"));
    }
}
