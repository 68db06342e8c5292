//! Everything that a decision about patients needs, in one statement.

use std::{collections::HashMap, sync::Arc};

use super::{agreement, consent, corrupt, keys, patient, read};
use crate::{
    model::{
        EntryUuid, Organisation, OrganisationKey, PatientId, Standing,
        consent::{AgreementRecord, ConsentRecord, DataCategory, Label, Period},
    },
    store::{
        StoreError,
        sql::{Combination, Tx, args, claims::nfc, statements},
    },
};

/// What is known of the patients that `asked` names, as rows of one shape: 1 identity, 2 combination of entries,
/// 3 answer, 4 acknowledged policy, 5 agreement, 6 grant of the person in $1 that lasts at $2, 7 organisation that owns
/// anything.
macro_rules! evidence {
    ($asked:literal, $combinations:literal) => {
        concat!(
            "WITH kin AS (SELECT k.patient_key, k.survivor_key FROM patient k WHERE k.survivor_key IN \
             (SELECT p.survivor_key FROM patient p WHERE ",
            $asked,
            ")) SELECT CAST(1 AS BIGINT), kin.patient_key, kin.survivor_key, CAST(NULL AS BIGINT), \
             CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), CAST(NULL AS BIGINT), s.authority, s.id, '', '', s.source \
             FROM kin JOIN patient s ON s.patient_key = kin.survivor_key ",
            $combinations,
            " UNION ALL SELECT 3, kin.patient_key, c.consent_key, c.answer, c.valid_from_ms, c.valid_until_ms, \
             c.recorded_ms, c.source, c.data, c.requester, c.origin, c.recorded_by \
             FROM kin JOIN consent_answer c ON c.patient_key = kin.patient_key WHERE c.withdrawn_ms IS NULL \
             UNION ALL SELECT 4, kin.patient_key, d.owner_org_key, 0, y.valid_from_ms, y.valid_until_ms, 0, y.policy, \
             '', '', '', '' FROM kin JOIN consent_policy y ON y.patient_key = kin.patient_key \
             JOIN document_entry d ON d.row_id = y.row_id AND d.status = 1 \
             UNION ALL SELECT 5, 0, g.agreement_key, 0, g.valid_from_ms, g.valid_until_ms, g.recorded_ms, g.region_a, \
             g.region_b, '', '', g.recorded_by FROM consent_agreement g \
             UNION ALL SELECT 6, kin.patient_key, b.grant_key, 0, b.begun_ms, b.until_ms, 0, b.sources, '', '', '', '' \
             FROM kin JOIN break_glass b ON b.patient_key = kin.patient_key \
             WHERE b.person = $1 AND b.until_ms > $2 \
             UNION ALL SELECT 7, 0, o.organisation_key, o.standing, 0, 0, 0, o.id, o.name, o.category, \
             COALESCE(o.region, ''), '' FROM organisation o \
             JOIN registry_owner w ON w.owner_org_key = o.organisation_key"
        )
    };
    ($asked:literal) => {
        evidence!(
            $asked,
            "UNION ALL SELECT DISTINCT 2, d.patient_key, d.owner_org_key, 0, 0, 0, 0, d.data_category, \
             d.confidentiality, '', '', '' FROM kin JOIN document_entry d ON d.patient_key = kin.patient_key"
        )
    };
}

statements! {
    EVIDENCE_OF_PATIENT = evidence!("p.authority = $3 AND p.id = $4");
    EVIDENCE_OF_OBJECTS = evidence!("p.patient_key IN (SELECT c.patient_key FROM claim c WHERE c.space = 1 \
        AND c.value {in_bytes $3})");
    EVIDENCE_OF_UNIQUE_IDS = evidence!("p.patient_key IN (SELECT c.patient_key FROM claim c WHERE c.space = 2 \
        AND c.value {in_bytes $3} UNION SELECT e.patient_key FROM document_entry e WHERE e.unique_id {in_texts $4})");
    EVIDENCE_OF_KEYS = evidence!("p.patient_key {in_ints $3}", "");
    ORGANISATION_BY_ID = "SELECT organisation_key, name, category, COALESCE(region, ''), standing FROM organisation \
        WHERE id = $1";
}

/// The patients that a decision is about.
#[derive(Clone, Copy, Debug)]
pub enum AskedPatients<'a> {
    /// One.
    Patient(&'a PatientId),
    /// Those of registry objects with these entryUUIDs.
    Objects(&'a [EntryUuid]),
    /// Those of registry objects with these uniqueIds.
    UniqueIds(&'a [Box<str>]),
    /// Those with these keys; which entries they have is not asked.
    Keys(&'a [i64]),
}

/// A patient identity and the one that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinRow {
    /// Key of the surviving identity.
    pub survivor_key: i64,
    /// The surviving identity.
    pub patient: PatientId,
}

/// A policy that was acknowledged in a document that is Approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRow {
    /// `code^^scheme`.
    pub policy: Box<str>,
    /// When it holds.
    pub period: Period,
    /// Whose document it is.
    pub owner: OrganisationKey,
}

/// What is known of the consent of patients. Keys of maps are those of surviving identities.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Every identity, by its own key.
    pub kin: HashMap<i64, KinRow>,
    /// Which entries there are.
    pub combinations: Vec<Combination>,
    /// What patients answered, without what was withdrawn.
    pub answers: HashMap<i64, Vec<ConsentRecord>>,
    /// What they acknowledged.
    pub policies: HashMap<i64, Vec<PolicyRow>>,
    /// What regions agreed.
    pub agreements: Vec<AgreementRecord>,
    /// The organisations that own anything.
    pub organisations: HashMap<OrganisationKey, Arc<Organisation>>,
    /// For whom the person broke the glass already.
    pub grants: HashMap<i64, Vec<RunningGrant>>,
}

/// A grant that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningGrant {
    /// Its key.
    pub key: i64,
    /// The organisations that it was given for.
    pub sources: Vec<OrganisationKey>,
}

type EvidenceRow =
    (i64, i64, i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, String, String, String, String, String);

impl Tx {
    /// What is known of the consent of these patients, and of the person's grants at this time.
    pub async fn evidence(
        &mut self,
        asked: AskedPatients<'_>,
        person: &str,
        now_ms: i64,
    ) -> Result<Evidence, StoreError> {
        let (statement, values) = match asked {
            AskedPatients::Patient(id) => {
                (&EVIDENCE_OF_PATIENT, args![person, now_ms, id.authority().as_str(), id.id()])
            }
            AskedPatients::Objects(uuids) => (&EVIDENCE_OF_OBJECTS, args![person, now_ms, uuids]),
            AskedPatients::UniqueIds(ids) => {
                let texts: Vec<String> = ids.iter().map(|id| nfc(id)).collect();
                let octets: Vec<Vec<u8>> = texts.iter().map(|text| text.clone().into_bytes()).collect();
                (&EVIDENCE_OF_UNIQUE_IDS, args![person, now_ms, octets, texts])
            }
            AskedPatients::Keys(keys) => (&EVIDENCE_OF_KEYS, args![person, now_ms, keys.to_vec()]),
        };
        let rows: Vec<EvidenceRow> = self.fetch_all(statement, values).await?;
        let mut evidence = Evidence::default();
        let (kin, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.0 == 1);
        for (_, key, survivor_key, _, _, _, _, authority, id, ..) in kin {
            evidence.kin.insert(key, KinRow { survivor_key, patient: patient(&authority, &id)? });
        }
        for row in rest {
            evidence.add(row)?;
        }
        Ok(evidence)
    }
}

impl Tx {
    /// The organisation with this id, whether it owns anything or not.
    pub async fn find_organisation(&mut self, id: &str) -> Result<Option<Organisation>, StoreError> {
        type Row = (i64, String, String, String, i64);
        let found: Option<Row> = self.fetch_optional(&ORGANISATION_BY_ID, args![id]).await?;
        let organisation =
            |(key, name, category, region, standing): Row| organisation(key, [id, &name, &category, &region], standing);
        found.map(organisation).transpose()
    }
}

/// An organisation from its id, name, category and region, as they are kept.
fn organisation(key: i64, [id, name, category, region]: [&str; 4], standing: i64) -> Result<Organisation, StoreError> {
    let region = (!region.is_empty()).then(|| read(region, "organisation.region")).transpose()?;
    let standing = if standing == 1 { Standing::Active } else { Standing::Suspended };
    Ok(Organisation { key, id: id.into(), name: name.into(), category: category.into(), region, standing })
}

impl Evidence {
    fn survivor(&self, patient_key: i64) -> i64 {
        self.kin.get(&patient_key).map_or(patient_key, |kin| kin.survivor_key)
    }

    fn add(&mut self, row: EvidenceRow) -> Result<(), StoreError> {
        let (kind, patient_key, n1, n2, n3, until_ms, n5, t1, t2, t3, t4, t5) = row;
        let period = Period { from_ms: n3.unwrap_or_default(), until_ms };
        let survivor = self.survivor(patient_key);
        match kind {
            2 => {
                // A category that is none matches no column, so nothing shows with it.
                let data_category = t1.parse().unwrap_or_else(|_| DataCategory::other());
                let label = Label { data_category, confidentiality: t2.into() };
                self.combinations.push(Combination { patient_key, owner: n1, label });
            }
            3 => self.answers.entry(survivor).or_default().push(ConsentRecord {
                key: n1,
                answer: consent(&t1, &t2, &t3, n2.unwrap_or_default(), period)?,
                origin: t4.into(),
                recorded_by: t5.into(),
                recorded_ms: n5.unwrap_or_default(),
                withdrawn_ms: None,
            }),
            4 => {
                let policy = PolicyRow { policy: t1.into(), period, owner: n1 };
                self.policies.entry(survivor).or_default().push(policy);
            }
            5 => self.agreements.push(agreement(n1, &t1, &t2, period, t5, n5.unwrap_or_default())?),
            6 => {
                let grant = RunningGrant { key: n1, sources: keys(&t1)? };
                self.grants.entry(survivor).or_default().push(grant);
            }
            7 => {
                let found = organisation(n1, [&t1, &t2, &t3, &t4], n2.unwrap_or_default())?;
                self.organisations.insert(n1, Arc::new(found));
            }
            _ => return Err(corrupt("kind of evidence")),
        }
        Ok(())
    }
}
