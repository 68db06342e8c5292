//! The words of the page.

use actix_web::http::header::{ACCEPT_LANGUAGE, HeaderMap};

/// What the page says.
pub(super) struct Words {
    pub language: &'static str,
    pub title: &'static str,
    pub sent_by: &'static str,
    pub code: &'static str,
    pub hint: &'static str,
    pub open: &'static str,
    pub wrong: &'static str,
    pub tries: &'static str,
    pub locked: &'static str,
    pub expired: &'static str,
    pub withdrawn: &'static str,
    pub used: &'static str,
    pub unknown: &'static str,
    pub too_many: &'static str,
    pub trouble: &'static str,
    pub ready: &'static str,
    pub fetch: &'static str,
    pub until: &'static str,
    pub how_to_open: &'static str,
    pub ask_sender: &'static str,
}

impl Words {
    /// In the first language of the browser that is spoken here; Dutch where none is.
    pub(super) fn of(headers: &HeaderMap) -> &'static Self {
        let wanted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let first =
            wanted.split(',').map(|item| item.trim().to_ascii_lowercase()).find_map(|item| match item.get(..2) {
                Some("nl") => Some(&DUTCH),
                Some("en") => Some(&ENGLISH),
                _ => None,
            });
        first.unwrap_or(&DUTCH)
    }
}

static DUTCH: Words = Words {
    language: "nl",
    title: "Medische documenten ophalen",
    sent_by: "Verzonden door",
    code: "Code",
    hint: "De code van tien letters en cijfers kreeg u apart van de afzender.",
    open: "Openen",
    wrong: "Deze code is niet juist.",
    tries: "Pogingen over",
    locked: "Er is te vaak een onjuiste code ingevuld. Het pakket is vergrendeld.",
    expired: "Het pakket is niet meer beschikbaar: de termijn is verstreken.",
    withdrawn: "De afzender heeft het pakket ingetrokken.",
    used: "Deze code is al gebruikt.",
    unknown: "Onder dit adres is niets te vinden. Controleer of u de hele link heeft overgenomen.",
    too_many: "Te veel verzoeken vanaf dit adres. Probeer het over een minuut opnieuw.",
    trouble: "Er ging hier iets mis. Probeer het later opnieuw.",
    ready: "Het pakket staat klaar.",
    fetch: "Pakket downloaden",
    until: "Beschikbaar tot",
    how_to_open: "Sla het bestand op, pak het uit en open INDEX.HTM, of lees het in in uw eigen systeem.",
    ask_sender: "Vraag de afzender om een nieuwe code of een nieuwe zending.",
};

static ENGLISH: Words = Words {
    language: "en",
    title: "Fetch medical documents",
    sent_by: "Sent by",
    code: "Code",
    hint: "The sender gave you the code of ten letters and digits in another way.",
    open: "Open",
    wrong: "This code is not right.",
    tries: "Tries left",
    locked: "A wrong code was given too often. The package is locked.",
    expired: "The package is no longer available: its time is over.",
    withdrawn: "The sender took the package back.",
    used: "This code was used already.",
    unknown: "There is nothing at this address. Check that you have the whole link.",
    too_many: "Too many requests from this address. Try again in a minute.",
    trouble: "Something went wrong here. Try again later.",
    ready: "The package is ready.",
    fetch: "Download the package",
    until: "Available until",
    how_to_open: "Save the file, unpack it and open INDEX.HTM, or import it into your own system.",
    ask_sender: "Ask the sender for a new code or to send it again.",
};
