//! What a requester may see, as conditions of SQL: what is hidden is not there, for limits as for everything else.
//!
//! Entries carry owner, category of data and confidentiality as columns, so a decision about a patient becomes a list of
//! permitted combinations. A folder or set shows with the first of its members that shows, an association with both its
//! ends. Source: S-CON-04.

use super::builder::SqlBuilder;
use crate::{
    model::{OrganisationKey, consent::Label},
    store::sql::stored_query::Kind,
};

/// What a requester may see of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everything; for work of our own, and where access rules are off.
    All,
    /// What belongs to `own`, and entries of these combinations.
    Limited {
        /// An organisation whose objects all show.
        own: Option<OrganisationKey>,
        /// Combinations of which entries show.
        permitted: Vec<Combination>,
    },
}

/// Entries of one patient identity that one decision is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Combination {
    /// The patient identity.
    pub patient_key: i64,
    /// The organisation that owns them.
    pub owner: OrganisationKey,
    /// Category of data and confidentiality.
    pub label: Label,
}

impl Combination {
    /// As the SQL below puts the columns together. A category is one word.
    fn text(&self) -> String {
        let Self { patient_key, owner, label } = self;
        format!("{patient_key} {owner} {} {}", label.data_category, label.confidentiality)
    }
}

/// The numbers of the parameters of a sight in a statement.
#[derive(Clone, Copy)]
struct Parameters {
    own: Option<usize>,
    permitted: Option<usize>,
}

/// Adds what the sight demands of the rows of a kind.
pub(super) fn of_sight(q: &mut SqlBuilder, kind: Kind, sight: &Sight) {
    let Sight::Limited { own, permitted } = sight else { return };
    let own = own.map(|own| q.bind(own));
    let texts: Vec<String> = permitted.iter().map(Combination::text).collect();
    let permitted = (!texts.is_empty()).then(|| q.bind(texts));
    let shows = Parameters { own, permitted };
    let condition = match kind {
        Kind::Entry => shows.entry("d"),
        Kind::Set => shows.set("s"),
        Kind::Folder => shows.folder("f"),
        Kind::Association => shows.association("a"),
    };
    q.and(&condition);
}

/// Adds what the sight demands of a document entry in a subquery.
pub(super) fn of_entry_in_sight(q: &mut SqlBuilder, alias: &str, sight: &Sight) {
    let Sight::Limited { own, permitted } = sight else { return };
    let own = own.map(|own| q.bind(own));
    let texts: Vec<String> = permitted.iter().map(Combination::text).collect();
    let permitted = (!texts.is_empty()).then(|| q.bind(texts));
    q.and(&Parameters { own, permitted }.entry(alias));
}

impl Parameters {
    fn owned(self, alias: &str) -> Option<String> {
        self.own.map(|own| format!("{alias}.owner_org_key = ${own}"))
    }

    fn entry(self, d: &str) -> String {
        let permitted = self.permitted.map(|permitted| {
            format!(
                "{d}.patient_key || ' ' || {d}.owner_org_key || ' ' || {d}.data_category || ' ' || {d}.confidentiality \
                 {{in_texts ${permitted}}}"
            )
        });
        any([self.owned(d), permitted])
    }

    fn folder(self, f: &str) -> String {
        let member = format!(
            "EXISTS (SELECT 1 FROM association fm JOIN document_entry fe ON fe.row_id = fm.target_row \
             WHERE fm.source_row = {f}.row_id AND fm.association_type = 1 AND {})",
            self.entry("fe")
        );
        any([self.owned(f), Some(member)])
    }

    fn set(self, s: &str) -> String {
        let entry = format!(
            "EXISTS (SELECT 1 FROM association sm JOIN document_entry se ON se.row_id = sm.target_row \
             WHERE sm.source_row = {s}.row_id AND sm.association_type = 1 AND {})",
            self.entry("se")
        );
        let folder = format!(
            "EXISTS (SELECT 1 FROM association sf JOIN folder sfo ON sfo.row_id = sf.target_row \
             WHERE sf.source_row = {s}.row_id AND sf.association_type = 1 AND {})",
            self.folder("sfo")
        );
        any([self.owned(s), Some(entry), Some(folder)])
    }

    /// An entry, folder or set in this row.
    fn object(self, row: &str) -> String {
        let of = |table: &str, alias: &str, condition: String| {
            Some(format!("EXISTS (SELECT 1 FROM {table} {alias} WHERE {alias}.row_id = {row} AND {condition})"))
        };
        any([
            of("document_entry", "oe", self.entry("oe")),
            of("folder", "ofo", self.folder("ofo")),
            of("submission_set", "oset", self.set("oset")),
        ])
    }

    /// A set has memberships as members; those have none.
    fn association(self, a: &str) -> String {
        let membership = format!(
            "EXISTS (SELECT 1 FROM association oa WHERE oa.row_id = {a}.target_row AND {} AND {})",
            self.object("oa.source_row"),
            self.object("oa.target_row")
        );
        let target = any([Some(self.object(&format!("{a}.target_row"))), Some(membership)]);
        let ends = format!("({} AND {target})", self.object(&format!("{a}.source_row")));
        // Asked once for a statement: where nobody else owns anything, there is no need to look at the ends.
        let alone = self
            .own
            .map(|own| format!("NOT EXISTS (SELECT 1 FROM registry_owner other WHERE other.owner_org_key <> ${own})"));
        any([alone, Some(ends)])
    }
}

fn any<const N: usize>(conditions: [Option<String>; N]) -> String {
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    if conditions.is_empty() { "1 = 0".to_owned() } else { format!("({})", conditions.join(" OR ")) }
}
