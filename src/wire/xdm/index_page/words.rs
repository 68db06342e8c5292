//! The words of the page.

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Language {
    /// Nederlands.
    #[default]
    Dutch,
    /// English.
    English,
}

pub(super) struct Words {
    pub documents_of: &'static str,
    pub medical_documents: &'static str,
    pub confidential: &'static str,
    pub contact: &'static str,
    pub made: &'static str,
    pub recipient: &'static str,
    pub reason: &'static str,
    pub urgency: &'static str,
    pub priority: &'static str,
    pub comment: &'static str,
    pub readme: &'static str,
    pub dicomdir: &'static str,
    pub importable: &'static str,
    pub not_importable: &'static str,
    pub none: &'static str,
    pub unnamed: &'static str,
    pub untitled: &'static str,
    pub born: &'static str,
    pub sex: &'static str,
    pub female: &'static str,
    pub male: &'static str,
    pub patient_id: &'static str,
    pub set_title: &'static str,
    pub part: &'static str,
    pub author: &'static str,
    pub institution: &'static str,
    pub submitted: &'static str,
    pub title: &'static str,
    pub kind: &'static str,
    pub created: &'static str,
    pub service: &'static str,
    pub size: &'static str,
    pub file: &'static str,
    document: &'static str,
    documents: &'static str,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    pub(super) fn documents(&self, count: usize) -> &'static str {
        if count == 1 { self.document } else { self.documents }
    }
}

impl Language {
    /// BCP 47.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Dutch => "nl",
            Self::English => "en",
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::Dutch => &DUTCH,
            Self::English => &ENGLISH,
        }
    }
}

const DUTCH: Words = Words {
    documents_of: "Documenten van",
    medical_documents: "Medische documenten",
    confidential: "Dit medium bevat vertrouwelijke medische gegevens.",
    contact: "Contact",
    made: "Gemaakt",
    recipient: "Bestemd voor",
    reason: "Reden van verzending",
    urgency: "Urgentie",
    priority: "Prioriteit",
    comment: "Toelichting",
    readme: "Over dit medium",
    dicomdir: "beelden, te openen met een DICOM-viewer",
    importable: "Documenten die een programma kan inlezen",
    not_importable: "Gegevens die een programma niet kan inlezen",
    none: "Geen.",
    unnamed: "Patiënt zonder naam",
    untitled: "(zonder titel)",
    born: "Geboren",
    sex: "Geslacht",
    female: "vrouw",
    male: "man",
    patient_id: "Patiëntnummer",
    set_title: "Onderwerp",
    part: "Deel",
    author: "Auteur",
    institution: "Instelling",
    submitted: "Samengesteld",
    title: "Titel",
    kind: "Soort",
    created: "Datum",
    service: "Periode van zorg",
    size: "Grootte",
    file: "Bestand",
    document: "document",
    documents: "documenten",
};

const ENGLISH: Words = Words {
    documents_of: "Documents of",
    medical_documents: "Medical documents",
    confidential: "This medium holds confidential medical data.",
    contact: "Contact",
    made: "Made",
    recipient: "Intended for",
    reason: "Reason for sending",
    urgency: "Urgency",
    priority: "Priority",
    comment: "Comment",
    readme: "About this medium",
    dicomdir: "images, to be opened with a DICOM viewer",
    importable: "Documents that a program can import",
    not_importable: "Data that a program cannot import",
    none: "None.",
    unnamed: "Patient without a name",
    untitled: "(no title)",
    born: "Born",
    sex: "Sex",
    female: "female",
    male: "male",
    patient_id: "Patient number",
    set_title: "Subject",
    part: "Part",
    author: "Author",
    institution: "Institution",
    submitted: "Put together",
    title: "Title",
    kind: "Type",
    created: "Date",
    service: "Period of care",
    size: "Size",
    file: "File",
    document: "document",
    documents: "documents",
};
