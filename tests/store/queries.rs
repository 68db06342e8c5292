//! The fourteen stored queries: every parameter with a hit and a miss, contents of answers, order, limits.

use knoop::{
    model::{
        AssociationType, AvailabilityStatus, Body, DocumentAvailability, DocumentEntry, DocumentEntryType, EntryUuid,
        PatientId, StoredObject, Submission,
        stored_query::{EntryFilter, LikePattern, ReturnType, Selector, StoredQuery, TimeRange},
    },
    store::{Sight, Store},
};
use libtest_mimic::Trial;

use crate::{
    sample::{
        approved, code, code_value, entry, find_documents, folder, ids, oid, patient, register, relate, submission,
        uuid,
    },
    stores::on_every_store,
};

pub fn trials() -> Vec<Trial> {
    on_every_store![
        r_18_30_codes_hit_and_miss,
        r_18_07_repeated_parameters_must_all_hold,
        r_18_11_times_from_inclusive_to_exclusive,
        r_18_12_absent_times,
        r_18_13_like_is_literal_but_for_percent_and_underscore,
        r_18_31_reference_ids,
        r_18_17_18_status_and_type,
        r_18_62_document_availability,
        r_18_32_find_submission_sets,
        r_18_33_find_folders,
        r_18_34_get_all,
        r_18_35_36_get_documents_and_folders,
        r_18_37_38_get_associations,
        r_18_39_get_submission_sets,
        r_18_40_get_submission_set_and_contents,
        r_18_41_42_folder_and_contents,
        r_18_43_get_related_documents,
        r_18_50_order_and_bodies,
        r_18_53_no_more_than_the_limit_and_one,
        r_meta_33_texts_compare_in_nfc,
        lists_of_many_hundreds,
        s_in_26_any_combination_of_parameters_is_understood,
    ]
}

async fn one(store: &Store, change: impl FnOnce(&mut DocumentEntry)) -> (PatientId, EntryUuid) {
    let p = patient(&oid());
    let mut it = entry(&p);
    change(&mut it);
    let id = it.entry_uuid;
    register(store, submission(&p, vec![it, noise(&p)], vec![])).await.unwrap();
    (p, id)
}

/// An entry that no filter of these tests finds, of the same patient.
fn noise(p: &PatientId) -> DocumentEntry {
    DocumentEntry { object_type: DocumentEntryType::OnDemand, ..entry(p) }
}

async fn hits(store: &Store, p: &PatientId, change: impl FnOnce(&mut EntryFilter)) -> usize {
    let mut filter = approved();
    change(&mut filter);
    ids(store, &find_documents(p, filter)).await.len()
}

async fn r_18_30_codes_hit_and_miss(store: Store) {
    type Field = fn(&mut EntryFilter) -> &mut Vec<knoop::model::CodeValue>;
    let (p, _) = one(&store, |_| {}).await;
    let fields: [(Field, &str); 5] = [
        (|f| &mut f.class_codes, "class"),
        (|f| &mut f.type_codes, "type"),
        (|f| &mut f.format_codes, "format"),
        (|f| &mut f.practice_setting_codes, "practice"),
        (|f| &mut f.healthcare_facility_type_codes, "facility"),
    ];
    for (field, value) in fields {
        assert_eq!(hits(&store, &p, |f| *field(f) = vec![code_value(value)]).await, 1, "{value}");
        assert_eq!(hits(&store, &p, |f| *field(f) = vec![code_value("x"), code_value(value)]).await, 1, "{value}");
        assert_eq!(hits(&store, &p, |f| *field(f) = vec![code_value(&value.to_uppercase())]).await, 0, "{value}");
        let other_scheme = format!("{value}^^2.999.4").parse().unwrap();
        assert_eq!(hits(&store, &p, |f| *field(f) = vec![other_scheme]).await, 0, "{value}");
    }
    assert_eq!(hits(&store, &patient("nobody"), |_| {}).await, 0);
}

async fn r_18_07_repeated_parameters_must_all_hold(store: Store) {
    let (p, _) = one(&store, |it| {
        it.event_codes = vec![code("e1"), code("e2")];
        it.confidentiality_codes = vec![code("N"), code("R")];
    })
    .await;
    let group = |values: &[&str]| values.iter().map(|value| code_value(value)).collect::<Vec<_>>();
    assert_eq!(hits(&store, &p, |f| f.event_codes = vec![group(&["e1", "e9"]), group(&["e2"])]).await, 1);
    assert_eq!(hits(&store, &p, |f| f.event_codes = vec![group(&["e1"]), group(&["e3"])]).await, 0);
    assert_eq!(hits(&store, &p, |f| f.confidentiality_codes = vec![group(&["R"]), group(&["N"])]).await, 1);
    assert_eq!(hits(&store, &p, |f| f.confidentiality_codes = vec![group(&["e1"])]).await, 0);
}

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange { from: from.parse().ok(), to: to.parse().ok() }
}

async fn r_18_11_times_from_inclusive_to_exclusive(store: Store) {
    type Field = fn(&mut EntryFilter) -> &mut TimeRange;
    let (p, _) = one(&store, |it| {
        it.creation_time = Some("20240301".parse().unwrap());
        it.service_start_time = Some("20240301".parse().unwrap());
        it.service_stop_time = Some("20240301".parse().unwrap());
    })
    .await;
    let fields: [Field; 3] = [|f| &mut f.creation_time, |f| &mut f.service_start_time, |f| &mut f.service_stop_time];
    for field in fields {
        for (from, to, expected) in [
            ("2024", "", 1),
            ("20240301", "", 1),
            ("20240301000001", "", 0),
            ("", "20240301", 0),
            ("", "20240301000001", 1),
            ("202403", "202404", 1),
            ("202404", "202403", 0),
        ] {
            assert_eq!(hits(&store, &p, |f| *field(f) = range(from, to)).await, expected, "{from} to {to}");
        }
    }
}

async fn r_18_12_absent_times(store: Store) {
    let p = patient("absent");
    let on_demand = DocumentEntry { creation_time: None, ..noise(&p) };
    let id = on_demand.entry_uuid;
    let undated = DocumentEntry { creation_time: None, ..entry(&p) };
    register(&store, submission(&p, vec![on_demand, undated], vec![])).await.unwrap();
    assert_eq!(hits(&store, &p, |f| f.service_start_time = range("2030", "2031")).await, 1);
    assert_eq!(hits(&store, &p, |f| f.service_stop_time = range("2030", "2031")).await, 1);
    let mut filter = approved();
    filter.object_types = vec![DocumentEntryType::Stable, DocumentEntryType::OnDemand];
    filter.creation_time = range("2030", "");
    assert_eq!(ids(&store, &find_documents(&p, filter)).await, [id]);
}

fn like(pattern: &str) -> LikePattern {
    LikePattern(pattern.into())
}

async fn r_18_13_like_is_literal_but_for_percent_and_underscore(store: Store) {
    let (p, _) = one(&store, |it| it.author_persons = vec!["^de\\Vries[a]^Jo\u{eb}l".into(), "^Bakker".into()]).await;
    for (pattern, expected) in [
        ("^de\\Vries[a]^Jo\u{eb}l", 1),
        ("%Vries%", 1),
        ("%\\Vries%", 1),
        ("%\\\\Vries%", 0),
        ("%vries%", 0),
        ("%Jo_l", 1),
        ("%Jo__l", 0),
        ("%[a-z]%", 0),
        ("%\\", 0),
        ("^Bakker", 1),
        ("Bakker", 0),
        ("", 0),
    ] {
        assert_eq!(hits(&store, &p, |f| f.author_persons = vec![like(pattern)]).await, expected, "{pattern}");
        let with_another = vec![like("nobody"), like(pattern)];
        assert_eq!(hits(&store, &p, |f| f.author_persons = with_another).await, expected, "{pattern} or nobody");
    }
}

async fn r_18_31_reference_ids(store: Store) {
    let (p, _) = one(&store, |it| {
        it.reference_ids = vec![
            "A1^^^&2.999.8&ISO^urn:ihe:iti:xds:2013:accession".parse().unwrap(),
            "O1^^^&2.999.8&ISO^urn:ihe:iti:xds:2013:order".parse().unwrap(),
        ];
    })
    .await;
    let accession = like("A1^^^&2.999.8&ISO^urn:ihe:iti:xds:2013:accession");
    assert_eq!(hits(&store, &p, |f| f.reference_ids = vec![vec![accession.clone()]]).await, 1);
    assert_eq!(hits(&store, &p, |f| f.reference_ids = vec![vec![accession.clone()], vec![like("O1%")]]).await, 1);
    assert_eq!(hits(&store, &p, |f| f.reference_ids = vec![vec![accession], vec![like("O2%")]]).await, 0);
}

async fn r_18_17_18_status_and_type(store: Store) {
    let (p, id) = one(&store, |_| {}).await;
    let both = vec![DocumentEntryType::Stable, DocumentEntryType::OnDemand];
    assert_eq!(hits(&store, &p, |f| f.object_types = both.clone()).await, 2);
    assert_eq!(hits(&store, &p, |f| f.object_types = vec![DocumentEntryType::OnDemand]).await, 1);
    let done: Result<(), knoop::store::StoreError> =
        store.write(move |tx| Box::pin(async move { tx.deprecate(&[id]).await })).await;
    done.unwrap();
    assert_eq!(hits(&store, &p, |_| {}).await, 0);
    assert_eq!(hits(&store, &p, |f| f.status = vec![AvailabilityStatus::Deprecated]).await, 1);
    let either = vec![AvailabilityStatus::Deprecated, AvailabilityStatus::Approved];
    assert_eq!(hits(&store, &p, |f| f.status = either).await, 1);
    // R-18-24: Get queries do not look at the status.
    assert_eq!(ids(&store, &StoredQuery::GetDocuments(Selector::EntryUuid(vec![id]))).await, [id]);
}

async fn r_18_62_document_availability(store: Store) {
    let (absent, _) = one(&store, |_| {}).await;
    let (offline, _) = one(&store, |it| it.availability = Some(DocumentAvailability::Offline)).await;
    assert_eq!(hits(&store, &absent, |f| f.availability = vec![DocumentAvailability::Online]).await, 1);
    assert_eq!(hits(&store, &absent, |f| f.availability = vec![DocumentAvailability::Offline]).await, 0);
    assert_eq!(hits(&store, &offline, |f| f.availability = vec![DocumentAvailability::Online]).await, 0);
    assert_eq!(hits(&store, &offline, |f| f.availability = vec![DocumentAvailability::Offline]).await, 1);
}

struct SetParameters {
    source_ids: Vec<Box<str>>,
    submission_time: TimeRange,
    author_person: Option<LikePattern>,
    content_type_codes: Vec<knoop::model::CodeValue>,
    status: AvailabilityStatus,
}

async fn r_18_32_find_submission_sets(store: Store) {
    let p = patient("sets");
    let it = submission(&p, vec![entry(&p)], vec![]);
    let id = it.submission_set.entry_uuid;
    register(&store, it).await.unwrap();
    let plain = || SetParameters {
        source_ids: vec![],
        submission_time: TimeRange::default(),
        author_person: None,
        content_type_codes: vec![],
        status: AvailabilityStatus::Approved,
    };
    let cases = [
        (plain(), true),
        (SetParameters { status: AvailabilityStatus::Deprecated, ..plain() }, false),
        (SetParameters { source_ids: vec!["2.999.6".into(), "2.999.5".into()], ..plain() }, true),
        (SetParameters { source_ids: vec!["2.999.6".into()], ..plain() }, false),
        (SetParameters { submission_time: range("20240302101112", "20240302101113"), ..plain() }, true),
        (SetParameters { submission_time: range("", "20240302101112"), ..plain() }, false),
        (SetParameters { author_person: Some(like("%Pieter%")), ..plain() }, true),
        (SetParameters { author_person: Some(like("%Jansen%")), ..plain() }, false),
        (SetParameters { content_type_codes: vec![code_value("content")], ..plain() }, true),
        (SetParameters { content_type_codes: vec![code_value("other")], ..plain() }, false),
    ];
    for (number, (parameters, hit)) in cases.into_iter().enumerate() {
        let query = StoredQuery::FindSubmissionSets {
            patient_id: p.clone(),
            status: vec![parameters.status],
            source_ids: parameters.source_ids,
            submission_time: parameters.submission_time,
            author_person: parameters.author_person,
            content_type_codes: parameters.content_type_codes,
        };
        let expected = if hit { vec![id] } else { vec![] };
        assert_eq!(ids(&store, &query).await, expected, "case {number}");
    }
}

async fn r_18_33_find_folders(store: Store) {
    let p = patient("folders");
    let mut it = folder(&p);
    it.codes = vec![code("f1"), code("f2")];
    let id = it.entry_uuid;
    register(&store, submission(&p, vec![], vec![it])).await.unwrap();
    let approved = AvailabilityStatus::Approved;
    let all = TimeRange::default();
    for (status, time, codes, hit) in [
        (approved, all, vec![], true),
        (AvailabilityStatus::Deprecated, all, vec![], false),
        (approved, range("20240303", "20240304"), vec![], true),
        (approved, range("20240304", ""), vec![], false),
        (approved, all, vec![vec!["f9", "f1"], vec!["f2"]], true),
        (approved, all, vec![vec!["f1"], vec!["f9"]], false),
    ] {
        let groups = codes.iter().map(|group| group.iter().map(|value| code_value(value)).collect()).collect();
        let query = StoredQuery::FindFolders {
            patient_id: p.clone(),
            status: vec![status],
            last_update_time: time,
            codes: groups,
        };
        assert_eq!(ids(&store, &query).await, if hit { vec![id] } else { vec![] }, "{codes:?}");
    }
}

/// Two entries, one of them in a folder, the other an addendum to the first: everything of one submission.
struct House {
    patient: PatientId,
    set: EntryUuid,
    set_unique_id: String,
    first: EntryUuid,
    first_unique_id: String,
    second: EntryUuid,
    folder: EntryUuid,
    folder_unique_id: String,
    set_members: Vec<EntryUuid>,
    folder_member: EntryUuid,
    folder_member_member: EntryUuid,
    append: EntryUuid,
}

async fn house(store: &Store) -> House {
    let p = patient(&oid());
    let second = DocumentEntry { format_code: code("other"), confidentiality_codes: vec![code("R")], ..entry(&p) };
    let mut it: Submission = submission(&p, vec![entry(&p), second], vec![folder(&p)]);
    let [first, second] = [0, 1].map(|n| it.document_entries[n].entry_uuid);
    let folder = it.folders[0].entry_uuid;
    let set_members = it.associations.iter().map(|a| a.entry_uuid).collect();
    let folder_member = relate(&mut it, AssociationType::HasMember, folder, first);
    let folder_member_member = it.associations.last().unwrap().entry_uuid;
    let append = relate(&mut it, AssociationType::Append, second, first);
    let house = House {
        set: it.submission_set.entry_uuid,
        set_unique_id: it.submission_set.unique_id.to_string(),
        first_unique_id: it.document_entries[0].unique_id.to_string(),
        folder_unique_id: it.folders[0].unique_id.to_string(),
        patient: p,
        first,
        second,
        folder,
        set_members,
        folder_member,
        folder_member_member,
        append,
    };
    register(store, it).await.unwrap();
    house
}

fn by_uuid(ids: &[EntryUuid]) -> Selector {
    Selector::EntryUuid(ids.to_vec())
}

fn by_unique_id(id: &str) -> Selector {
    Selector::UniqueId(vec![id.into()])
}

fn stable() -> EntryFilter {
    EntryFilter { object_types: vec![DocumentEntryType::Stable], ..EntryFilter::default() }
}

async fn r_18_34_get_all(store: Store) {
    let h = house(&store).await;
    let get_all = |entries: EntryFilter, set: AvailabilityStatus, folder: AvailabilityStatus| StoredQuery::GetAll {
        patient_id: h.patient.clone(),
        entries,
        submission_set_status: vec![set],
        folder_status: vec![folder],
        associations: true,
    };
    let (yes, no) = (AvailabilityStatus::Approved, AvailabilityStatus::Deprecated);
    let [m0, m1, m2] = h.set_members[..] else { panic!("three members") };
    assert_eq!(
        ids(&store, &get_all(approved(), yes, yes)).await,
        [h.set, h.first, h.second, h.folder, m0, m1, m2, h.folder_member, h.folder_member_member, h.append]
    );
    // Associations come along with one end in the result.
    let filter = EntryFilter { format_codes: vec![code_value("other")], ..approved() };
    assert_eq!(ids(&store, &get_all(filter, no, no)).await, [h.second, m1, h.append]);
    let filter = EntryFilter { confidentiality_codes: vec![vec![code_value("x")]], ..approved() };
    assert_eq!(ids(&store, &get_all(filter, no, no)).await, []);
    let mut without = get_all(approved(), yes, no);
    if let StoredQuery::GetAll { associations, .. } = &mut without {
        *associations = false;
    }
    assert_eq!(ids(&store, &without).await, [h.set, h.first, h.second]);
}

async fn r_18_35_36_get_documents_and_folders(store: Store) {
    let (h, other) = (house(&store).await, house(&store).await);
    let documents = StoredQuery::GetDocuments(by_uuid(&[other.first, h.second, uuid(), h.folder]));
    assert_eq!(ids(&store, &documents).await, [h.second, other.first]);
    assert_eq!(ids(&store, &StoredQuery::GetDocuments(by_unique_id(&h.first_unique_id))).await, [h.first]);
    assert_eq!(ids(&store, &StoredQuery::GetDocuments(by_unique_id(&h.folder_unique_id))).await, []);
    assert_eq!(ids(&store, &StoredQuery::GetFolders(by_uuid(&[h.folder, h.first]))).await, [h.folder]);
    assert_eq!(ids(&store, &StoredQuery::GetFolders(by_unique_id(&h.folder_unique_id))).await, [h.folder]);
    assert_eq!(ids(&store, &StoredQuery::GetFolders(by_unique_id(&h.first_unique_id))).await, []);
    let answer = store.answer(&documents, ReturnType::LeafClass, 10, &Sight::All).await.unwrap();
    let patients: Vec<String> = answer
        .iter()
        .map(|object| match object {
            StoredObject::DocumentEntry(it) => it.patient_id.to_string(),
            _ => panic!("an entry was expected"),
        })
        .collect();
    assert_eq!(patients, [h.patient.to_string(), other.patient.to_string()]);
}

async fn r_18_37_38_get_associations(store: Store) {
    let h = house(&store).await;
    let of_second = [h.set_members[1], h.append];
    assert_eq!(ids(&store, &StoredQuery::GetAssociations(vec![h.second])).await, of_second);
    assert_eq!(ids(&store, &StoredQuery::GetAssociations(vec![h.folder_member])).await, [h.folder_member_member]);
    assert_eq!(ids(&store, &StoredQuery::GetAssociations(vec![uuid()])).await, []);
    let with_documents = StoredQuery::GetDocumentsAndAssociations(by_uuid(&[h.second]));
    assert_eq!(ids(&store, &with_documents).await, [h.second, of_second[0], of_second[1]]);
    assert_eq!(ids(&store, &StoredQuery::GetDocumentsAndAssociations(by_unique_id("none"))).await, []);
}

async fn r_18_39_get_submission_sets(store: Store) {
    let h = house(&store).await;
    let sets = |asked: &[EntryUuid]| StoredQuery::GetSubmissionSets(asked.to_vec());
    assert_eq!(ids(&store, &sets(&[h.first])).await, [h.set, h.set_members[0]]);
    assert_eq!(ids(&store, &sets(&[h.folder])).await, [h.set, h.set_members[2]]);
    assert_eq!(ids(&store, &sets(&[h.folder_member])).await, [h.set, h.folder_member_member]);
    assert_eq!(ids(&store, &sets(&[h.set, uuid()])).await, []);
}

async fn r_18_40_get_submission_set_and_contents(store: Store) {
    let h = house(&store).await;
    let contents =
        |selector: Selector, entries: EntryFilter| StoredQuery::GetSubmissionSetAndContents { selector, entries };
    let [m0, m1, m2] = h.set_members[..] else { panic!("three members") };
    let all = [h.set, h.first, h.second, h.folder, m0, m1, m2, h.folder_member, h.folder_member_member];
    assert_eq!(ids(&store, &contents(by_uuid(&[h.set]), stable())).await, all);
    assert_eq!(ids(&store, &contents(by_unique_id(&h.set_unique_id), stable())).await, all);
    // Without the first entry its memberships go, and what makes the set hold them.
    let filter = EntryFilter { confidentiality_codes: vec![vec![code_value("R")]], ..stable() };
    assert_eq!(ids(&store, &contents(by_uuid(&[h.set]), filter)).await, [h.set, h.second, h.folder, m1, m2]);
    assert_eq!(ids(&store, &contents(by_uuid(&[h.first]), stable())).await, []);
    assert_eq!(ids(&store, &contents(by_unique_id("2.999.0"), stable())).await, []);
}

async fn r_18_41_42_folder_and_contents(store: Store) {
    let h = house(&store).await;
    let contents = |selector: Selector, entries: EntryFilter| StoredQuery::GetFolderAndContents { selector, entries };
    let all = [h.first, h.folder, h.folder_member];
    assert_eq!(ids(&store, &contents(by_uuid(&[h.folder]), stable())).await, all);
    assert_eq!(ids(&store, &contents(by_unique_id(&h.folder_unique_id), stable())).await, all);
    let filter = EntryFilter { format_codes: vec![code_value("other")], ..stable() };
    assert_eq!(ids(&store, &contents(by_uuid(&[h.folder]), filter)).await, [h.folder]);
    assert_eq!(ids(&store, &contents(by_uuid(&[h.set]), stable())).await, []);
    assert_eq!(ids(&store, &StoredQuery::GetFoldersForDocument(by_uuid(&[h.first]))).await, [h.folder]);
    assert_eq!(ids(&store, &StoredQuery::GetFoldersForDocument(by_unique_id(&h.first_unique_id))).await, [h.folder]);
    assert_eq!(ids(&store, &StoredQuery::GetFoldersForDocument(by_uuid(&[h.second]))).await, []);

    // R-18-41: a membership recorded twice gives both Associations, the entry once.
    let mut again = submission(&h.patient, vec![], vec![]);
    let twice = relate(&mut again, AssociationType::HasMember, h.folder, h.first);
    register(&store, again).await.unwrap();
    let both = [h.first, h.folder, h.folder_member, twice];
    assert_eq!(ids(&store, &contents(by_uuid(&[h.folder]), stable())).await, both);
}

async fn r_18_43_get_related_documents(store: Store) {
    let h = house(&store).await;
    let related = |selector: Selector, kinds: &[AssociationType], entries: EntryFilter| {
        StoredQuery::GetRelatedDocuments { selector, association_types: kinds.to_vec(), entries }
    };
    let append = [AssociationType::Append];
    let found = [h.first, h.second, h.append];
    assert_eq!(ids(&store, &related(by_uuid(&[h.first]), &append, stable())).await, found);
    assert_eq!(ids(&store, &related(by_uuid(&[h.second]), &append, stable())).await, found);
    assert_eq!(ids(&store, &related(by_unique_id(&h.first_unique_id), &append, stable())).await, found);
    assert_eq!(ids(&store, &related(by_uuid(&[h.first]), &[AssociationType::Replace], stable())).await, []);
    // HasMember never has an entry at both ends.
    assert_eq!(ids(&store, &related(by_uuid(&[h.first]), &[AssociationType::HasMember], stable())).await, []);
    let on_demand = EntryFilter { object_types: vec![DocumentEntryType::OnDemand], ..EntryFilter::default() };
    assert_eq!(ids(&store, &related(by_uuid(&[h.first]), &append, on_demand)).await, []);
}

async fn r_18_50_order_and_bodies(store: Store) {
    let p = patient("order");
    let mut expected = Vec::new();
    for _ in 0..6 {
        let entries: Vec<_> = (0..3).map(|_| entry(&p)).collect();
        expected.extend(entries.iter().map(|it| it.entry_uuid));
        register(&store, submission(&p, entries, vec![])).await.unwrap();
    }
    assert_eq!(ids(&store, &find_documents(&p, approved())).await, expected);
    let answer = store.answer(&find_documents(&p, approved()), ReturnType::LeafClass, 100, &Sight::All).await.unwrap();
    let StoredObject::DocumentEntry(it) = &answer[0] else { panic!("an entry was expected") };
    assert_eq!(it.body.as_bytes(), b"entry body");
    assert_eq!((it.logical_id, it.version), (it.entry_uuid, 1));
    assert_eq!(it.repository_unique_id.as_str(), "2.999.1.9");

    // R-42-39: any octets come back as they were, also where the database takes them for a text.
    let p = patient("octets");
    let any: Vec<u8> = (0..=255_u8).cycle().take(70_000).collect();
    let bodies = [vec![0_u8], any, b"\n \n".to_vec(), vec![0xff; 3]];
    let entries = bodies.iter().map(|body| DocumentEntry { body: Body::from_bytes(body.clone()), ..entry(&p) });
    register(&store, submission(&p, entries.collect(), vec![])).await.unwrap();
    let answer = store.answer(&find_documents(&p, approved()), ReturnType::LeafClass, 100, &Sight::All).await.unwrap();
    let returned = answer.iter().map(|object| match object {
        StoredObject::DocumentEntry(it) => it.body.as_bytes().to_vec(),
        _ => panic!("an entry was expected"),
    });
    assert_eq!(returned.collect::<Vec<_>>(), bodies);
}

async fn r_18_53_no_more_than_the_limit_and_one(store: Store) {
    let h = house(&store).await;
    let find = find_documents(&h.patient, approved());
    for (limit, expected) in [(0, 1), (1, 2), (2, 2), (100, 2)] {
        assert_eq!(store.answer(&find, ReturnType::ObjectRef, limit, &Sight::All).await.unwrap().len(), expected);
    }
    let all = StoredQuery::GetSubmissionSetAndContents { selector: by_uuid(&[h.set]), entries: stable() };
    for limit in 0..12 {
        let found = store.answer(&all, ReturnType::LeafClass, limit, &Sight::All).await.unwrap().len();
        assert_eq!(found, 9.min(limit + 1), "limit {limit}");
    }
}

async fn r_meta_33_texts_compare_in_nfc(store: Store) {
    let (p, id) = one(&store, |it| {
        it.class_code = code("re\u{301}sume\u{301}");
        it.author_persons = vec!["^Jose\u{301}".into()];
        it.unique_id = "urn:x:e\u{301}".parse().unwrap();
    })
    .await;
    assert_eq!(hits(&store, &p, |f| f.class_codes = vec![code_value("r\u{e9}sum\u{e9}")]).await, 1);
    assert_eq!(hits(&store, &p, |f| f.author_persons = vec![like("^Jos_")]).await, 1);
    assert_eq!(ids(&store, &StoredQuery::GetDocuments(by_unique_id("urn:x:\u{e9}"))).await, [id]);
}

async fn lists_of_many_hundreds(store: Store) {
    let h = house(&store).await;
    let mut asked: Vec<EntryUuid> = (0..900).map(|_| uuid()).collect();
    asked.extend([h.first, h.second]);
    assert_eq!(ids(&store, &StoredQuery::GetDocuments(by_uuid(&asked))).await, [h.first, h.second]);
    assert_eq!(ids(&store, &StoredQuery::GetSubmissionSets(asked)).await.len(), 3);
    let mut codes: Vec<_> = (0..900).map(|n| code_value(&format!("c'\"{n}"))).collect();
    codes.push(code_value("class"));
    assert_eq!(hits(&store, &h.patient, |f| f.class_codes = codes).await, 2);
    let mut patterns: Vec<_> = (0..900).map(|n| like(&format!("%{n}"))).collect();
    patterns.push(like("%Jansen%"));
    assert_eq!(hits(&store, &h.patient, |f| f.author_persons = patterns).await, 2);
}

/// Whatever parameters come together, the database understands the statement, and no value is taken for SQL.
async fn s_in_26_any_combination_of_parameters_is_understood(store: Store) {
    let (p, id) = one(&store, |_| {}).await;
    let nasty = ["'; DROP TABLE patient; --", "{in_ints $1}", "%_\\\\", "$1", "\u{1f600}\"'", "a^^b"];
    let mut state = 0x9e37_79b9_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..150 {
        let mut codes = |most: usize| (0..next(most + 1)).map(|_| code_value(nasty[next(6)])).collect::<Vec<_>>();
        let mut filter = EntryFilter {
            class_codes: codes(3),
            type_codes: codes(1),
            practice_setting_codes: codes(2),
            healthcare_facility_type_codes: codes(1),
            format_codes: codes(2),
            event_codes: vec![codes(3), codes(2)],
            confidentiality_codes: vec![codes(1)],
            ..EntryFilter::default()
        };
        filter.reference_ids = (0..next(3)).map(|_| (0..=next(3)).map(|_| like(nasty[next(6)])).collect()).collect();
        filter.author_persons = (0..next(3)).map(|_| like(nasty[next(6)])).collect();
        let times = [TimeRange::default(), range("2024", ""), range("", "2030"), range("2020", "2030")];
        filter.creation_time = times[next(4)];
        filter.service_start_time = times[next(4)];
        filter.service_stop_time = times[next(4)];
        filter.status = [vec![AvailabilityStatus::Approved], vec![AvailabilityStatus::Deprecated; 2]][next(2)].clone();
        filter.object_types = vec![DocumentEntryType::Stable; next(3)];
        filter.availability = vec![DocumentAvailability::Online; next(2)];
        let queries = [
            find_documents(&p, filter.clone()),
            StoredQuery::GetSubmissionSetAndContents {
                selector: by_unique_id(nasty[next(6)]),
                entries: filter.clone(),
            },
            StoredQuery::GetFolderAndContents { selector: by_uuid(&[id]), entries: filter.clone() },
            StoredQuery::GetRelatedDocuments {
                selector: by_uuid(&[id]),
                association_types: AssociationType::ALL[..next(8)].to_vec(),
                entries: filter,
            },
        ];
        for query in queries {
            store.answer(&query, ReturnType::LeafClass, 10, &Sight::All).await.unwrap();
        }
    }
    assert_eq!(hits(&store, &p, |_| {}).await, 1);
}
