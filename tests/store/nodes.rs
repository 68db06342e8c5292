//! Organisations and nodes on both databases.

use std::{sync::Arc, time::Duration};

use knoop::{
    model::{
        CertificateFacts, CertificateMatch, NodeDescription, NodeLimits, NodeRecord, NodeRole, NodeSetting, Standing,
        XuaMode,
    },
    security::directory::NotAdmitted,
    service::nodes::{self, ChangeError, DirectoryChange, DirectoryCommand, Nodes, OrganisationSaid},
    store::Store,
};

use crate::stores::on_every_store;

/// All trials of this file.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    on_every_store![
        the_fixed_node_is_there_and_stays_as_it_is,
        s_tls_17_what_is_said_of_a_node_is_kept,
        s_tls_16_a_certificate_is_of_one_node,
        a_change_replaces_everything_and_keeps_the_key,
        a_removed_node_frees_its_name_and_certificates_but_never_its_key,
        an_organisation_is_added_once_and_changed_by_its_own_command,
        a_refused_change_changes_nothing,
        changes_at_the_same_time_come_one_after_the_other,
        s_tls_16_another_process_sees_a_change_by_itself,
    ]
}

fn said(id: &str) -> OrganisationSaid {
    OrganisationSaid {
        id: id.into(),
        name: Some("Sint Fictief".into()),
        category: Some("ziekenhuis".into()),
        region: Some("urn:oid:2.999.7".parse().unwrap()),
    }
}

fn by_fingerprint(number: u8) -> CertificateMatch {
    CertificateMatch::Fingerprint(facts(number, &[]).fingerprint)
}

fn by_san(san: &str) -> CertificateMatch {
    CertificateMatch::San("CN=CA,C=NL".parse().unwrap(), san.parse().unwrap())
}

fn facts(number: u8, sans: &[&str]) -> CertificateFacts {
    let sans = sans.iter().map(|san| (*san).to_owned());
    CertificateFacts::new([number; 32], "CN=ehr", "CN=CA,C=NL", "0a", sans)
}

fn node(name: &str, certificates: Vec<CertificateMatch>) -> NodeDescription {
    NodeDescription {
        name: name.into(),
        organisation_key: 0,
        roles: vec![NodeRole::Source],
        homes: Vec::new(),
        issuers: Vec::new(),
        certificates,
        addresses: Vec::new(),
        settings: Vec::new(),
    }
}

fn full(name: &str) -> NodeDescription {
    let limits = NodeLimits { rate: Some(5), burst: None, in_flight: Some(2) };
    NodeDescription {
        roles: vec![NodeRole::Source, NodeRole::Consumer],
        homes: vec!["urn:oid:2.999.7.1".parse().unwrap()],
        issuers: vec!["https://sts.example/é".into()],
        certificates: vec![
            by_fingerprint(1),
            CertificateMatch::Serial("CN=CA,C=NL".parse().unwrap(), "0b".parse().unwrap()),
            by_san("ehr.example"),
        ],
        addresses: vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        settings: vec![
            NodeSetting { transaction: None, xua: Some(XuaMode::Optional), limits },
            NodeSetting { transaction: Some("ITI-18".into()), xua: Some(XuaMode::Required), limits: <_>::default() },
        ],
        ..node(name, Vec::new())
    }
}

async fn change(store: &Store, command: DirectoryCommand) -> Result<Vec<DirectoryChange>, ChangeError> {
    nodes::change(store, command, 1_700_000_000_000, |_| Vec::new()).await
}

async fn add(store: &Store, node: NodeDescription) -> Result<Vec<DirectoryChange>, ChangeError> {
    change(store, DirectoryCommand::AddNode { organisation: said("2.999.7"), node, files: Vec::new() }).await
}

async fn records(store: &Store) -> Vec<NodeRecord> {
    store.read().await.unwrap().node_records().await.unwrap()
}

async fn record(store: &Store, name: &str) -> NodeRecord {
    records(store).await.into_iter().find(|record| *record.node.name == *name).expect("the node is there")
}

async fn generation(store: &Store) -> i64 {
    store.read().await.unwrap().directory_generation().await.unwrap()
}

async fn the_fixed_node_is_there_and_stays_as_it_is(store: Store) {
    let all = records(&store).await;
    let [fixed] = &all[..] else { panic!("{all:?}") };
    let known = NodeRecord::loopback();
    assert_eq!((fixed.node.key, &fixed.node.name), (known.node.key, &known.node.name));
    assert_eq!(fixed.node.organisation, known.node.organisation);
    for command in [
        DirectoryCommand::SetNodeStanding("loopback".into(), Standing::Suspended),
        DirectoryCommand::RemoveNode("loopback".into()),
        DirectoryCommand::SetOrganisationStanding("2.999.1".into(), Standing::Suspended),
        DirectoryCommand::SetOrganisation(said("2.999.1")),
    ] {
        let refused = change(&store, command.clone()).await;
        assert!(matches!(refused, Err(ChangeError::Fixed(_))), "{command:?}: {refused:?}");
    }
}

async fn s_tls_17_what_is_said_of_a_node_is_kept(store: Store) {
    let changes = add(&store, full("ehr")).await.unwrap();
    let expected = [DirectoryChange::OrganisationAdded("2.999.7".into()), DirectoryChange::NodeAdded("ehr".into())];
    assert_eq!(changes, expected);
    let record = record(&store, "ehr").await;
    let organisation = &record.node.organisation;
    assert_eq!(record.description(), NodeDescription { organisation_key: organisation.key, ..full("ehr") });
    assert_eq!(
        (&*organisation.id, &*organisation.name, &*organisation.category),
        ("2.999.7", "Sint Fictief", "ziekenhuis")
    );
    assert_eq!(organisation.region.as_ref().map(ToString::to_string).as_deref(), Some("urn:oid:2.999.7"));
    assert_eq!((record.node.standing, organisation.standing), (Standing::Active, Standing::Active));
    assert!(record.node.key > 1 && organisation.key > 1, "1 is the fixed one");
}

async fn s_tls_16_a_certificate_is_of_one_node(store: Store) {
    add(&store, full("first")).await.unwrap();
    for certificate in full("first").certificates {
        let refused = add(&store, node("second", vec![by_fingerprint(9), certificate.clone()])).await;
        let Err(ChangeError::CertificateTaken { holder, .. }) = refused else { panic!("{certificate}: {refused:?}") };
        assert_eq!(&*holder, "first");
    }
    // A file shows more than the fingerprint: its name belongs to the first node.
    let organisation = said("2.999.7");
    let files = vec![facts(9, &["DNS:ehr.example"])];
    let by_file = DirectoryCommand::AddNode { organisation, node: node("second", vec![by_fingerprint(9)]), files };
    assert!(matches!(change(&store, by_file).await, Err(ChangeError::CertificateTaken { .. })));
    assert_eq!(add(&store, node("first", vec![by_fingerprint(9)])).await, Err(ChangeError::NameTaken("first".into())));
    assert_eq!(add(&store, node("second", Vec::new())).await, Err(ChangeError::NoCertificate));
    add(&store, node("second", vec![by_fingerprint(9)])).await.unwrap();
    assert_eq!(records(&store).await.len(), 3);
}

async fn a_change_replaces_everything_and_keeps_the_key(store: Store) {
    add(&store, full("before")).await.unwrap();
    let before = record(&store, "before").await;
    change(&store, DirectoryCommand::SetNodeStanding("before".into(), Standing::Suspended)).await.unwrap();
    let organisation_key = before.node.organisation.key;
    let said = NodeDescription { organisation_key, ..node("after", vec![by_fingerprint(1), by_fingerprint(2)]) };
    let command = DirectoryCommand::ChangeNode { name: "before".into(), node: said.clone(), files: Vec::new() };
    let changes = change(&store, command.clone()).await.unwrap();
    let [DirectoryChange::NodeChanged { name, keys, hashes }] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(&**name, "after");
    assert_eq!(keys[..], ["name", "roles", "homes", "issuers of assertions", "certificates", "addresses", "settings"]);
    assert_ne!(hashes[0], hashes[1]);
    let after = record(&store, "after").await;
    assert_eq!((after.node.key, after.node.standing), (before.node.key, Standing::Suspended));
    assert_eq!(after.description(), said);
    let again = DirectoryCommand::ChangeNode { name: "after".into(), node: said, files: Vec::new() };
    assert_eq!(change(&store, again).await.unwrap(), []);
    assert_eq!(change(&store, command).await, Err(ChangeError::UnknownNode("before".into())));
}

async fn a_removed_node_frees_its_name_and_certificates_but_never_its_key(store: Store) {
    add(&store, full("ehr")).await.unwrap();
    let first = record(&store, "ehr").await;
    let removed = change(&store, DirectoryCommand::RemoveNode("ehr".into())).await.unwrap();
    assert_eq!(removed, [DirectoryChange::NodeRemoved("ehr".into())]);
    assert_eq!(records(&store).await.len(), 1);
    add(&store, full("ehr")).await.unwrap();
    let second = record(&store, "ehr").await;
    assert!(second.node.key > first.node.key);
    change(&store, DirectoryCommand::RemoveNode("ehr".into())).await.unwrap();
    add(&store, full("ehr")).await.unwrap();
}

async fn an_organisation_is_added_once_and_changed_by_its_own_command(store: Store) {
    let bare = |id: &str| OrganisationSaid { id: id.into(), ..OrganisationSaid::default() };
    let add_to = |organisation: OrganisationSaid, name: &str, number: u8| DirectoryCommand::AddNode {
        organisation,
        node: node(name, vec![by_fingerprint(number)]),
        files: Vec::new(),
    };
    let incomplete = change(&store, add_to(bare("2.999.7"), "a", 1)).await;
    assert_eq!(incomplete, Err(ChangeError::OrganisationIncomplete("2.999.7".into())));
    change(&store, add_to(said("2.999.7"), "a", 1)).await.unwrap();
    change(&store, add_to(bare("2.999.7"), "b", 2)).await.unwrap();
    let other = OrganisationSaid { category: Some("apotheek".into()), ..bare("2.999.7") };
    let refused = change(&store, add_to(other.clone(), "c", 3)).await;
    assert!(matches!(refused, Err(ChangeError::OrganisationDiffers { what: "category", .. })), "{refused:?}");
    let changed = change(&store, DirectoryCommand::SetOrganisation(other.clone())).await.unwrap();
    assert_eq!(changed, [DirectoryChange::OrganisationChanged("2.999.7".into())]);
    assert_eq!(change(&store, DirectoryCommand::SetOrganisation(other)).await.unwrap(), []);
    let (a, b) = (record(&store, "a").await, record(&store, "b").await);
    assert_eq!(a.node.organisation, b.node.organisation);
    assert_eq!((&*a.node.organisation.category, &*a.node.organisation.name), ("apotheek", "Sint Fictief"));
    change(&store, DirectoryCommand::SetOrganisationStanding("2.999.7".into(), Standing::Suspended)).await.unwrap();
    assert_eq!(record(&store, "b").await.node.organisation.standing, Standing::Suspended);
    let unknown = change(&store, DirectoryCommand::SetOrganisationStanding("2.999.8".into(), Standing::Active)).await;
    assert_eq!(unknown, Err(ChangeError::UnknownOrganisation("2.999.8".into())));
}

async fn a_refused_change_changes_nothing(store: Store) {
    add(&store, full("ehr")).await.unwrap();
    let (before, count) = (records(&store).await, generation(&store).await);
    let organisation = said("2.999.8");
    let node = node("other", vec![by_fingerprint(1)]);
    change(&store, DirectoryCommand::AddNode { organisation, node, files: Vec::new() }).await.unwrap_err();
    assert_eq!((records(&store).await, generation(&store).await), (before, count));
    let organisations = store.read().await.unwrap().organisations().await.unwrap();
    assert_eq!(organisations.iter().map(|it| &*it.id).collect::<Vec<_>>(), ["2.999.1", "2.999.7"]);
    // Nothing to do is no change either.
    change(&store, DirectoryCommand::SetNodeStanding("ehr".into(), Standing::Active)).await.unwrap();
}

async fn changes_at_the_same_time_come_one_after_the_other(store: Store) {
    let before = generation(&store).await;
    let adding = (0..8).map(|n| {
        let store = store.clone();
        async move { add(&store, node(&format!("n{}", n % 4), vec![by_fingerprint(n)])).await }
    });
    let done = futures_util::future::join_all(adding).await;
    let taken = |result: &&Result<_, ChangeError>| matches!(result, Err(ChangeError::NameTaken(_)));
    assert_eq!((done.iter().filter(|it| it.is_ok()).count(), done.iter().filter(taken).count()), (4, 4), "{done:?}");
    assert_eq!(generation(&store).await, before + 4);
    assert_eq!(records(&store).await.len(), 5);
}

async fn s_tls_16_another_process_sees_a_change_by_itself(store: Store) {
    let nodes = Arc::new(Nodes::load(&store).await.unwrap());
    let admit = |nodes: &Nodes| nodes.with(|directory| directory.admit(&facts(1, &[]), None).map(|it| it.node.key));
    assert_eq!(admit(&nodes), Err(NotAdmitted::NotMapped));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let following = {
        let (nodes, store) = (Arc::clone(&nodes), store.clone());
        tokio::spawn(async move { nodes.follow(&store, async { drop(stopped.await) }).await })
    };
    add(&store, node("ehr", vec![by_fingerprint(1)])).await.unwrap();
    wait_until(|| admit(&nodes).is_ok()).await;
    change(&store, DirectoryCommand::SetNodeStanding("ehr".into(), Standing::Suspended)).await.unwrap();
    wait_until(|| matches!(admit(&nodes), Err(NotAdmitted::NodeSuspended(_)))).await;
    assert!(!nodes.refresh(&store).await.unwrap(), "nothing was changed since");
    stop.send(()).unwrap();
    following.await.unwrap();
}

/// Waits for what happens by itself, a minute at the longest.
async fn wait_until(mut holds: impl FnMut() -> bool) {
    let mut turn = tokio::time::interval(Duration::from_millis(20));
    let waiting = async {
        while !holds() {
            turn.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it happens within a minute");
}
