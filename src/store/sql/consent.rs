//! What is kept of consent.
//!
//! Answers, policies and agreements are never deleted: they are withdrawn, deprecated with their document, or end.
//! Source: spec security §4 (S-CON-02, S-CON-22, S-CON-32).

mod evidence;

use super::{Args, Tx, args, statements};
use crate::{
    model::{
        OrganisationKey, PatientId,
        consent::{AgreementRecord, Answer, BreakGlassGrant, ConsentAnswer, ConsentRecord, Period},
    },
    store::StoreError,
};

pub(super) use evidence::ALL as EVIDENCE;
pub use evidence::{AskedPatients, Evidence, KinRow, PolicyRow, RunningGrant};

statements! {
    OWNERS = "SELECT owner_org_key FROM registry_owner ORDER BY owner_org_key LIMIT 2";
    INSERT_OWNER = "INSERT INTO registry_owner (owner_org_key) VALUES ($1) ON CONFLICT (owner_org_key) DO NOTHING";
    INSERT_CONSENT = "INSERT INTO consent_answer (patient_key, source, data, requester, answer, origin, valid_from_ms, \
        valid_until_ms, recorded_by, recorded_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
        RETURNING consent_key";
    CONSENTS_OF = "SELECT c.consent_key, c.source, c.data, c.requester, c.answer, c.origin, c.valid_from_ms, \
        c.valid_until_ms, c.recorded_by, c.recorded_ms, c.withdrawn_ms FROM consent_answer c \
        JOIN patient k ON k.patient_key = c.patient_key JOIN patient p ON p.survivor_key = k.survivor_key \
        WHERE p.authority = $1 AND p.id = $2 ORDER BY c.consent_key";
    WITHDRAW_CONSENT = "UPDATE consent_answer SET withdrawn_by = $2, withdrawn_ms = $3 \
        WHERE consent_key = $1 AND withdrawn_ms IS NULL RETURNING patient_key";
    INSERT_POLICIES = "INSERT INTO consent_policy (patient_key, row_id, policy, valid_from_ms, valid_until_ms) \
        VALUES {rows 5} ON CONFLICT (patient_key, row_id, policy) DO NOTHING";
    INSERT_AGREEMENT = "INSERT INTO consent_agreement (region_a, region_b, valid_from_ms, valid_until_ms, recorded_by, \
        recorded_ms) VALUES ($1, $2, $3, $4, $5, $6) RETURNING agreement_key";
    AGREEMENTS = "SELECT agreement_key, region_a, region_b, valid_from_ms, valid_until_ms, recorded_by, recorded_ms \
        FROM consent_agreement ORDER BY agreement_key";
    END_AGREEMENT = "UPDATE consent_agreement SET valid_until_ms = $2 \
        WHERE agreement_key = $1 AND (valid_until_ms IS NULL OR valid_until_ms > $2)";
    INSERT_GRANT = "INSERT INTO break_glass (patient_key, person, organisation_key, sources, begun_ms, until_ms) \
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING grant_key";
    GRANTS = "SELECT b.grant_key, b.person, b.organisation_key, b.sources, b.begun_ms, b.until_ms, b.notified_ms, \
        b.closed_ms, b.closed_by, p.authority, p.id FROM break_glass b JOIN patient p ON p.patient_key = b.patient_key \
        ORDER BY b.grant_key";
    GRANT_NOTIFIED = "UPDATE break_glass SET notified_ms = $2 WHERE grant_key = $1 AND notified_ms IS NULL";
    GRANT_ENDED = "UPDATE break_glass SET ended_ms = $2 WHERE grant_key = $1 AND ended_ms IS NULL \
        RETURNING patient_key, person";
    SURVIVING_PATIENT = "SELECT s.authority, s.id FROM patient p JOIN patient s ON s.patient_key = p.survivor_key \
        WHERE p.patient_key = $1";
    GRANT_CLOSED = "UPDATE break_glass SET closed_by = $2, closed_ms = $3 WHERE grant_key = $1 AND closed_ms IS NULL";
    INSERT_ACCESS_POLICY = "INSERT INTO access_policy (version, sha256, content, first_used_ms) \
        VALUES ($1, $2, $3, $4) ON CONFLICT (sha256) DO NOTHING";
    ACCESS_POLICIES = "SELECT version, sha256, content, first_used_ms FROM access_policy ORDER BY policy_key";
    ENTRY_LABELS = "SELECT owner_org_key, class_code, type_code, practice_setting_code, format_code, confidentiality, \
        COUNT(*) FROM document_entry \
        GROUP BY owner_org_key, class_code, type_code, practice_setting_code, format_code, confidentiality \
        ORDER BY owner_org_key, class_code, type_code, practice_setting_code, format_code, confidentiality";
}

/// An answer to record.
#[derive(Clone, Debug)]
pub struct RecordedAnswer {
    /// The patient identity.
    pub patient_key: i64,
    /// What was answered.
    pub answer: ConsentAnswer,
    /// Where it came from.
    pub origin: Box<str>,
    /// Who records it.
    pub recorded_by: Box<str>,
    /// When.
    pub recorded_ms: i64,
}

/// A grant to record.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// The patient.
    pub patient_key: i64,
    /// The person.
    pub person: Box<str>,
    /// The organisation that asks.
    pub organisation: OrganisationKey,
    /// The organisations whose documents are opened.
    pub sources: Vec<OrganisationKey>,
    /// From when until when.
    pub begun_ms: i64,
    /// Until when.
    pub until_ms: i64,
}

/// A grant with its patient, for the privacy officer.
#[derive(Clone, Debug)]
pub struct EmergencyRow {
    /// The grant.
    pub grant: BreakGlassGrant,
    /// For whom.
    pub patient: PatientId,
}

/// A policy that decided here, or will.
#[derive(Clone, Debug)]
pub struct KeptPolicy {
    /// Id and version.
    pub version: String,
    /// SHA-256 of its text, hexadecimal.
    pub sha256: String,
    /// Its text.
    pub content: String,
    /// When it was kept, milliseconds since 1970.
    pub first_used_ms: i64,
}

/// How many entries of an organisation have these codes.
#[derive(Clone, Debug)]
pub struct EntryLabels {
    /// Whose they are.
    pub owner: OrganisationKey,
    /// classCode, typeCode, practiceSettingCode, formatCode, each `code^^scheme`.
    pub codes: [String; 4],
    /// Confidentiality as it is kept.
    pub confidentiality: String,
    /// How many.
    pub count: i64,
}

const fn answer_to_store(answer: Answer) -> i64 {
    match answer {
        Answer::Permit => 1,
        Answer::Deny => 2,
        Answer::NoAnswer => 3,
    }
}

fn answer_from_store(number: i64) -> Result<Answer, StoreError> {
    Answer::ALL.into_iter().find(|answer| answer_to_store(*answer) == number).ok_or(corrupt("consent_answer.answer"))
}

fn corrupt(what: &'static str) -> StoreError {
    StoreError::Corrupt { what }
}

fn read<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| corrupt(what))
}

fn patient(authority: &str, id: &str) -> Result<PatientId, StoreError> {
    PatientId::new(id, read(authority, "patient.authority")?).map_err(|_| corrupt("patient.id"))
}

fn keys(json: &str) -> Result<Vec<OrganisationKey>, StoreError> {
    serde_json::from_str(json).map_err(|_| corrupt("break_glass.sources"))
}

impl Tx {
    /// The organisations that own anything, two of them at most.
    pub async fn owners(&mut self) -> Result<Vec<OrganisationKey>, StoreError> {
        let rows: Vec<(i64,)> = self.fetch_all(&OWNERS, args![]).await?;
        Ok(rows.into_iter().map(|(key,)| key).collect())
    }

    /// Notes that an organisation owns something.
    pub async fn note_owner(&mut self, owner: OrganisationKey) -> Result<(), StoreError> {
        self.execute(&INSERT_OWNER, args![owner]).await.map(drop)
    }

    /// Records an answer; its key.
    pub async fn insert_consent(&mut self, new: &RecordedAnswer) -> Result<i64, StoreError> {
        let ConsentAnswer { source, data, requester, answer, period } = &new.answer;
        let values = args![
            new.patient_key,
            source.to_string(),
            data.to_string(),
            requester.to_string(),
            answer_to_store(*answer),
            &*new.origin,
            period.from_ms,
            period.until_ms,
            &*new.recorded_by,
            new.recorded_ms,
        ];
        Ok(self.fetch_one::<(i64,)>(&INSERT_CONSENT, values).await?.0)
    }

    /// Every answer of a patient, of all identities behind it, withdrawn ones too.
    pub async fn consents_of(&mut self, id: &PatientId) -> Result<Vec<ConsentRecord>, StoreError> {
        type Row = (i64, String, String, String, i64, String, i64, Option<i64>, String, i64, Option<i64>);
        let rows: Vec<Row> = self.fetch_all(&CONSENTS_OF, args![id.authority().as_str(), id.id()]).await?;
        rows.into_iter()
            .map(|(key, source, data, requester, answer, origin, from_ms, until_ms, by, recorded_ms, withdrawn_ms)| {
                let answer = consent(&source, &data, &requester, answer, Period { from_ms, until_ms })?;
                let (origin, recorded_by) = (origin.into(), by.into());
                Ok(ConsentRecord { key, answer, origin, recorded_by, recorded_ms, withdrawn_ms })
            })
            .collect()
    }

    /// Withdraws an answer from now on; whose it was, or none when there is none that stands.
    pub async fn withdraw_consent(&mut self, key: i64, by: &str, now_ms: i64) -> Result<Option<PatientId>, StoreError> {
        match self.fetch_optional::<(i64,)>(&WITHDRAW_CONSENT, args![key, by, now_ms]).await? {
            Some((patient_key,)) => self.surviving_patient(patient_key).await.map(Some),
            None => Ok(None),
        }
    }

    /// The identity that stands for a patient.
    pub async fn surviving_patient(&mut self, patient_key: i64) -> Result<PatientId, StoreError> {
        let (authority, id): (String, String) = self.fetch_one(&SURVIVING_PATIENT, args![patient_key]).await?;
        patient(&authority, &id)
    }

    /// Keeps the policies that a document acknowledges.
    pub(in crate::store::sql) async fn insert_policies(
        &mut self,
        policies: &[(i64, i64, String, Period)],
    ) -> Result<(), StoreError> {
        let mut values = Args::with_capacity(policies.len() * 5);
        for (patient_key, row_id, policy, period) in policies {
            values.push(*patient_key);
            values.push(*row_id);
            values.push(policy.as_str());
            values.push(period.from_ms);
            values.push(period.until_ms);
        }
        self.insert_rows(&INSERT_POLICIES, 5, values).await.map(drop)
    }

    /// Records an agreement; its key. The key of the record that is handed in does not count.
    pub async fn insert_agreement(&mut self, new: &AgreementRecord) -> Result<i64, StoreError> {
        let [a, b] = &new.regions;
        let values = args![
            a.to_string(),
            b.to_string(),
            new.period.from_ms,
            new.period.until_ms,
            &*new.recorded_by,
            new.recorded_ms,
        ];
        Ok(self.fetch_one::<(i64,)>(&INSERT_AGREEMENT, values).await?.0)
    }

    /// Every agreement.
    pub async fn agreements(&mut self) -> Result<Vec<AgreementRecord>, StoreError> {
        type Row = (i64, String, String, i64, Option<i64>, String, i64);
        let rows: Vec<Row> = self.fetch_all(&AGREEMENTS, args![]).await?;
        rows.into_iter()
            .map(|(key, a, b, from_ms, until_ms, by, recorded_ms)| {
                agreement(key, &a, &b, Period { from_ms, until_ms }, by, recorded_ms)
            })
            .collect()
    }

    /// Ends an agreement now; false when there is none that lasts longer.
    pub async fn end_agreement(&mut self, key: i64, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.execute(&END_AGREEMENT, args![key, now_ms]).await? == 1)
    }

    /// Records that a person broke the glass; the key of the grant.
    pub async fn insert_grant(&mut self, new: &NewGrant) -> Result<i64, StoreError> {
        let sources = serde_json::to_string(&new.sources).map_err(|_| corrupt("break_glass.sources"))?;
        let values = args![new.patient_key, &*new.person, new.organisation, sources, new.begun_ms, new.until_ms];
        Ok(self.fetch_one::<(i64,)>(&INSERT_GRANT, values).await?.0)
    }

    /// Every grant, with its patient.
    pub async fn grants(&mut self) -> Result<Vec<EmergencyRow>, StoreError> {
        type Row = (i64, String, i64, String, i64, i64, Option<i64>, Option<i64>, Option<String>, String, String);
        let rows: Vec<Row> = self.fetch_all(&GRANTS, args![]).await?;
        rows.into_iter()
            .map(|(key, person, organisation, sources, from, until, notified_ms, closed_ms, by, authority, id)| {
                let grant = BreakGlassGrant {
                    key,
                    person: person.into(),
                    organisation,
                    sources: keys(&sources)?,
                    period: Period { from_ms: from, until_ms: Some(until) },
                    notified_ms,
                    closed_ms,
                    closed_by: by.map(Into::into),
                };
                Ok(EmergencyRow { grant, patient: patient(&authority, &id)? })
            })
            .collect()
    }

    /// Puts a grant on the list of the privacy officer; false when it is there.
    pub async fn notify_of_grant(&mut self, key: i64, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.execute(&GRANT_NOTIFIED, args![key, now_ms]).await? == 1)
    }

    /// Notes that a grant has come to its end: its patient and person, none when that is known.
    pub async fn end_grant(&mut self, key: i64, now_ms: i64) -> Result<Option<(PatientId, String)>, StoreError> {
        match self.fetch_optional::<(i64, String)>(&GRANT_ENDED, args![key, now_ms]).await? {
            Some((patient_key, person)) => Ok(Some((self.surviving_patient(patient_key).await?, person))),
            None => Ok(None),
        }
    }

    /// Closes a grant after its review; false when there is none that is open.
    pub async fn close_grant(&mut self, key: i64, by: &str, now_ms: i64) -> Result<bool, StoreError> {
        Ok(self.execute(&GRANT_CLOSED, args![key, by, now_ms]).await? == 1)
    }

    /// Keeps a policy that decides here from now on; false when it did so before.
    pub async fn note_access_policy(
        &mut self,
        version: &str,
        sha256: &str,
        content: &str,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        Ok(self.execute(&INSERT_ACCESS_POLICY, args![version, sha256, content, now_ms]).await? == 1)
    }

    /// The policies that were kept, the oldest first.
    pub async fn access_policies(&mut self) -> Result<Vec<KeptPolicy>, StoreError> {
        let rows: Vec<(String, String, String, i64)> = self.fetch_all(&ACCESS_POLICIES, args![]).await?;
        let kept = |(version, sha256, content, first_used_ms)| KeptPolicy { version, sha256, content, first_used_ms };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// How many entries of each organisation have which codes.
    pub async fn entry_labels(&mut self) -> Result<Vec<EntryLabels>, StoreError> {
        type Row = (i64, String, String, String, String, String, i64);
        let rows: Vec<Row> = self.fetch_all(&ENTRY_LABELS, args![]).await?;
        let label = |(owner, class, kind, practice, format, confidentiality, count)| EntryLabels {
            owner,
            codes: [class, kind, practice, format],
            confidentiality,
            count,
        };
        Ok(rows.into_iter().map(label).collect())
    }
}

fn consent(
    source: &str,
    data: &str,
    requester: &str,
    answer: i64,
    period: Period,
) -> Result<ConsentAnswer, StoreError> {
    Ok(ConsentAnswer {
        source: read(source, "consent_answer.source")?,
        data: read(data, "consent_answer.data")?,
        requester: read(requester, "consent_answer.requester")?,
        answer: answer_from_store(answer)?,
        period,
    })
}

fn agreement(
    key: i64,
    a: &str,
    b: &str,
    period: Period,
    recorded_by: String,
    recorded_ms: i64,
) -> Result<AgreementRecord, StoreError> {
    let region = |text| read(text, "consent_agreement.region");
    Ok(AgreementRecord { key, regions: [region(a)?, region(b)?], period, recorded_by: recorded_by.into(), recorded_ms })
}
