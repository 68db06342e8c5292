//! Registry objects as they were sent: every value still text, nothing judged.
//!
//! A faulty attribute must not hide the next one, so nothing here is parsed. `wire::ebrim` fills these, `validate` turns
//! them into [`super::Submission`] or into findings. Values are trimmed of surrounding white space (spec §8, 18).
//!
//! Source: ebRIM 3.0 §2; ITI TF-3 §4.2.1.

/// rim:Slot. Names and values keep their order. `Debug` prints no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Slot {
    /// @name.
    pub name: Box<str>,
    /// The values, in order; empty ones are kept.
    pub values: Vec<Box<str>>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Slot({}, {} values)", self.name, self.values.len())
    }
}

/// rim:LocalizedString.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LocalizedString {
    /// @xml:lang, absent where it was absent.
    pub lang: Option<Box<str>>,
    /// @charset, absent where it was absent.
    pub charset: Option<Box<str>>,
    /// @value.
    pub value: Box<str>,
}

impl std::fmt::Debug for LocalizedString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalizedString")
    }
}

/// rim:Classification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classification {
    /// @id.
    pub id: Option<Box<str>>,
    /// @classificationScheme.
    pub classification_scheme: Option<Box<str>>,
    /// @classificationNode.
    pub classification_node: Option<Box<str>>,
    /// @classifiedObject.
    pub classified_object: Option<Box<str>>,
    /// @nodeRepresentation; `Some("")` for authors.
    pub node_representation: Option<Box<str>>,
    /// @objectType.
    pub object_type: Option<Box<str>>,
    /// Slots.
    pub slots: Vec<Slot>,
    /// Name.
    pub name: Vec<LocalizedString>,
    /// Description.
    pub description: Vec<LocalizedString>,
}

/// rim:ExternalIdentifier.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExternalIdentifier {
    /// @id.
    pub id: Option<Box<str>>,
    /// @registryObject.
    pub registry_object: Option<Box<str>>,
    /// @identificationScheme.
    pub identification_scheme: Box<str>,
    /// @value.
    pub value: Box<str>,
    /// @objectType.
    pub object_type: Option<Box<str>>,
    /// Name.
    pub name: Vec<LocalizedString>,
}

impl std::fmt::Debug for ExternalIdentifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ExternalIdentifier({})", self.identification_scheme)
    }
}

/// What kind of element an object was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RimKind {
    /// rim:ExtrinsicObject.
    ExtrinsicObject {
        /// @mimeType.
        mime_type: Option<Box<str>>,
    },
    /// rim:RegistryPackage.
    RegistryPackage,
    /// rim:Association.
    Association {
        /// @associationType.
        association_type: Box<str>,
        /// @sourceObject.
        source_object: Box<str>,
        /// @targetObject.
        target_object: Box<str>,
    },
}

/// An ExtrinsicObject, RegistryPackage or Association.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryObject {
    /// Which of the three.
    pub kind: RimKind,
    /// @id; absent on some senders' associations.
    pub id: Option<Box<str>>,
    /// @lid.
    pub lid: Option<Box<str>>,
    /// @home, absent when empty.
    pub home: Option<Box<str>>,
    /// @status.
    pub status: Option<Box<str>>,
    /// @objectType.
    pub object_type: Option<Box<str>>,
    /// Slots, in order.
    pub slots: Vec<Slot>,
    /// How many Name elements there were.
    pub name_elements: usize,
    /// Name, in order of languages.
    pub name: Vec<LocalizedString>,
    /// Description, in order of languages.
    pub description: Vec<LocalizedString>,
    /// VersionInfo/@versionName.
    pub version_name: Option<Box<str>>,
    /// Classifications, in order.
    pub classifications: Vec<Classification>,
    /// External identifiers, in order.
    pub external_identifiers: Vec<ExternalIdentifier>,
}

impl RegistryObject {
    /// An empty object of this kind.
    pub fn new(kind: RimKind) -> Self {
        Self {
            kind,
            id: None,
            lid: None,
            home: None,
            status: None,
            object_type: None,
            slots: Vec::new(),
            name_elements: 0,
            name: Vec::new(),
            description: Vec::new(),
            version_name: None,
            classifications: Vec::new(),
            external_identifiers: Vec::new(),
        }
    }

    /// The first slot with this name.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| &*slot.name == name)
    }

    /// The value of the first external identifier of this scheme.
    pub fn external_identifier(&self, scheme: &str) -> Option<&str> {
        self.external_identifiers
            .iter()
            .find(|x| x.identification_scheme.eq_ignore_ascii_case(scheme))
            .map(|x| &*x.value)
    }

    /// Adds a sentence to the comments of a submission set. Source: ITI TF-3 §4.2.3.3.3.
    pub fn add_comment(&mut self, sentence: &str) {
        match self.description.first_mut() {
            Some(first) => first.value = format!("{} {sentence}", first.value).trim_start().into(),
            None => self.description.push(LocalizedString { value: sentence.into(), ..LocalizedString::default() }),
        }
    }
}

/// lcm:SubmitObjectsRequest as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmitObjectsRequest {
    /// RequestSlotList.
    pub request_slots: Vec<Slot>,
    /// ExtrinsicObjects, RegistryPackages and Associations in order.
    pub objects: Vec<RegistryObject>,
    /// Classifications that stand beside the objects.
    pub classifications: Vec<Classification>,
    /// Local names of elements that have no place in the list (R-42-01).
    pub foreign_elements: Vec<Box<str>>,
}

/// rim:AdhocQuery with its response option, as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdhocQueryRequest {
    /// AdhocQuery/@id.
    pub query_id: Box<str>,
    /// AdhocQuery/@home.
    pub home: Option<Box<str>>,
    /// ResponseOption/@returnType.
    pub return_type: Option<Box<str>>,
    /// Parameters in order.
    pub slots: Vec<Slot>,
}

/// One xds:DocumentRequest, values trimmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocumentRequest {
    /// HomeCommunityId.
    pub home_community_id: Option<Box<str>>,
    /// RepositoryUniqueId.
    pub repository_unique_id: Box<str>,
    /// DocumentUniqueId.
    pub document_unique_id: Box<str>,
}
