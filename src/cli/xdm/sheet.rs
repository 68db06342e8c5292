//! What a TOML file says of the files of a directory, in the words of `knoop submit`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use serde::Deserialize;

use crate::{
    cli::{
        Failure, clock,
        metadata::{AuthorMetadata, CodeLists, CodesError, EntryMetadata, entry},
        submit::file::{SubmittedFile, read_all},
    },
    model::bsn::{BSN_AUTHORITY, check_bsn},
    model::{Code, CodeValue, Dtm, LanguageTag, PatientId, ReferenceId, RequestContext, Xcn, Xon, rim::RegistryObject},
    service::xdm::export::{Describe, ExportError, Files},
};

/// The file of metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sheet {
    /// What holds for all documents, unless one says otherwise.
    #[serde(default)]
    all: Said,
    #[serde(default)]
    document: Vec<Said>,
}

/// What is said of one document, or of all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    file: Option<PathBuf>,
    patient: Option<String>,
    source_patient: Option<String>,
    patient_info: Option<Vec<String>>,
    #[serde(rename = "type")]
    type_code: Option<String>,
    title: Option<String>,
    comments: Option<String>,
    class: Option<String>,
    format: Option<String>,
    facility: Option<String>,
    practice: Option<String>,
    confidentiality: Option<Vec<String>>,
    event: Option<Vec<String>>,
    reference: Option<Vec<String>>,
    mime_type: Option<String>,
    language: Option<String>,
    created: Option<String>,
    service_start: Option<String>,
    service_stop: Option<String>,
    author: Option<String>,
    institution: Option<String>,
}

fn wrong(place: &str, error: impl std::fmt::Display) -> Failure {
    Failure::wrong_use(format!("{place}: {error}"))
}

/// The documents of a directory; what each is, is looked at when it is packed.
///
/// # Errors
/// Wrong use where the metadata or the directory are.
pub(super) fn read(directory: &Path, metadata: &Path) -> Result<Files, Failure> {
    let place = metadata.display().to_string();
    let text = std::fs::read_to_string(metadata).map_err(|error| wrong(&place, error))?;
    let sheet: Sheet = toml::from_str(&text).map_err(|error| wrong(&place, error))?;
    if sheet.all.file.is_some() {
        return Err(wrong(&place, "[all] names a file; that is for [[document]]"));
    }
    let unnamed = || wrong(&place, "a [[document]] names no file");
    let names = match sheet.document.is_empty() {
        true => every_file(directory, metadata)?,
        false => sheet.document.iter().map(|one| one.file.clone().ok_or_else(unnamed)).collect::<Result<_, _>>()?,
    };
    let paths: Arc<[PathBuf]> = names.iter().map(|name| directory.join(name)).collect();
    let (directory, lists) = (directory.to_owned(), CodeLists::built_in());
    let described = Arc::new(Described { sheet, directory, paths: Arc::clone(&paths), lists, place });
    let describe: Describe = Box::new(move |ctx, number| {
        let described = Arc::clone(&described);
        Box::pin(async move {
            let entry = described.entry(ctx, number).await;
            entry.map_err(|failure| ExportError::File(failure.to_string()))
        })
    });
    Ok(Files { paths, describe })
}

/// Every regular file of a directory, in order of names.
fn every_file(directory: &Path, metadata: &Path) -> Result<Vec<PathBuf>, Failure> {
    let place = directory.display().to_string();
    let is_metadata = |path: &Path| path.canonicalize().ok() == metadata.canonicalize().ok();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| wrong(&place, error))? {
        let entry = entry.context("a directory cannot be read")?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        if entry.file_type()?.is_file() && !is_hidden && !is_metadata(&entry.path()) {
            names.push(PathBuf::from(entry.file_name()));
        }
    }
    names.sort();
    Ok(names)
}

/// What the file of metadata says of the files.
struct Described {
    sheet: Sheet,
    directory: PathBuf,
    paths: Arc<[PathBuf]>,
    lists: CodeLists,
    place: String,
}

impl Described {
    async fn entry(&self, ctx: &mut RequestContext, number: usize) -> Result<RegistryObject, Failure> {
        let gone = || wrong(&self.place, "there is no such document");
        let path = self.paths.get(number).ok_or_else(gone)?;
        let name = path.strip_prefix(&self.directory).unwrap_or(path).display();
        let one = self.sheet.document.get(number).cloned().unwrap_or_default();
        let place = format!("{}: {name}", self.place);
        let said = Merged { one, all: &self.sheet.all, lists: &self.lists, place };
        let read = read_all(std::slice::from_ref(path), said.text(|it| &it.mime_type).as_deref()).await?;
        let file = read.first().ok_or_else(gone)?;
        Ok(entry(&said.entry(ctx, file)?))
    }
}

/// What is said of one document, and of all.
struct Merged<'a> {
    one: Said,
    all: &'a Said,
    lists: &'a CodeLists,
    place: String,
}

impl Merged<'_> {
    fn text(&self, field: impl Fn(&Said) -> &Option<String>) -> Option<String> {
        field(&self.one).clone().or_else(|| field(self.all).clone())
    }

    fn many(&self, field: impl Fn(&Said) -> &Option<Vec<String>>) -> Vec<String> {
        field(&self.one).clone().or_else(|| field(self.all).clone()).unwrap_or_default()
    }

    /// A text that must have the form of `T`; empty where nothing is said.
    fn checked<T>(&self, name: &str, field: impl Fn(&Said) -> &Option<String>) -> Result<String, Failure>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let Some(text) = self.text(field) else { return Ok(String::new()) };
        text.parse::<T>().map_err(|error| wrong(&self.place, format!("{name}: {error}")))?;
        Ok(text)
    }

    fn patient(&self, name: &str, field: impl Fn(&Said) -> &Option<String>) -> Result<Option<String>, Failure> {
        let Some(text) = self.text(field) else { return Ok(None) };
        let patient: PatientId = text.parse().map_err(|error| wrong(&self.place, format!("{name}: {error}")))?;
        if patient.authority().as_str() == BSN_AUTHORITY {
            check_bsn(patient.id()).map_err(|error| wrong(&self.place, format!("{name}: {error}")))?;
        }
        Ok(Some(text))
    }

    fn of_list(&self, list: &str, written: Option<String>) -> Result<Code, Failure> {
        let code = match written {
            Some(written) => self.lists.find(list, &written),
            None => self.lists.first(list),
        };
        code.map_err(|error| self.codes(&error))
    }

    fn codes(&self, error: &CodesError) -> Failure {
        wrong(&self.place, error)
    }

    fn all_of_list(&self, list: &str, written: Vec<String>) -> Result<Vec<Code>, Failure> {
        written.into_iter().map(|code| self.of_list(list, Some(code))).collect()
    }

    fn format(&self, file: &SubmittedFile) -> Result<Code, Failure> {
        let sop_class = file.sop_class_uid.as_deref().and_then(|uid| CodeValue::new(uid, "1.2.840.10008.2.6.1").ok());
        match (self.text(|it| &it.format), sop_class) {
            (Some(code), _) => self.lists.find("format", &code),
            (None, Some(value)) => self.lists.find("format", &value.to_string()),
            (None, None) => self.lists.format_of(&file.mime_type),
        }
        .map_err(|error| self.codes(&error))
    }

    fn entry(&self, ctx: &mut RequestContext, file: &SubmittedFile) -> Result<EntryMetadata, Failure> {
        let missing = |name: &str| wrong(&self.place, format!("{name} is missing"));
        let patient_id = self.patient("patient", |it| &it.patient)?.ok_or_else(|| missing("patient"))?;
        let type_code = self.text(|it| &it.type_code).ok_or_else(|| missing("type"))?;
        let type_code = self.of_list("type", Some(type_code))?;
        let mut confidentiality_codes = self.all_of_list("confidentiality", self.many(|it| &it.confidentiality))?;
        if confidentiality_codes.is_empty() {
            confidentiality_codes.push(self.of_list("confidentiality", None)?);
        }
        let reference_ids = self.many(|it| &it.reference);
        for reference in &reference_ids {
            reference.parse::<ReferenceId>().map_err(|error| wrong(&self.place, format!("reference: {error}")))?;
        }
        let created = self.checked::<Dtm>("created", |it| &it.created)?;
        let language = self.checked::<LanguageTag>("language", |it| &it.language)?;
        Ok(EntryMetadata {
            id: ctx.fresh_uuid().to_string(),
            unique_id: clock::fresh_oid(ctx),
            mime_type: file.mime_type.clone(),
            source_patient_id: self.patient("source_patient", |it| &it.source_patient)?.unwrap_or(patient_id.clone()),
            patient_id,
            source_patient_info: self.many(|it| &it.patient_info),
            title: self.text(|it| &it.title).unwrap_or_else(|| file.name.clone()),
            comments: self.text(|it| &it.comments).unwrap_or_default(),
            creation_time: if created.is_empty() { file.changed.clone() } else { created },
            service_start_time: self.checked::<Dtm>("service_start", |it| &it.service_start)?,
            service_stop_time: self.checked::<Dtm>("service_stop", |it| &it.service_stop)?,
            language_code: if language.is_empty() { "nl-NL".to_owned() } else { language },
            author: AuthorMetadata {
                person: self.checked::<Xcn>("author", |it| &it.author)?,
                institution: self.checked::<Xon>("institution", |it| &it.institution)?,
                ..AuthorMetadata::default()
            },
            class_code: match self.text(|it| &it.class) {
                Some(code) => self.of_list("class", Some(code))?,
                None => self.lists.class_of(&type_code).map_err(|error| self.codes(&error))?,
            },
            type_code,
            format_code: self.format(file)?,
            facility_code: self.of_list("facility", self.text(|it| &it.facility))?,
            practice_setting_code: self.of_list("practice", self.text(|it| &it.practice))?,
            confidentiality_codes,
            event_codes: self.all_of_list("event", self.many(|it| &it.event))?,
            reference_ids,
            hash: file.hash.to_string(),
            size_bytes: Some(file.size_bytes),
            repository_unique_id: None,
        })
    }
}
