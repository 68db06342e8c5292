//! From an object as it was sent to its body.

use super::{fragments as f, tokens as t};
use crate::{
    model::{
        Body, DocumentEntryType, EntryUuid,
        rim::{Classification, ExternalIdentifier, LocalizedString, RegistryObject, RimKind, Slot},
        vocabulary as v,
    },
    wire::ebrim::escape::write_escaped,
};

/// Makes the body of an object; `fresh` gives ids to its classifications and identifiers.
pub fn encode(object: &RegistryObject, fresh: &mut dyn FnMut() -> EntryUuid) -> Body {
    let mut body = Encoder { bytes: Vec::with_capacity(1536), scratch: Vec::new(), fresh };
    body.token(t::VERSION);
    let end = body.open(object);
    body.slots_of_object(object);
    body.strings(f::NAME, f::NAME_END, &object.name);
    body.strings(f::DESCRIPTION, f::DESCRIPTION_END, &object.description);
    body.token(t::VERSION_INFO);
    for (index, classification) in object.classifications.iter().enumerate() {
        let earlier = object.classifications.get(..index).unwrap_or_default();
        if !is_second_mark(classification, earlier) {
            body.classification(classification);
        }
    }
    for identifier in &object.external_identifiers {
        body.identifier(identifier, matches!(object.kind, RimKind::Association { .. }));
    }
    body.token(end);
    body.bytes.shrink_to_fit();
    Body::from_bytes(body.bytes)
}

/// Some senders mark a package twice (spec §8, 24).
fn is_second_mark(classification: &Classification, earlier: &[Classification]) -> bool {
    let Some(node) = &classification.classification_node else { return false };
    earlier.iter().filter_map(|c| c.classification_node.as_ref()).any(|other| other.eq_ignore_ascii_case(node))
}

struct Encoder<'a> {
    bytes: Vec<u8>,
    scratch: Vec<u8>,
    fresh: &'a mut dyn FnMut() -> EntryUuid,
}

impl Encoder<'_> {
    fn token(&mut self, token: u8) {
        self.bytes.push(token);
    }

    fn tokens(&mut self, tokens: &[u8]) {
        self.bytes.extend_from_slice(tokens);
    }

    fn text(&mut self, text: &str) {
        self.scratch.clear();
        write_escaped(&mut self.scratch, text);
        for part in self.scratch.chunks(usize::from(u16::MAX)) {
            if let Ok(length) = u8::try_from(part.len()) {
                self.bytes.extend_from_slice(&[t::SHORT_TEXT, length]);
            } else {
                // A part is never longer than its chunk.
                let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
                self.bytes.push(t::LONG_TEXT);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
            self.bytes.extend_from_slice(part);
        }
    }

    fn fresh_id(&mut self) {
        let id = (self.fresh)();
        self.bytes.push(t::UUID);
        self.bytes.extend_from_slice(id.as_bytes());
    }

    /// Writes the start tag and returns the token of the end tag.
    fn open(&mut self, object: &RegistryObject) -> u8 {
        match &object.kind {
            RimKind::ExtrinsicObject { mime_type } => {
                self.tokens(&[f::EXTRINSIC_OBJECT, t::OWN_ID, f::QUOTE, t::HOME, t::LID]);
                match object.object_type.as_deref().map(|urn| (urn, DocumentEntryType::from_urn(urn))) {
                    None | Some((_, Some(DocumentEntryType::Stable))) => self.token(f::STABLE_STATUS),
                    Some((_, Some(DocumentEntryType::OnDemand))) => self.token(f::ON_DEMAND_STATUS),
                    Some((other, None)) => {
                        self.token(f::OBJECT_TYPE);
                        self.text(other);
                        self.token(f::STATUS_ATTRIBUTE);
                    }
                }
                self.token(t::STATUS);
                if let Some(mime_type) = mime_type {
                    self.token(f::MIME_TYPE);
                    self.text(mime_type);
                }
                self.token(f::TAG_END);
                f::EXTRINSIC_OBJECT_END
            }
            RimKind::RegistryPackage => {
                self.tokens(&[f::REGISTRY_PACKAGE, t::OWN_ID, f::QUOTE, t::HOME, t::LID]);
                self.tokens(&[f::PACKAGE_STATUS, t::STATUS, f::TAG_END]);
                f::REGISTRY_PACKAGE_END
            }
            RimKind::Association { .. } => {
                self.tokens(&[f::ASSOCIATION, t::OWN_ID, f::QUOTE, t::HOME, t::LID, f::ASSOCIATION_STATUS, t::STATUS]);
                self.tokens(&[f::ASSOCIATION_TYPE_ATTRIBUTE, t::ASSOCIATION_TYPE, f::SOURCE_OBJECT, t::SOURCE]);
                self.tokens(&[f::TARGET_OBJECT, t::TARGET, f::TAG_END]);
                f::ASSOCIATION_END
            }
        }
    }

    /// The slots, with holes where slots stood whose values are kept in columns; else after the last slot.
    fn slots_of_object(&mut self, object: &RegistryObject) {
        let mut missing: Vec<(&str, u8)> = match object.kind {
            RimKind::ExtrinsicObject { .. } => vec![
                (v::SLOT_REPOSITORY_UNIQUE_ID, t::REPOSITORY_UNIQUE_ID),
                (v::SLOT_DOCUMENT_AVAILABILITY, t::AVAILABILITY),
            ],
            RimKind::RegistryPackage => vec![(v::SLOT_LAST_UPDATE_TIME, t::LAST_UPDATE_TIME)],
            RimKind::Association { .. } => Vec::new(),
        };
        for slot in &object.slots {
            match missing.iter().position(|(name, _)| *name == &*slot.name) {
                Some(index) => {
                    let (_, hole) = missing.remove(index);
                    self.token(hole);
                }
                None => self.slot(slot),
            }
        }
        for (_, hole) in missing {
            self.token(hole);
        }
    }

    fn slot(&mut self, slot: &Slot) {
        let Some((first, others)) = slot.values.split_first() else {
            self.token(f::SLOT);
            self.text(&slot.name);
            return self.token(f::NO_VALUES);
        };
        match f::slot(&slot.name) {
            Some(known) => self.token(known),
            None => {
                self.token(f::SLOT);
                self.text(&slot.name);
                self.token(f::FIRST_VALUE);
            }
        }
        self.text(first);
        for value in others {
            self.token(f::NEXT_VALUE);
            self.text(value);
        }
        self.token(f::SLOT_END);
    }

    fn strings(&mut self, start: u8, end: u8, strings: &[LocalizedString]) {
        if strings.is_empty() {
            return;
        }
        self.token(start);
        for string in strings {
            match (&string.lang, string.charset.as_deref()) {
                (None, None) => self.token(f::STRING),
                (Some(lang), charset) => {
                    self.token(f::STRING_LANG);
                    self.text(lang);
                    match charset {
                        None => self.token(f::AND_VALUE),
                        Some("UTF-8") => self.token(f::AND_UTF_8),
                        Some(other) => {
                            self.token(f::AND_CHARSET);
                            self.text(other);
                            self.token(f::AND_VALUE);
                        }
                    }
                }
                (None, Some(charset)) => {
                    self.token(f::STRING_CHARSET);
                    self.text(charset);
                    self.token(f::AND_VALUE);
                }
            }
            self.text(&string.value);
            self.token(f::STRING_END);
        }
        self.token(end);
    }

    fn classification(&mut self, classification: &Classification) {
        self.token(f::CLASSIFICATION);
        self.fresh_id();
        self.tokens(&[f::CLASSIFIED_OBJECT, t::OWN_ID, f::CLASSIFICATION_TYPE]);
        if let Some(scheme) = &classification.classification_scheme {
            self.reference(f::classification_scheme(scheme), f::SCHEME_ATTRIBUTE, scheme);
        }
        if let Some(node) = &classification.classification_node {
            self.reference(f::classification_node(node), f::NODE_ATTRIBUTE, node);
        }
        match classification.node_representation.as_deref() {
            None => {}
            Some("") => self.token(f::EMPTY_NODE_REPRESENTATION),
            Some(code) => self.reference(None, f::NODE_REPRESENTATION, code),
        }
        self.token(f::GREATER);
        for slot in &classification.slots {
            self.slot(slot);
        }
        self.strings(f::NAME, f::NAME_END, &classification.name);
        self.strings(f::DESCRIPTION, f::DESCRIPTION_END, &classification.description);
        self.token(f::CLASSIFICATION_END);
    }

    fn reference(&mut self, known: Option<u8>, attribute: u8, value: &str) {
        match known {
            Some(known) => self.token(known),
            None => {
                self.token(attribute);
                self.text(value);
                self.token(f::QUOTE);
            }
        }
    }

    /// The patientId is a hole, save on associations, which have none.
    fn identifier(&mut self, identifier: &ExternalIdentifier, of_association: bool) {
        self.token(f::IDENTIFIER);
        self.fresh_id();
        self.tokens(&[f::REGISTRY_OBJECT, t::OWN_ID, f::IDENTIFIER_TYPE]);
        match f::identification_scheme(&identifier.identification_scheme) {
            Some((before, after)) => {
                self.token(before);
                if f::is_patient_id(before) && !of_association {
                    self.token(t::PATIENT_ID);
                } else {
                    self.text(&identifier.value);
                }
                self.token(after);
            }
            None => {
                self.text(&identifier.identification_scheme);
                self.token(f::AND_VALUE);
                self.text(&identifier.value);
                self.token(f::TAG_END);
                self.strings(f::NAME, f::NAME_END, &identifier.name);
                self.token(f::IDENTIFIER_END);
            }
        }
    }
}
