//! What the configuration means to each part.

use std::time::Duration;

use anyhow::Context;

use crate::{
    cli::Failure,
    client::PeerSettings,
    config::{Config, Patients},
    http::HttpSettings,
    service::{RegistrySettings, RepositorySettings},
    store::{UnknownPatients, documents::SweepTimes},
    validate::{QueryRules, Rules},
    wire::{guard::XmlLimits, mime::MimeLimits, soap::HeaderRules, value_sets},
};

pub(super) fn peer_settings(config: &Config) -> PeerSettings {
    let client = &config.client;
    PeerSettings {
        ca_file: client.ca_file.clone(),
        identity: client.certificate_file.clone().zip(client.key_file.clone()),
        connect_timeout: client.connect_timeout,
        answer_timeout: client.answer_timeout,
        idle_timeout: client.idle_timeout,
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

pub(super) fn http_settings(config: &Config) -> HttpSettings {
    let limits = &config.limits;
    let size = |octets: u64| usize::try_from(octets).unwrap_or(usize::MAX);
    HttpSettings {
        root_part_bytes: limits.root_part_bytes,
        document_bytes: limits.document_bytes,
        message_bytes: limits.message_bytes,
        answer_bytes: limits.answer_bytes,
        answers_bytes: limits.answers_bytes,
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
        strict_encoding: config.strict_encoding,
        headers: HeaderRules { lenient_addressing: config.lenient_addressing, ..HeaderRules::default() },
        home_community_id: config.registry.home_community_id.clone(),
        versions: config.registry.write_versions,
        ..HttpSettings::default()
    }
}
