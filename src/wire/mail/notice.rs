//! What a mail says to the person who opens it: one notice for each package.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

use crate::wire::xdm::index_page::Language;

/// Somebody who sends or receives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Name of the institution.
    pub institution: String,
    /// Department.
    pub department: Option<String>,
    /// Person.
    pub person: Option<String>,
}

impl Party {
    /// As an open mail says it: persons and departments could tell what a patient has.
    fn in_the_open(&self) -> String {
        one_line(&self.institution)
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.institution))?;
        for more in [&self.department, &self.person].into_iter().flatten() {
            write!(f, ", {}", one_line(more))?;
        }
        Ok(())
    }
}

/// Place in the queue of the receiver: one of these words, since it is said in the open too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticePriority {
    /// Before others.
    High,
    /// As it comes.
    Normal,
    /// When there is room.
    Background,
}

/// A page from which the package is fetched instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its address: nothing in it but an unguessable id.
    pub url: String,
    /// Until when, as a person reads it.
    pub until: String,
}

/// What is said of a package.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The language of the text.
    pub language: Language,
    /// Who sends.
    pub sender: Party,
    /// For whom it is.
    pub recipient: Party,
    /// The ground of the sending, as a referral.
    pub ground: Option<String>,
    /// A line of free text.
    pub comment: Option<String>,
    /// Place in the queue of the receiver.
    pub priority: Option<NoticePriority>,
    /// Medical urgency.
    pub urgency: Option<String>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

impl Notice {
    /// The text beside a package. `open` is for a mail that is not encrypted: it names institutions only, and leaves out what
    /// somebody wrote freely, which could name a patient.
    pub fn with_package(&self, open: bool) -> String {
        let (w, mut text) = (self.words(), String::new());
        self.say(&mut text, w.enclosed, open);
        self.end(&mut text, w.how_to_open);
        text
    }

    /// The text of a mail with a link; `open` as in [`Self::with_package`].
    pub fn with_link(&self, link: &Link, open: bool) -> String {
        let (w, mut text) = (self.words(), String::new());
        self.say(&mut text, w.ready, open);
        let _ = write!(text, "\r\n{}\r\n{}\r\n\r\n{}: {}\r\n", w.fetch, link.url, w.until, link.until);
        self.end(&mut text, w.code);
        text
    }

    fn say(&self, text: &mut String, first: &str, open: bool) {
        let w = self.words();
        let named = |party: &Party| if open { party.in_the_open() } else { party.to_string() };
        let (from, to) = (named(&self.sender), named(&self.recipient));
        // Writing to a String does not fail.
        let _ = write!(text, "{first}\r\n\r\n{}: {from}\r\n{}: {to}\r\n", w.from, w.to);
        let free = |value: &Option<String>| value.clone().filter(|_| !open);
        line(text, w.ground, free(&self.ground).as_deref());
        line(text, w.priority, self.priority.map(|priority| w.priority(priority)));
        line(text, w.urgency, free(&self.urgency).as_deref());
        line(text, w.comment, free(&self.comment).as_deref());
    }

    fn end(&self, text: &mut String, last: &str) {
        let _ = write!(text, "\r\n{last}\r\n");
    }

    const fn words(&self) -> &'static Words {
        match self.language {
            Language::Dutch => &DUTCH,
            Language::English => &ENGLISH,
        }
    }
}

fn line(text: &mut String, label: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = write!(text, "{label}: {}\r\n", one_line(value));
    }
}

fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

struct Words {
    enclosed: &'static str,
    ready: &'static str,
    from: &'static str,
    to: &'static str,
    ground: &'static str,
    priority: &'static str,
    priorities: [&'static str; 3],
    urgency: &'static str,
    comment: &'static str,
    how_to_open: &'static str,
    fetch: &'static str,
    until: &'static str,
    code: &'static str,
}

impl Words {
    const fn priority(&self, priority: NoticePriority) -> &'static str {
        let [high, normal, background] = self.priorities;
        match priority {
            NoticePriority::High => high,
            NoticePriority::Normal => normal,
            NoticePriority::Background => background,
        }
    }
}

const DUTCH: Words = Words {
    enclosed: "Bij dit bericht is een pakket met medische documenten gevoegd.",
    ready: "Er staan medische documenten voor u klaar.",
    from: "Van",
    to: "Voor",
    ground: "Reden",
    priority: "Prioriteit",
    priorities: ["hoog", "normaal", "zonder haast"],
    urgency: "Urgentie",
    comment: "Toelichting",
    how_to_open: "Sla XDM.ZIP op, pak het uit en open INDEX.HTM, of lees het pakket in in uw eigen systeem.",
    fetch: "Haal het pakket op via:",
    until: "Beschikbaar tot",
    code: "De code die de pagina vraagt krijgt u apart van de afzender.",
};

const ENGLISH: Words = Words {
    enclosed: "A package of medical documents is attached to this message.",
    ready: "Medical documents are ready for you.",
    from: "From",
    to: "For",
    ground: "Reason",
    priority: "Priority",
    priorities: ["high", "normal", "no hurry"],
    urgency: "Urgency",
    comment: "Comment",
    how_to_open: "Save XDM.ZIP, unpack it and open INDEX.HTM, or import the package into your own system.",
    fetch: "Fetch the package from:",
    until: "Available until",
    code: "The sender gives you the code that the page asks for in another way.",
};
