//! INDEX.HTM: what is on the medium, for a person with any browser.
//!
//! XHTML Basic, one inline style, no script and nothing from outside. Every text is escaped. Written piece after piece, so
//! that a long list need not stay in memory.
//!
//! Source: ITI TF-2 §3.32.4.1.2.1 (R-32-21, R-32-22).

mod text;
mod words;

use std::io::{self, Write};

pub use text::{days_and_times, is_confidential, person, person_of_pid_5, readable_cx, readable_xon, sex};
pub use words::Language;
use words::Words;

use super::names::{DICOMDIR, README};
use crate::wire::html::escaped;

const STYLE: &str = "body{font-family:sans-serif;margin:1em;line-height:1.4}\
    table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{border:1px solid #999;padding:.3em .6em;text-align:left;\
    vertical-align:top}th{background:#eee}dt{font-weight:bold;margin-top:.3em}dd{margin-left:1em}\
    h2{border-top:2px solid #246;padding-top:.5em;color:#246}.box{border:1px solid #246;background:#eef4fa;\
    padding:.4em .8em}";

/// What is said of the medium as a whole.
#[derive(Clone, Copy, Debug)]
pub struct PageHead<'a> {
    /// Who made it.
    pub institution: &'a str,
    /// How they are reached; may be empty.
    pub contact: &'a str,
    /// When it was made, for people.
    pub made: &'a str,
    /// For whom it is; may be empty.
    pub recipient: &'a str,
    /// A line to the receiver; may be empty.
    pub comment: &'a str,
    /// Why it is sent; may be empty.
    pub reason: &'a str,
    /// Priority and urgency, for people; may be empty.
    pub priority: &'a str,
    /// Medical urgency; may be empty.
    pub urgency: &'a str,
    /// Whether there is a DICOMDIR.
    pub has_dicom: bool,
}

/// What is said of a submission set; empty texts are left out.
#[derive(Clone, Debug, Default)]
pub struct SetHead {
    /// Its directory on the medium.
    pub directory: String,
    /// `Family, Given`.
    pub patient: String,
    /// Date of birth.
    pub born: String,
    /// Sex, as PID-8 has it.
    pub sex: String,
    /// Identifier with its authority.
    pub patient_id: String,
    /// Who made the set.
    pub author: String,
    /// Whose it is.
    pub institution: String,
    /// When it was submitted.
    pub submitted: String,
    /// What it is called.
    pub title: String,
    /// Which part of a divided set it is.
    pub part: String,
    /// Documents in it.
    pub documents: usize,
}

/// A line of the list of documents.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Title; empty where nobody but the addressee may read it.
    pub title: String,
    /// Type of document.
    pub kind: String,
    /// When it was made.
    pub created: String,
    /// From when to when the service was given.
    pub service: String,
    /// By whom.
    pub author: String,
    /// Octets.
    pub size_bytes: u64,
    /// Path on the medium.
    pub path: String,
    /// Its media type.
    pub media_type: String,
}

/// Writes the pieces of the page in one language.
#[derive(Clone, Copy, Debug)]
pub struct IndexPage {
    language: Language,
    words: &'static Words,
}

impl IndexPage {
    /// A page in this language.
    pub fn new(language: Language) -> Self {
        Self { language, words: language.words() }
    }

    /// Everything before the first set.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn head(&self, out: &mut dyn Write, head: &PageHead<'_>) -> io::Result<()> {
        let (w, tag) = (self.words, self.language.tag());
        let heading = match head.institution {
            "" => w.medical_documents.to_owned(),
            institution => format!("{} {institution}", w.documents_of),
        };
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML Basic 1.1//EN\" \
             \"http://www.w3.org/TR/xhtml-basic/xhtml-basic11.dtd\">\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"{tag}\">\n<head>\n\
             <meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\"/>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{}</title>\n\
             <style type=\"text/css\">{STYLE}</style>\n</head>\n<body>\n<h1>{}</h1>\n<p>{}</p>\n",
            escaped(&heading),
            escaped(&heading),
            w.confidential,
        )?;
        let about = [
            (w.contact, head.contact),
            (w.made, head.made),
            (w.recipient, head.recipient),
            (w.reason, head.reason),
            (w.urgency, head.urgency),
            (w.priority, head.priority),
            (w.comment, head.comment),
        ];
        definitions(out, " class=\"box\"", &about)?;
        write!(out, "<ul>\n<li><a href=\"{README}\" type=\"text/plain\">{}</a></li>\n", w.readme)?;
        if head.has_dicom {
            writeln!(out, "<li><a href=\"{DICOMDIR}\">DICOMDIR</a>: {}</li>", w.dicomdir)?;
        }
        writeln!(out, "<li><a href=\"#importable\">{}</a></li>\n</ul>", w.importable)?;
        writeln!(out, "<h2 id=\"importable\">{}</h2>", w.importable)
    }

    /// Begins a set and its list.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn set(&self, out: &mut dyn Write, set: &SetHead) -> io::Result<()> {
        let w = self.words;
        let name = if set.patient.is_empty() { w.unnamed } else { &set.patient };
        write!(out, "<div id=\"{}\">\n<h3>{}</h3>\n", escaped(&set.directory), escaped(name))?;
        let submitted = [
            (w.born, set.born.as_str()),
            (w.sex, self.sex(&set.sex)),
            (w.patient_id, &set.patient_id),
            (w.set_title, &set.title),
            (w.part, &set.part),
            (w.author, &set.author),
            (w.institution, &set.institution),
            (w.submitted, &set.submitted),
        ];
        definitions(out, "", &submitted)?;
        writeln!(out, "<table>\n<caption>{} {}</caption>", set.documents, w.documents(set.documents))?;
        out.write_all(b"<tr>")?;
        for heading in [w.title, w.kind, w.created, w.service, w.author, w.size, w.file] {
            write!(out, "<th scope=\"col\">{heading}</th>")?;
        }
        out.write_all(b"</tr>\n")
    }

    /// A document of the set.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn row(&self, out: &mut dyn Write, row: &Row) -> io::Result<()> {
        let path = escaped(&row.path);
        let title = if row.title.is_empty() { self.words.untitled } else { &row.title };
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>\
             <td><a href=\"{path}\" type=\"{}\">{}</a></td></tr>",
            escaped(title),
            escaped(&row.kind),
            escaped(&row.created),
            escaped(&row.service),
            escaped(&row.author),
            text::size(row.size_bytes, self.language),
            escaped(&row.media_type),
            path.rsplit('/').next().unwrap_or_default(),
        )
    }

    /// Ends the set.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn set_end(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"</table>\n</div>\n")
    }

    /// Everything after the last set: what a program cannot import, named by title.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn end(&self, out: &mut dyn Write, not_importable: &[String]) -> io::Result<()> {
        let w = self.words;
        writeln!(out, "<h2>{}</h2>", w.not_importable)?;
        if not_importable.is_empty() {
            writeln!(out, "<p>{}</p>", w.none)?;
        } else {
            out.write_all(b"<ul>\n")?;
            for title in not_importable {
                writeln!(out, "<li>{}</li>", escaped(title))?;
            }
            out.write_all(b"</ul>\n")?;
        }
        out.write_all(b"</body>\n</html>\n")
    }

    fn sex<'a>(&self, code: &'a str) -> &'a str {
        match code {
            "F" => self.words.female,
            "M" => self.words.male,
            other => other,
        }
    }
}

/// A list of what is known, nothing where nothing is.
fn definitions(out: &mut dyn Write, attributes: &str, pairs: &[(&str, &str)]) -> io::Result<()> {
    if pairs.iter().all(|(_, value)| value.is_empty()) {
        return Ok(());
    }
    writeln!(out, "<dl{attributes}>")?;
    for (term, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "<dt>{term}</dt><dd>{}</dd>", escaped(value))?;
    }
    out.write_all(b"</dl>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "<script>alert(1)</script> ]]> \" ' & \u{202e}x\u{0} <!-- --> &lt; javascript:";

    pub(super) fn page(language: Language, text: &str) -> String {
        let page = IndexPage::new(language);
        let mut out = Vec::new();
        let head = PageHead {
            institution: text,
            contact: text,
            made: text,
            recipient: text,
            comment: text,
            reason: text,
            priority: text,
            urgency: text,
            has_dicom: true,
        };
        let owned = || text.to_owned();
        let set = SetHead {
            directory: "SUBSET01".to_owned(),
            patient: owned(),
            born: owned(),
            sex: owned(),
            patient_id: owned(),
            author: owned(),
            institution: owned(),
            submitted: owned(),
            title: owned(),
            part: owned(),
            documents: 1,
        };
        let row = Row {
            title: owned(),
            kind: owned(),
            created: owned(),
            service: owned(),
            author: owned(),
            size_bytes: 38,
            path: "IHE_XDM/SUBSET01/DOC00001.TXT".to_owned(),
            media_type: owned(),
        };
        page.head(&mut out, &head).unwrap();
        page.set(&mut out, &set).unwrap();
        page.row(&mut out, &row).unwrap();
        page.set_end(&mut out).unwrap();
        page.end(&mut out, &[owned()]).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn r_32_22_nothing_that_was_sent_becomes_markup() {
        for language in [Language::Dutch, Language::English] {
            let (hostile, plain) = (page(language, HOSTILE), page(language, "plain"));
            let tags = |page: &str| {
                let xml = page.split_once("<html").map(|(_, rest)| format!("<html{rest}")).unwrap();
                let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error}: {xml}"));
                let elements = document.descendants().filter(|node| node.is_element());
                elements.map(|node| (node.tag_name().name().to_owned(), node.attributes().len())).collect::<Vec<_>>()
            };
            assert_eq!(tags(&hostile), tags(&plain));
            assert!(!hostile.contains("<script") && !hostile.contains("]]>") && !hostile.contains('\u{202e}'));
        }
    }

    #[test]
    fn r_32_22_nothing_comes_from_outside() {
        let page = page(Language::Dutch, "plain");
        let after = page.split_once("<html").unwrap().1.replacen("http://www.w3.org/1999/xhtml", "", 1);
        assert!(!after.contains("://") && !after.contains("url(") && !after.contains("@import"));
        assert!(!after.contains("src=") && !after.contains("<link"));
        assert!(page.contains("<a href=\"IHE_XDM/SUBSET01/DOC00001.TXT\" type=\"plain\">DOC00001.TXT</a>"));
        assert!(page.contains("<a href=\"README.TXT\"") && page.contains("<a href=\"DICOMDIR\""));
    }
}
