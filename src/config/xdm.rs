//! `[xdm]`: packages on media (ITI-32). Source: spec xdm §10, §12.1, §13.

use std::{path::PathBuf, time::Duration};

use super::{LimitsConfig, settings::Settings};
use crate::model::{
    Code, CodeValue, LanguageTag, Oid,
    xdm::{PackageLimits, PackageTolerances},
};

/// How packages are imported.
#[derive(Clone, Debug)]
pub struct XdmConfig {
    /// What is too much; one document is at most that of `[limits]`.
    pub limits: PackageLimits,
    /// Habits of real packages that are taken.
    pub tolerances: PackageTolerances,
    /// Assigning authorities whose patient numbers are of this house; all if empty (R-32-38).
    pub patient_domains: Vec<Oid>,
    /// Whether a replacement deprecates what it replaces here (R-32-58).
    pub replace: bool,
    /// Whether this process makes and takes packages for nodes. One process of those that share a database may.
    pub serve: bool,
    /// How long a package stays after its job has ended (R-32-60).
    pub retention: Duration,
    /// Octets that the packages of one node may take up.
    pub node_bytes: u64,
    /// sourceId of packages that are made here.
    pub source_id: Oid,
    /// How the institution is reached, for README.TXT and INDEX.HTM.
    pub contact: String,
    /// The watched folder, where there is one.
    pub watch: Option<XdmWatch>,
    /// Whether a relationship to a document that is nowhere fails its set (R-32-58).
    pub unresolved_fails: bool,
    /// Whether an imported set gets a new identity, of `source_id` (R-32-56).
    pub mints: bool,
    /// Whether an operator may take a set in spite of wrong hashes or sizes (R-32-36).
    pub may_override: bool,
    /// Whether homeCommunityId stays in packages that are made, and in what is imported (R-32-16).
    pub keep_home: bool,
    /// Whether headers of documents are read (R-32-39, R-32-55, R-32-59).
    pub look_inside: bool,
    /// confidentialityCodes to be replaced, in the order of the names of their sections (R-32-40).
    pub confidentiality: Vec<XdmReplacement>,
    /// Codes for metadata without them, in the order of the names of their sections (R-32-59).
    pub defaults: Vec<XdmDefaults>,
}

/// `[xdm.watch]`: a folder whose zip files are taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XdmWatch {
    /// The folder.
    pub folder: PathBuf,
    /// Take over without asking what is green in every check (R-32-34).
    pub auto_commit: bool,
    /// The node in whose name that is done; absent stands for this installation.
    pub node: Option<String>,
    /// A file that has not changed for so long is whole.
    pub quiet: Duration,
}

impl XdmWatch {
    fn read(s: &mut Settings) -> Option<Self> {
        let folder = s.parsed("xdm.watch.folder", PathBuf::new());
        let auto_commit = s.parsed("xdm.watch.auto_commit", false);
        let node = s.parsed("xdm.watch.node", String::new());
        let quiet = s.duration("xdm.watch.quiet", Duration::from_secs(5));
        let watch = Self { folder, auto_commit, node: Some(node).filter(|node| !node.is_empty()), quiet };
        Some(watch).filter(|watch| !watch.folder.as_os_str().is_empty())
    }
}

/// `[xdm.defaults.NAME]`: codes for the documents of one kind of source.
#[derive(Clone, Debug, Default)]
pub struct XdmDefaults {
    /// SubmissionSet.sourceId that it is for.
    pub source_id: Option<Oid>,
    /// mimeType that it is for.
    pub mime_type: Option<String>,
    /// formatCode that it is for.
    pub for_format: Option<String>,
    /// The codes, in the order of [`XdmDefaults::CODES`].
    pub codes: [Option<Code>; 7],
    /// languageCode.
    pub language_code: Option<LanguageTag>,
}

/// `[xdm.confidentiality.NAME]`: a confidentialityCode of a sender, and that of this house.
#[derive(Clone, Debug)]
pub struct XdmReplacement {
    /// SubmissionSet.sourceId that it is for.
    pub source_id: Option<Oid>,
    /// What the sender writes.
    pub from: CodeValue,
    /// What is registered.
    pub to: Code,
}

impl XdmReplacement {
    fn read(s: &mut Settings, section: &str) -> Option<Self> {
        let key = |name: &str| format!("{section}.{name}");
        let source_id = s.optional(&key("source_id"));
        let (from, to) = (s.with(&key("from"), code_value), s.with(&key("to"), code));
        if from.is_none() || to.is_none() {
            s.contradiction(section, "needs from, CODE^SCHEME, and to, CODE^NAME^SCHEME");
        }
        Some(Self { source_id, from: from?, to: to? })
    }
}

/// `CODE^SCHEME`.
fn code_value(text: &str) -> Result<CodeValue, String> {
    let (code, scheme) = text.split_once('^').ok_or("a code is CODE^SCHEME here")?;
    CodeValue::new(code, scheme).map_err(|error| error.to_string())
}

impl XdmDefaults {
    /// The keys of the codes.
    pub const CODES: [&str; 7] = [
        "class_code",
        "type_code",
        "format_code",
        "facility_code",
        "practice_setting_code",
        "confidentiality_code",
        "content_type_code",
    ];

    fn read(s: &mut Settings, section: &str) -> Self {
        let key = |name: &str| format!("{section}.{name}");
        Self {
            source_id: s.optional(&key("source_id")),
            mime_type: s.optional(&key("mime_type")),
            for_format: s.optional(&key("for_format")),
            codes: Self::CODES.map(|name| s.with(&key(name), code)),
            language_code: s.optional(&key("language_code")),
        }
    }
}

/// `imaging.import`: what becomes of DICOM objects that a DICOMDIR lists and no DocumentEntry names (R-32-47). They are told
/// and left alone; nothing else can be done with them yet.
fn images_are_left_alone(s: &mut Settings) {
    s.with("imaging.import", |word| match word {
        "ignore" => Ok(()),
        "forward" | "manifest" => Err("an archive cannot be handed images yet: ignore is all there is".to_owned()),
        _ => Err("'ignore' is all there is".to_owned()),
    });
}

/// `CODE^NAME^SCHEME`.
fn code(text: &str) -> Result<Code, String> {
    let parts: Vec<&str> = text.split('^').collect();
    let [code, name, scheme] = parts.as_slice() else { return Err("a code is CODE^NAME^SCHEME".to_owned()) };
    let value = CodeValue::new(code, scheme).map_err(|error| error.to_string())?;
    Ok(Code { value, display_name: (*name).into() })
}

impl XdmConfig {
    pub(super) fn read(s: &mut Settings, limits: &LimitsConfig) -> Self {
        images_are_left_alone(s);
        let names = s.names("xdm.defaults");
        let replacements = s.names("xdm.confidentiality");
        let default = PackageLimits::default();
        let source_id = "2.999.1.3".parse::<Oid>().expect("an OID");
        let most = |s: &mut Settings, key, default: u64, ceiling| {
            s.number(key, usize::try_from(default).unwrap_or(usize::MAX), 1, ceiling)
        };
        let entries = most(s, "xdm.entries", default.entries, 2_000_000);
        let document_bytes = s.size("xdm.document", "32 GiB", "32 GiB").min(limits.document_bytes);
        Self {
            limits: PackageLimits {
                package_bytes: s.size("xdm.package", "64 GiB", "1024 GiB"),
                entries: u64::try_from(entries).unwrap_or(u64::MAX),
                document_bytes,
                referenced_bytes: s.size("xdm.documents", "128 GiB", "1024 GiB"),
                metadata_bytes: s.size("xdm.metadata", "32 MiB", "256 MiB"),
                sets: most(s, "xdm.sets", default.sets as u64, 100_000),
                documents: most(s, "xdm.documents_per_set", default.documents as u64, 1_000_000),
                ..default
            },
            tolerances: PackageTolerances {
                fold_case: s.parsed("xdm.lenient_case", true),
                wrapper: s.parsed("xdm.lenient_wrapper", true),
                backslash: s.parsed("xdm.lenient_backslash", true),
                uri_attribute: s.parsed("xdm.lenient_uri_attribute", true),
                missing_hash: s.parsed("xdm.lenient_missing_hash", true),
                sha256: s.parsed("xdm.lenient_sha256", true),
                empty_slots: s.parsed("xdm.lenient_empty_slots", true),
                symbolic_ids: s.parsed("xdm.lenient_ids", true),
            },
            patient_domains: s.list_with("xdm.patient_domains", |oid| {
                oid.parse().map_err(|error: crate::model::OidError| format!("'{oid}': {error}"))
            }),
            replace: s.parsed("xdm.replace", false),
            serve: s.parsed("xdm.serve", true),
            retention: s.duration("xdm.retention", Duration::from_secs(14 * 86_400)),
            node_bytes: s.size("xdm.node", "256 GiB", "1024 TiB"),
            source_id: s.parsed("xdm.source_id", source_id),
            contact: s.parsed("xdm.contact", String::new()),
            watch: XdmWatch::read(s),
            unresolved_fails: s.one_of("xdm.unresolved", &[("leave_out", false), ("strict", true)], false),
            mints: s.one_of("xdm.identity", &[("preserve", false), ("mint", true)], false),
            look_inside: s.parsed("xdm.look_inside", true),
            may_override: s.parsed("xdm.override", false),
            keep_home: s.parsed("xdm.keep_home", false),
            confidentiality: replacements
                .iter()
                .filter_map(|name| XdmReplacement::read(s, &format!("xdm.confidentiality.{name}")))
                .collect(),
            defaults: names.iter().map(|name| XdmDefaults::read(s, &format!("xdm.defaults.{name}"))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    #[test]
    fn r_32_59_defaults_are_named_sections_of_codes() {
        let text = "[xdm.defaults.clinic]\nsource_id = \"2.999.20\"\n\
            confidentiality_code = \"N^normal^2.16.840.1.113883.5.25\"\nlanguage_code = \"nl-NL\"\n";
        let config = Config::from_text("x", text).expect("in order");
        let [clinic] = config.xdm.defaults.as_slice() else { panic!("one section") };
        let code = clinic.codes[5].as_ref().expect("a code");
        assert_eq!((code.value.code(), &*code.display_name), ("N", "normal"));
        for (wrong, problem) in [
            ("[xdm.defaults.a]\nclass_code = \"N\"\n", "a code is CODE^NAME^SCHEME"),
            ("[xdm.defaults.a]\nclass = \"N^n^2.999\"\n", "unknown key"),
            ("[xdm]\npatient_domains = [\"x\"]\n", "'x': "),
        ] {
            let error = Config::from_text("x", wrong).expect_err("must be refused").to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn r_32_40_r_32_56_what_a_house_decides() {
        let text = "[xdm]\nidentity = \"mint\"\nsource_id = \"2.999.1.3\"\nunresolved = \"strict\"\noverride = true\n\
            [xdm.confidentiality.a]\nfrom = \"VIP^2.999.5\"\nto = \"R^restricted^2.16.840.1.113883.5.25\"\n";
        let config = Config::from_text("x", text).expect("in order");
        let [rule] = config.xdm.confidentiality.as_slice() else { panic!("one rule") };
        assert_eq!((rule.from.code(), rule.to.value.code()), ("VIP", "R"));
        assert!(config.xdm.unresolved_fails && config.xdm.may_override && config.xdm.mints);
        for (wrong, problem) in [
            ("[xdm]\nidentity = \"fresh\"\n", "xdm.identity"),
            ("[xdm.confidentiality.a]\nfrom = \"VIP^2.999.5\"\n", "needs from"),
            ("[xdm.confidentiality.a]\nfrom = \"VIP\"\nto = \"R^r^2.999\"\n", "CODE^SCHEME"),
        ] {
            let error = Config::from_text("x", wrong).expect_err("must be refused").to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn r_32_47_images_are_left_alone_and_who_wants_more_is_told() {
        assert!(Config::from_text("x", "[imaging]\nimport = \"ignore\"\n").is_ok());
        for word in ["forward", "manifest", "store"] {
            let error = Config::from_text("x", &format!("[imaging]\nimport = \"{word}\"\n")).expect_err(word);
            assert!(error.to_string().contains("imaging.import") && error.to_string().contains("ignore"), "{error}");
        }
    }

    #[test]
    fn a_document_of_a_package_is_at_most_one_of_the_repository() {
        let config = Config::from_text("x", "[limits]\ndocument = \"1 GiB\"\n").expect("in order");
        assert_eq!(config.xdm.limits.document_bytes, 1 << 30);
    }
}
