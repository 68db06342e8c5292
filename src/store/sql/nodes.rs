//! Organisations and nodes: who may take part.
//!
//! Every change begins with [`Tx::begin_directory_change`], which counts it, so that every process sees that it must read
//! again, and which holds the count, so that changes come one after the other and checks need no other lock.
//!
//! Source: S-TLS-16, S-TLS-17.

use std::{collections::BTreeMap, fmt::Display, str::FromStr, sync::Arc};

use super::{Args, Tx, args, statements};
use crate::{
    model::{
        CertificateMatch, Node, NodeDescription, NodeKey, NodeLimits, NodeRecord, NodeSetting, Organisation,
        OrganisationKey, Standing, XuaMode,
    },
    store::StoreError,
};

statements! {
    DIRECTORY_GENERATION = "SELECT generation FROM directory_generation WHERE generation_key = 1";
    DIRECTORY_CHANGE = "UPDATE directory_generation SET generation = generation + 1 WHERE generation_key = 1 \
        RETURNING generation";
    ORGANISATION_ADD = "INSERT INTO organisation (id, name, category, region, standing) VALUES ($1, $2, $3, $4, 1) \
        RETURNING organisation_key";
    ORGANISATION_CHANGE = "UPDATE organisation SET name = $2, category = $3, region = $4 WHERE organisation_key = $1";
    ORGANISATION_STANDING = "UPDATE organisation SET standing = $2 WHERE organisation_key = $1";
    ORGANISATIONS = "SELECT organisation_key, id, name, category, region, standing FROM organisation ORDER BY id";
    NODE_ADD = "INSERT INTO node (name, organisation_key, standing, created_ms, changed_ms) VALUES ($1, $2, 1, $3, $3) \
        RETURNING node_key";
    NODE_CHANGE = "UPDATE node SET name = $2, organisation_key = $3, changed_ms = $4 WHERE node_key = $1";
    NODE_STANDING = "UPDATE node SET standing = $2, changed_ms = $3 WHERE node_key = $1";
    NODES = "SELECT node_key, name, organisation_key, standing FROM node WHERE standing <> 3 ORDER BY name";
    NODE_VALUES = "SELECT node_key, kind, value FROM node_value ORDER BY node_key, kind, value";
    NODE_VALUE_ADD = "INSERT INTO node_value (node_key, kind, value) VALUES {rows 3}";
    NODE_VALUES_FORGET = "DELETE FROM node_value WHERE node_key = $1";
    NODE_CERTIFICATES = "SELECT node_key, kind, issuer, value FROM node_certificate ORDER BY kind, issuer, value";
    NODE_CERTIFICATE_ADD = "INSERT INTO node_certificate (kind, issuer, value, node_key) VALUES {rows 4}";
    NODE_CERTIFICATES_FORGET = "DELETE FROM node_certificate WHERE node_key = $1";
    NODE_SETTINGS = "SELECT node_key, transaction_number, xua, rate, burst, in_flight FROM node_setting \
        ORDER BY node_key, transaction_number";
    NODE_SETTING_ADD = "INSERT INTO node_setting (node_key, transaction_number, xua, rate, burst, in_flight) \
        VALUES {rows 6}";
    NODE_SETTINGS_FORGET = "DELETE FROM node_setting WHERE node_key = $1";
}

/// `standing` of a node that is removed; its row stays for the documents that name it.
const REMOVED: i64 = 3;

const ROLE: i64 = 1;
const HOME: i64 = 2;
const ISSUER: i64 = 3;
const ADDRESS: i64 = 4;

impl Tx {
    /// The number of changes of organisations and nodes so far.
    pub async fn directory_generation(&mut self) -> Result<i64, StoreError> {
        self.fetch_one::<(i64,)>(&DIRECTORY_GENERATION, args![]).await.map(|(generation,)| generation)
    }

    /// Counts a change, before it is made, and makes other changes wait for its end.
    pub async fn begin_directory_change(&mut self) -> Result<i64, StoreError> {
        self.fetch_one::<(i64,)>(&DIRECTORY_CHANGE, args![]).await.map(|(generation,)| generation)
    }

    /// All organisations, by their ids.
    pub async fn organisations(&mut self) -> Result<Vec<Organisation>, StoreError> {
        type Row = (i64, String, String, String, Option<String>, i64);
        let rows: Vec<Row> = self.fetch_all(&ORGANISATIONS, args![]).await?;
        let organisation = |(key, id, name, category, region, standing): Row| {
            let region = region.map(|region| read("organisation.region", &region)).transpose()?;
            let standing = standing_from_store("organisation.standing", standing)?;
            let (id, name, category) = (id.into(), name.into(), category.into());
            Ok(Organisation { key, id, name, category, region, standing })
        };
        rows.into_iter().map(organisation).collect()
    }

    /// Adds an organisation; its key and standing are not those of `new`: it begins active.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when its id is taken.
    pub async fn add_organisation(&mut self, new: &Organisation) -> Result<OrganisationKey, StoreError> {
        let region = new.region.as_ref().map(ToString::to_string);
        let values = args![&*new.id, &*new.name, &*new.category, region];
        self.fetch_one::<(i64,)>(&ORGANISATION_ADD, values).await.map(|(key,)| key)
    }

    /// Gives an organisation another name, category and region.
    pub async fn change_organisation(&mut self, changed: &Organisation) -> Result<(), StoreError> {
        let region = changed.region.as_ref().map(ToString::to_string);
        let values = args![changed.key, &*changed.name, &*changed.category, region];
        self.execute(&ORGANISATION_CHANGE, values).await.map(drop)
    }

    /// Lets an organisation take part, or not.
    pub async fn set_organisation_standing(
        &mut self,
        key: OrganisationKey,
        standing: Standing,
    ) -> Result<(), StoreError> {
        self.execute(&ORGANISATION_STANDING, args![key, standing_to_store(standing)]).await.map(drop)
    }

    /// Adds a node, active.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when its name or one of its certificates is taken.
    pub async fn add_node(&mut self, node: &NodeDescription, now_ms: i64) -> Result<NodeKey, StoreError> {
        let (key,): (i64,) = self.fetch_one(&NODE_ADD, args![&*node.name, node.organisation_key, now_ms]).await?;
        self.add_node_details(key, node).await?;
        Ok(key)
    }

    /// Replaces everything that was said of a node, but not its standing.
    ///
    /// # Errors
    /// [`StoreError::Constraint`] when its name or one of its certificates is taken.
    pub async fn change_node(&mut self, key: NodeKey, node: &NodeDescription, now_ms: i64) -> Result<(), StoreError> {
        self.execute(&NODE_CHANGE, args![key, &*node.name, node.organisation_key, now_ms]).await?;
        self.forget_node_details(key).await?;
        self.add_node_details(key, node).await
    }

    /// Lets a node take part, or not.
    pub async fn set_node_standing(&mut self, key: NodeKey, standing: Standing, now_ms: i64) -> Result<(), StoreError> {
        self.execute(&NODE_STANDING, args![key, standing_to_store(standing), now_ms]).await.map(drop)
    }

    /// Removes a node. Its name and its certificates are free for another one; its key is not.
    pub async fn remove_node(&mut self, key: NodeKey, now_ms: i64) -> Result<(), StoreError> {
        self.execute(&NODE_STANDING, args![key, REMOVED, now_ms]).await?;
        self.forget_node_details(key).await
    }

    async fn forget_node_details(&mut self, key: NodeKey) -> Result<(), StoreError> {
        for statement in [&NODE_VALUES_FORGET, &NODE_CERTIFICATES_FORGET, &NODE_SETTINGS_FORGET] {
            self.execute(statement, args![key]).await?;
        }
        Ok(())
    }

    async fn add_node_details(&mut self, key: NodeKey, node: &NodeDescription) -> Result<(), StoreError> {
        let mut values = Args::default();
        let mut add = |kind: i64, texts: Vec<String>| {
            for text in texts {
                values.push(key);
                values.push(kind);
                values.push(text);
            }
        };
        add(ROLE, written(&node.roles));
        add(HOME, written(&node.homes));
        add(ISSUER, written(&node.issuers));
        add(ADDRESS, written(&node.addresses));
        self.insert_rows(&NODE_VALUE_ADD, 3, values).await?;

        let mut certificates = Args::default();
        for certificate in &node.certificates {
            let (kind, issuer, value) = certificate_to_store(certificate);
            certificates.push(kind);
            certificates.push(issuer);
            certificates.push(value);
            certificates.push(key);
        }
        self.insert_rows(&NODE_CERTIFICATE_ADD, 4, certificates).await?;

        let mut settings = Args::default();
        for NodeSetting { transaction, xua, limits } in &node.settings {
            settings.push(key);
            settings.push(transaction.as_deref().unwrap_or_default());
            settings.push(xua.map(xua_to_store));
            for limit in [limits.rate, limits.burst, limits.in_flight] {
                settings.push(limit.map(i64::from));
            }
        }
        self.insert_rows(&NODE_SETTING_ADD, 6, settings).await.map(drop)
    }

    /// All nodes that are not removed, by their names.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the database holds what no operator could have said.
    pub async fn node_records(&mut self) -> Result<Vec<NodeRecord>, StoreError> {
        let organisations = self.organisations().await?.into_iter().map(Arc::new);
        let organisations: BTreeMap<i64, Arc<Organisation>> = organisations.map(|it| (it.key, it)).collect();
        let mut details = self.node_details().await?;
        let rows: Vec<(i64, String, i64, i64)> = self.fetch_all(&NODES, args![]).await?;
        let record = |(key, name, organisation_key, standing): (i64, String, i64, i64)| {
            let organisation = organisations.get(&organisation_key);
            let organisation = organisation.ok_or(StoreError::Corrupt { what: "node.organisation_key" })?;
            let Details { values, certificates, settings } = details.remove(&key).unwrap_or_default();
            let mut roles = of_kind(&values, ROLE)?;
            roles.sort_unstable();
            let node = Node {
                key,
                name: name.into(),
                organisation: Arc::clone(organisation),
                roles,
                homes: of_kind(&values, HOME)?,
                issuers: of_kind::<String>(&values, ISSUER)?.into_iter().map(Into::into).collect(),
                standing: standing_from_store("node.standing", standing)?,
            };
            Ok(NodeRecord { node: Arc::new(node), certificates, addresses: of_kind(&values, ADDRESS)?, settings })
        };
        rows.into_iter().map(record).collect()
    }

    async fn node_details(&mut self) -> Result<BTreeMap<NodeKey, Details>, StoreError> {
        let mut details: BTreeMap<NodeKey, Details> = BTreeMap::new();
        let values: Vec<(i64, i64, String)> = self.fetch_all(&NODE_VALUES, args![]).await?;
        for (key, kind, value) in values {
            details.entry(key).or_default().values.push((kind, value));
        }
        let certificates: Vec<(i64, i64, String, String)> = self.fetch_all(&NODE_CERTIFICATES, args![]).await?;
        for (key, kind, issuer, value) in certificates {
            details.entry(key).or_default().certificates.push(certificate_from_store(kind, &issuer, &value)?);
        }
        type Setting = (i64, String, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
        let settings: Vec<Setting> = self.fetch_all(&NODE_SETTINGS, args![]).await?;
        for (key, transaction, xua, rate, burst, in_flight) in settings {
            let limits = NodeLimits {
                rate: limit_from_store(rate)?,
                burst: limit_from_store(burst)?,
                in_flight: limit_from_store(in_flight)?,
            };
            let transaction = Some(transaction.into_boxed_str()).filter(|transaction| !transaction.is_empty());
            let xua = xua.map(xua_from_store).transpose()?;
            details.entry(key).or_default().settings.push(NodeSetting { transaction, xua, limits });
        }
        Ok(details)
    }
}

/// What stands in the tables beside that of nodes.
#[derive(Default)]
struct Details {
    values: Vec<(i64, String)>,
    certificates: Vec<CertificateMatch>,
    settings: Vec<NodeSetting>,
}

fn written<T: Display>(values: &[T]) -> Vec<String> {
    let mut texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn read<T: FromStr>(what: &'static str, text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt { what })
}

fn of_kind<T: FromStr>(values: &[(i64, String)], wanted: i64) -> Result<Vec<T>, StoreError> {
    let wanted = values.iter().filter(|(kind, _)| *kind == wanted);
    wanted.map(|(_, value)| read("node_value.value", value)).collect()
}

const fn standing_to_store(standing: Standing) -> i64 {
    match standing {
        Standing::Active => 1,
        Standing::Suspended => 2,
    }
}

fn standing_from_store(what: &'static str, number: i64) -> Result<Standing, StoreError> {
    match number {
        1 => Ok(Standing::Active),
        2 => Ok(Standing::Suspended),
        _ => Err(StoreError::Corrupt { what }),
    }
}

fn certificate_to_store(certificate: &CertificateMatch) -> (i64, String, String) {
    match certificate {
        CertificateMatch::Fingerprint(fingerprint) => (1, String::new(), fingerprint.to_string()),
        CertificateMatch::Serial(issuer, serial) => (2, issuer.to_string(), serial.to_string()),
        CertificateMatch::San(issuer, san) => (3, issuer.to_string(), san.to_string()),
    }
}

fn certificate_from_store(kind: i64, issuer: &str, value: &str) -> Result<CertificateMatch, StoreError> {
    const WHAT: &str = "node_certificate";
    match kind {
        1 => Ok(CertificateMatch::Fingerprint(read(WHAT, value)?)),
        2 => Ok(CertificateMatch::Serial(read(WHAT, issuer)?, read(WHAT, value)?)),
        3 => Ok(CertificateMatch::San(read(WHAT, issuer)?, read(WHAT, value)?)),
        _ => Err(StoreError::Corrupt { what: WHAT }),
    }
}

const fn xua_to_store(mode: XuaMode) -> i64 {
    match mode {
        XuaMode::Required => 1,
        XuaMode::Optional => 2,
        XuaMode::Off => 3,
    }
}

fn xua_from_store(number: i64) -> Result<XuaMode, StoreError> {
    let all = [XuaMode::Required, XuaMode::Optional, XuaMode::Off];
    all.into_iter().find(|mode| xua_to_store(*mode) == number).ok_or(StoreError::Corrupt { what: "node_setting.xua" })
}

fn limit_from_store(limit: Option<i64>) -> Result<Option<u32>, StoreError> {
    limit.map(u32::try_from).transpose().map_err(|_| StoreError::Corrupt { what: "node_setting" })
}
