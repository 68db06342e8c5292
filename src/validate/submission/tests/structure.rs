//! Stages 1, 2 and 4.

use super::{accepted, accepted_with, each_is_refused, each_is_refused_with, refused_with};
use crate::{
    model::{AssociationType, EntryUuid, Severity, XdsErrorCode, vocabulary as v},
    validate::{
        Rules,
        sample::{association, code, document_entry, folder, identifier, member, node, object, slot},
    },
};

const UPPER: &str = "URN:UUID:AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE";
const LOWER: &str = "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

#[test]
fn a_whole_submission_is_accepted() {
    let checked = accepted(|_| {});
    let it = checked.submission;
    assert_eq!((it.document_entries.len(), it.folders.len(), it.associations.len()), (1, 1, 5));
    assert!(checked.references.is_empty() && checked.tolerated.is_empty() && it.warnings.is_empty());
    let entry = &it.document_entries[0];
    assert_eq!(&*entry.submitted_id, "Doc01");
    assert_eq!(entry.unique_id.as_str(), "2.999.20.1^DS-77");
    assert_eq!(entry.class_code.value.to_string(), "18842-5^^2.999.30.1");
    assert_eq!(entry.size_bytes, Some(43));
    assert_eq!(entry.author_persons, ["4711^Hofer^Anna^^^Dr^^^&2.999.7.2&ISO".into()]);
    assert_eq!(entry.reference_ids.len(), 1);
    assert_eq!(entry.title.as_deref(), Some("Entlassungsbrief"));
    assert!(it.submission_set.body.as_bytes().starts_with(b"SS01 submissionTime"));
    assert!(entry.body.as_bytes().starts_with(b"Doc01 creationTime"));
    assert!(it.folders[0].body.as_bytes().starts_with(b"FD01"));
    assert!(it.associations[0].body.as_bytes().starts_with(b"as-ss-de SubmissionSetStatus"));
}

#[test]
fn stages_1_and_2_refuse_what_has_no_place() {
    each_is_refused(&[
        (
            "R-42-01",
            "The RegistryObjectList holds a 'Organization'; ExtrinsicObject, RegistryPackage, Association and \
             Classification may be there",
            |r| r.foreign_elements.push("Organization".into()),
        ),
        ("R-42-02", "The submission has 2 SubmissionSets, exactly one is required", |r| {
            r.objects.push(crate::validate::sample::submission_set("SS02", "2.999.40.1.9"));
        }),
        ("R-42-02", "The submission has 0 SubmissionSets, exactly one is required", |r| {
            r.objects.retain(|o| o.id.as_deref() != Some("SS01"));
        }),
        ("R-META-01", "SS01: no Classification marks this RegistryPackage as SubmissionSet or Folder", |r| {
            object(r, "SS01").classifications.retain(|c| c.classification_node.is_none());
        }),
        ("R-META-01", "FD01: marked as SubmissionSet and as Folder", |r| {
            object(r, "FD01").classifications.push(node("FD01", v::SUBMISSION_SET_NODE));
        }),
        (
            "R-META-01",
            "A Classification beside the objects has classifiedObject 'Doc99', which is not in the submission",
            |r| r.classifications.push(node("Doc99", v::FOLDER_NODE)),
        ),
        ("R-META-01", "Doc01: the objectType of a Classification is another one's", |r| {
            object(r, "Doc01").classifications[0].object_type = Some(v::OBJECT_TYPE_EXTERNAL_IDENTIFIER.into());
        }),
        ("R-META-01", "Doc01: the objectType of an ExternalIdentifier is another one's", |r| {
            object(r, "Doc01").external_identifiers[0].object_type = Some(v::OBJECT_TYPE_CLASSIFICATION.into());
        }),
        (
            "R-42-03",
            "Doc01: objectType 'urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248' is On-Demand, which ITI-61 registers",
            |r| {
                object(r, "Doc01").object_type = Some(v::OBJECT_TYPE_ON_DEMAND.into());
            },
        ),
        ("R-42-03", "Doc01: objectType '' is not that of a Stable DocumentEntry", |r| {
            object(r, "Doc01").object_type = None;
        }),
        (
            "R-42-04",
            "The submission has no DocumentEntry, no Folder and no membership of a document in a Folder",
            |r| {
                r.objects.retain(|o| o.id.as_deref() == Some("SS01"));
                r.objects.push(member("a", "SS01", crate::validate::sample::OLD_ENTRY, Some("Reference")));
            },
        ),
        (
            "R-42-05",
            "Doc01: a DocumentEntry has no slot 'ward'; extra metadata have a URN as name, not beginning with urn:ihe:",
            |r| object(r, "Doc01").slots.push(slot("ward", &["x"])),
        ),
        (
            "R-42-05",
            "FD01: a Folder has no slot 'creationTime'; extra metadata have a URN as name, not beginning with urn:ihe:",
            |r| object(r, "FD01").slots.push(slot("creationTime", &["2024"])),
        ),
        (
            "R-42-05",
            "as-fd-de: an Association has no slot 'urn:ihe:x'; extra metadata have a URN as name, not beginning with urn:ihe:",
            |r| object(r, "as-fd-de").slots.push(slot("urn:ihe:x", &["x"])),
        ),
        ("R-META-11", "Doc01: the slot 'urn:example.org:ward' is there twice", |r| {
            object(r, "Doc01").slots.push(slot("urn:example.org:ward", &["x"]));
        }),
        (
            "R-42-07",
            "SS01: a SubmissionSet has no classificationScheme 'urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d'",
            |r| object(r, "SS01").classifications.push(code("SS01", v::DE_AUTHOR, "x")),
        ),
        (
            "R-42-07",
            "Doc01: a DocumentEntry has no classificationNode 'urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2'",
            |r| object(r, "Doc01").classifications.push(node("Doc01", v::FOLDER_NODE)),
        ),
        ("R-42-07", "Doc01: a Classification has neither classificationScheme nor classificationNode", |r| {
            object(r, "Doc01").classifications.push(node("Doc01", ""))
        }),
        (
            "R-42-07",
            "FD01: a Folder has no identificationScheme 'urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832'",
            |r| object(r, "FD01").external_identifiers.push(identifier("FD01", v::SS_SOURCE_ID, "1.2")),
        ),
        ("R-42-08", "Doc01: classCode is there twice, once is allowed", |r| {
            object(r, "Doc01").classifications.push(code("Doc01", v::DE_CLASS_CODE, "other"));
        }),
        ("R-42-08", "Doc01: uniqueId is there twice, once is allowed", |r| {
            object(r, "Doc01").external_identifiers.push(identifier("Doc01", v::DE_UNIQUE_ID, "1.2"));
        }),
        ("R-42-08", "Doc01: classifiedObject 'SS01' of a Classification is not the id of its object", |r| {
            object(r, "Doc01").classifications[0].classified_object = Some("SS01".into());
        }),
        (
            "R-42-08",
            "SS01: registryObject '' of the ExternalIdentifier 'urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446' is \
             not the id of its object",
            |r| object(r, "SS01").external_identifiers[0].registry_object = None,
        ),
        ("R-META-35", "Doc01: limitedMetadata is for media and XDR; a registry needs the whole metadata", |r| {
            object(r, "Doc01").classifications.push(node("Doc01", v::DE_LIMITED_METADATA))
        }),
        (
            "R-ASC-01",
            "as-fd-de: associationType 'HasMember' is not one that ITI-42 registers; write the whole URN",
            |r| {
                object(r, "as-fd-de").kind = crate::model::rim::RimKind::Association {
                    association_type: "HasMember".into(),
                    source_object: "FD01".into(),
                    target_object: "Doc01".into(),
                };
            },
        ),
        ("R-42-11", "Doc01: the id 'Doc01' is used by two objects", |r| {
            r.objects.push(document_entry("Doc01", "2.999.20.2"));
        }),
        ("R-42-15", "ExtrinsicObject (object 9): missing entryUUID (the attribute id)", |r| {
            let mut entry = document_entry("", "2.999.20.2");
            entry.classifications.clear();
            entry.external_identifiers.clear();
            r.objects.push(entry);
        }),
        (
            "R-META-32",
            "urn:uuid:1234: id 'urn:uuid:1234' is refused: an entryUUID is urn:uuid: and a UUID of 8-4-4-4-12 \
             hexadecimal digits",
            |r| object(r, "as-ss-de").id = Some("urn:uuid:1234".into()),
        ),
        (
            "R-META-32",
            "Doc01: Classification id 'urn:uuid:x' is refused: an entryUUID is urn:uuid: and a UUID of 8-4-4-4-12 \
             hexadecimal digits",
            |r| object(r, "Doc01").classifications[0].id = Some("urn:uuid:x".into()),
        ),
        (
            "R-META-32",
            "new: targetObject 'urn:uuid:Doc01' is refused: an entryUUID is urn:uuid: and a UUID of 8-4-4-4-12 \
             hexadecimal digits",
            |r| r.objects.push(association("new", AssociationType::Append, "Doc01", "urn:uuid:Doc01")),
        ),
        ("R-42-15", "new: missing targetObject", |r| {
            r.objects.push(association("new", AssociationType::Append, "Doc01", ""));
        }),
        (
            "R-META-36",
            "Doc01: lid 'urn:uuid:0f1e2d3c-4b5a-4697-8877-665544332211' differs from the id, which would be an update; \
             ITI-42 registers new objects only",
            |r| object(r, "Doc01").lid = Some(crate::validate::sample::OLD_ENTRY.into()),
        ),
    ]);
}

#[test]
fn all_faults_of_a_stage_are_told_and_none_of_the_next() {
    each_is_refused_with(&[
        (
            &[
                ("R-META-11", "Doc01: the slot 'size' is there twice"),
                ("R-META-35", "FD01: limitedMetadata is for media and XDR; a registry needs the whole metadata"),
            ],
            |r| {
                object(r, "Doc01").slots.push(slot("size", &["x"]));
                object(r, "FD01").classifications.push(node("FD01", v::FD_LIMITED_METADATA));
                object(r, "SS01").lid = Some("x".into());
            },
        ),
        (&[("R-42-15", "SS01: missing submissionTime"), ("R-42-15", "FD01: missing title (Name)")], |r| {
            object(r, "SS01").slots.clear();
            object(r, "FD01").name.clear();
            object(r, "FD01").external_identifiers[1].value = "2.999.40.1.1".into();
        }),
    ]);
}

#[test]
fn r_meta_01_the_mark_may_stand_beside_the_package_or_both() {
    for inside in [true, false] {
        let checked = if inside {
            accepted(|r| r.classifications.push(node("SS01", v::SUBMISSION_SET_NODE)))
        } else {
            accepted(|r| {
                let mark = object(r, "SS01").classifications.remove(0);
                r.classifications.push(mark);
            })
        };
        assert_eq!(&*checked.submission.submission_set.submitted_id, "SS01");
    }
    // Spec §8, 24: objectType of a package is ignored.
    accepted(|r| object(r, "SS01").object_type = Some(v::SUBMISSION_SET_NODE.into()));
}

#[test]
fn known_urns_are_known_in_any_case() {
    accepted(|r| {
        let entry = object(r, "Doc01");
        entry.object_type = entry.object_type.take().map(|t| t.to_uppercase().into());
        for c in &mut entry.classifications {
            c.classification_scheme = c.classification_scheme.take().map(|s| s.to_uppercase().into());
            c.object_type = Some("Urn:oasis:names:tc:ebXML-regrep:ObjectType:RegistryObject:Classification".into());
        }
        for x in &mut entry.external_identifiers {
            x.identification_scheme = x.identification_scheme.to_uppercase().into();
        }
    });
}

#[test]
fn r_42_05_a_listed_slot_name_is_allowed() {
    let rules = Rules { allowed_slots: ["ward".into()].into(), ..Rules::default() };
    let checked = accepted_with(&rules, |r| object(r, "Doc01").slots.push(slot("ward", &["x"])));
    assert!(checked.submission.document_entries[0].body.as_bytes().ends_with(b" ward"));
}

#[test]
fn r_42_06_extra_metadata_are_kept_or_dropped_with_a_warning() {
    let kept = accepted(|_| {}).submission;
    assert!(kept.document_entries[0].body.as_bytes().ends_with(b" urn:example.org:ward"));

    let rules = Rules { save_extra_metadata: false, allowed_slots: ["ward".into()].into(), ..Rules::default() };
    let dropped = accepted_with(&rules, |r| object(r, "Doc01").slots.push(slot("ward", &["x"]))).submission;
    let body = String::from_utf8(dropped.document_entries[0].body.as_bytes().to_vec()).unwrap();
    assert!(!body.contains("urn:example.org:ward"), "{body}");
    assert!(body.contains("referenceIdList") && body.ends_with(" ward"), "{body}");
    let [warning] = &dropped.warnings[..] else { panic!("one warning") };
    assert_eq!((warning.code, warning.severity), (XdsErrorCode::ExtraMetadataNotSaved, Severity::Warning));
    assert_eq!(warning.context, "Doc01: slot 'urn:example.org:ward' was not saved");
    assert_eq!(warning.location, "R-42-06");
}

#[test]
fn r_42_10_a_symbol_becomes_one_new_uuid_everywhere() {
    let it = accepted(|_| {}).submission;
    let (set, entry, folder) =
        (it.submission_set.entry_uuid, it.document_entries[0].entry_uuid, it.folders[0].entry_uuid);
    let ends: Vec<_> = it.associations.iter().map(|a| (a.source, a.target)).collect();
    let membership = it.associations[2].entry_uuid;
    let old: EntryUuid = crate::validate::sample::OLD_ENTRY.parse().unwrap();
    assert_eq!(ends, [(set, entry), (set, folder), (folder, entry), (set, membership), (entry, old)]);
    let mut all: Vec<_> = it.associations.iter().map(|a| a.entry_uuid).chain([set, entry, folder]).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 8);
}

#[test]
fn r_meta_32_uuids_are_kept_in_lower_case() {
    let it = accepted(|r| {
        // Upper case here, lower case there: one id.
        let mut entry = document_entry(UPPER, "2.999.20.3");
        entry.classifications[0].classified_object = Some(LOWER.into());
        entry.external_identifiers[0].registry_object = Some(LOWER.into());
        entry.lid = Some(LOWER.into());
        r.objects.push(entry);
        r.objects.push(member("new", "SS01", LOWER, Some("Original")));
    })
    .submission;
    assert_eq!(it.document_entries[1].entry_uuid.to_string(), LOWER);
    assert_eq!(it.associations[5].target.to_string(), LOWER);
    // Spec §8, 26: what does not begin with urn:uuid: is a symbol.
    accepted(|r| {
        r.objects.push(folder("urn:doc: 1", "2.999.40.1.7"));
        r.objects.push(member("new", "SS01", "urn:doc: 1", None));
    });
}

#[test]
fn r_42_11_sub_objects_may_repeat_ids_or_have_none() {
    accepted(|r| {
        let entry = object(r, "Doc01");
        for c in &mut entry.classifications {
            c.id = Some("cl01".into());
        }
        entry.classifications[1].id = None;
        for x in &mut entry.external_identifiers {
            x.id = Some("cl01".into());
        }
    });
    // Spec §8, 23: an association without id gets one.
    let it = accepted(|r| object(r, "as-ss-fd").id = None).submission;
    assert_eq!(it.associations.len(), 5);
}

#[test]
fn r_meta_36_a_lid_equal_to_the_id_is_fine() {
    accepted(|r| {
        object(r, "Doc01").lid = Some("Doc01".into());
        object(r, "Doc01").version_name = Some("1".into());
        object(r, "SS01").status = Some("Submitted".into());
    });
}

#[test]
fn r_42_20_a_unique_id_is_there_once() {
    for (other, label) in [("2.999.40.1.2", "FD01"), ("2.999.40.1.1", "SS01")] {
        let change: super::Change = if label == "FD01" {
            |r| object(r, "Doc01").external_identifiers[1].value = "2.999.40.1.2".into()
        } else {
            |r| object(r, "Doc01").external_identifiers[1].value = "2.999.40.1.1".into()
        };
        let context = format!("uniqueId '{other}' is used by Doc01 and by {label}");
        let expected = (XdsErrorCode::RegistryDuplicateUniqueIdInMessage, "R-42-20".to_owned(), context);
        assert_eq!(refused_with(&Rules::default(), change), [expected]);
    }
    // Two entries of one document, same hash and size, are refused as well.
    let found = refused_with(&Rules::default(), |r| {
        r.objects.push(document_entry("Doc02", "2.999.20.1^DS-77"));
        r.objects.push(member("new", "SS01", "Doc02", Some("Original")));
    });
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, XdsErrorCode::RegistryDuplicateUniqueIdInMessage);
}
