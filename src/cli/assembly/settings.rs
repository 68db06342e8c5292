//! What the configuration means to each part.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;

use crate::{
    cli::{Failure, clock},
    client::{ConsentService, PeerSettings},
    config::{Config, Patients, XdmDefaults, XdmReplacement},
    http::{GateSettings, HttpSettings, TlsLimits},
    security::{
        access::{Policy, RemoteAnswer},
        tls::Live,
    },
    service::{
        AccessSettings, AuditSettings, RegistrySettings, RepositorySettings,
        access::ConsentQuestion,
        xdm::{CodeDefaults, CodeReplacement, Identity, ImportSettings, Unresolved},
    },
    store::{UnknownPatients, documents::SweepTimes},
    validate::{QueryRules, Rules},
    wire::{guard::XmlLimits, mime::MimeLimits, soap::HeaderRules, value_sets},
};

pub(in crate::cli) fn peer_settings(config: &Config, tls: Option<Arc<Live>>) -> PeerSettings {
    let client = &config.client;
    PeerSettings {
        tls,
        check_host: client.check_host,
        connect_timeout: client.connect_timeout,
        answer_timeout: client.answer_timeout,
        idle_timeout: client.idle_timeout,
        keep_alive: true,
    }
}

pub(super) fn registry_settings(config: &Config) -> Result<RegistrySettings, Failure> {
    let registry = &config.registry;
    let mut rules = Rules {
        save_extra_metadata: registry.save_extra_metadata,
        allowed_slots: registry.allowed_slots.iter().map(|name| name.as_str().into()).collect(),
        media_types: registry.media_types.iter().map(|kind| kind.to_ascii_lowercase().into()).collect(),
        numbered_uri: registry.lenient_uri,
        assume_original: registry.assume_original,
        ..Rules::default()
    };
    if let Some(path) = &registry.value_sets {
        let place = || format!("value sets {}", path.display());
        let sets = value_sets::read(&std::fs::read_to_string(path).with_context(place)?).with_context(place)?;
        rules.value_sets =
            sets.codes.into_iter().map(|(attribute, codes)| (attribute, codes.into_iter().collect())).collect();
        rules.media_types.extend(sets.media_types.into_iter().map(|kind| kind.to_ascii_lowercase().into()));
    }
    Ok(RegistrySettings {
        rules,
        query_rules: QueryRules {
            lenient_values: registry.lenient_queries,
            assume_leaf_class: registry.lenient_queries && registry.lenient_status,
            short_status: registry.lenient_status,
            values_per_parameter: config.limits.query_values,
            slots: config.limits.query_slots,
            ..QueryRules::default()
        },
        unknown_patients: match registry.patients {
            Patients::Any => UnknownPatients::Create,
            Patients::Known => UnknownPatients::Refuse,
        },
        leaf_class_limit: registry.leaf_class_limit,
        object_ref_limit: registry.object_ref_limit,
        allow_append_to_transformation: registry.allow_append_to_transformation,
    })
}

/// How packages are imported.
pub(in crate::cli) fn import_settings(config: &Config) -> Result<ImportSettings, Failure> {
    let xdm = &config.xdm;
    Ok(ImportSettings {
        limits: xdm.limits.clone(),
        tolerances: xdm.tolerances,
        rules: registry_settings(config)?.rules,
        patient_domains: xdm.patient_domains.clone(),
        known_patients_only: config.registry.patients == Patients::Known,
        replace: xdm.replace,
        unresolved: if xdm.unresolved_fails { Unresolved::Refused } else { Unresolved::LeftOut },
        identity: if xdm.mints { Identity::Minted(xdm.source_id.clone()) } else { Identity::Preserved },
        keep_home: xdm.keep_home,
        look_inside: xdm.look_inside,
        may_override: xdm.may_override,
        confidentiality: xdm.confidentiality.iter().map(code_replacement).collect(),
        defaults: xdm.defaults.iter().map(code_defaults).collect(),
    })
}

fn code_replacement(config: &XdmReplacement) -> CodeReplacement {
    let XdmReplacement { source_id, from, to } = config.clone();
    CodeReplacement { source_id, from, to }
}

fn code_defaults(config: &XdmDefaults) -> CodeDefaults {
    let [class_code, type_code, default_format_code, facility_code, practice, confidentiality, content_type] =
        config.codes.clone();
    CodeDefaults {
        source_id: config.source_id.clone(),
        mime_type: config.mime_type.as_deref().map(Into::into),
        format_code: config.for_format.as_deref().map(Into::into),
        class_code,
        type_code,
        default_format_code,
        facility_code,
        practice_setting_code: practice,
        confidentiality_code: confidentiality,
        content_type_code: content_type,
        language_code: config.language_code.clone(),
    }
}

/// The access rules.
pub(super) fn access_settings(config: &Config, tls: Option<Arc<Live>>) -> Result<AccessSettings, Failure> {
    let mut settings = AccessSettings {
        enforce: config.access.enforce,
        policy: Arc::new(policy_in_force(config)?),
        next_policy: next_policy(config)?.map(Arc::new),
        region: config.registry.home_community_id.clone(),
        remote: None,
    };
    if let Some(url) = &config.access.consent_url {
        let service = ConsentService::new(url.clone(), &peer_settings(config, tls)).context("access.consent_url")?;
        settings.remote = Some(Arc::new(move |question: ConsentQuestion| {
            let service = service.clone();
            Box::pin(async move {
                match serde_json::to_vec(&question) {
                    Ok(question) => service.ask(question).await,
                    Err(_) => RemoteAnswer::Indeterminate,
                }
            })
        }));
    }
    Ok(settings)
}

/// The access policy that decides.
pub(in crate::cli) fn policy_in_force(config: &Config) -> Result<Policy, Failure> {
    match &config.access.policy {
        Some(path) => {
            let policy = policy_of(path)?;
            if policy.change().is_some_and(|change| change.effective_from > clock::now()) {
                let text = format!("access policy {} decides later: name it as access.next_policy", path.display());
                return Err(Failure::wrong_use(text));
            }
            approved(config, path, policy)
        }
        None => Ok(Policy::from_toml(Policy::DEFAULT).context("the built-in access policy")?),
    }
}

/// The access policy that takes over, if one is named.
fn next_policy(config: &Config) -> Result<Option<Policy>, Failure> {
    let Some(path) = &config.access.next_policy else { return Ok(None) };
    let policy = policy_of(path)?;
    if policy.change().is_none() {
        let text = format!("access policy {} does not say from when it decides: it has no [change]", path.display());
        return Err(Failure::wrong_use(text));
    }
    approved(config, path, policy).map(Some)
}

/// Four eyes: in production a policy of one's own names two people (S-CON-09).
fn approved(config: &Config, path: &Path, policy: Policy) -> Result<Policy, Failure> {
    if config.production && policy.change().is_none() {
        let text = "names nobody who proposed and approved it: [change] is wanted with production = true";
        return Err(Failure::wrong_use(format!("access policy {} {text}", path.display())));
    }
    Ok(policy)
}

/// The access policy in a file.
pub(in crate::cli) fn policy_of(path: &Path) -> Result<Policy, Failure> {
    let place = || format!("access policy {}", path.display());
    Ok(Policy::from_toml(&std::fs::read_to_string(path).with_context(place)?).with_context(place)?)
}

/// What the audit may be told.
pub(in crate::cli) fn audit_settings(config: &Config) -> AuditSettings {
    let audit = &config.audit;
    AuditSettings {
        record: audit.record,
        source_id: audit.source_id.as_str().into(),
        internal_hops: audit.internal_hops,
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2)
}

pub(super) fn sweep_times(config: &Config) -> SweepTimes {
    let documents = &config.documents;
    SweepTimes { grace_ms: milliseconds(documents.sweep_grace), quarantine_ms: milliseconds(documents.quarantine) }
}

pub(super) fn repository_settings(config: &Config) -> RepositorySettings {
    RepositorySettings {
        repository_unique_id: config.repository.repository_unique_id.clone(),
        home_community_id: config.registry.home_community_id.clone(),
        pending_lease_ms: milliseconds(config.documents.sweep_grace),
        document_request_limit: config.limits.document_requests,
    }
}

pub(super) fn tls_limits(config: &Config) -> TlsLimits {
    let limits = &config.limits;
    TlsLimits {
        handshake_timeout: limits.handshake_timeout,
        handshakes_per_address: limits.handshakes_per_address,
        connections_per_address: limits.connections_per_address,
    }
}

pub(super) fn http_settings(config: &Config) -> HttpSettings {
    let limits = &config.limits;
    let size = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    HttpSettings {
        root_part_bytes: limits.root_part_bytes,
        document_bytes: limits.document_bytes,
        message_bytes: limits.message_bytes,
        answer_bytes: limits.answer_bytes,
        answers_bytes: limits.answers_bytes,
        spool_bytes: limits.spool_bytes,
        xml: XmlLimits {
            depth: limits.xml_depth,
            nodes: limits.xml_nodes,
            attributes: limits.xml_attributes,
            namespaces: limits.xml_namespaces,
            value_bytes: size(limits.xml_value_bytes),
            name_bytes: size(limits.xml_name_bytes),
            text_bytes: size(limits.xml_text_bytes),
        },
        mime: MimeLimits {
            parts: limits.mime_parts,
            headers: limits.mime_headers,
            header_bytes: size(limits.mime_header_bytes),
            ..MimeLimits::default()
        },
        headers_timeout: limits.headers_timeout,
        slow_window: limits.body_window,
        slow_bytes: limits.body_pace_bytes.saturating_mul(limits.body_window.as_secs()),
        gates: GateSettings {
            rate: limits.node_rate,
            burst: limits.node_burst,
            in_flight: limits.node_in_flight,
            all_in_flight: limits.requests_in_flight,
        },
        strict_encoding: config.strict_encoding,
        headers: HeaderRules { lenient_addressing: config.lenient_addressing, ..HeaderRules::default() },
        home_community_id: config.registry.home_community_id.clone(),
        versions: config.registry.write_versions,
    }
}
