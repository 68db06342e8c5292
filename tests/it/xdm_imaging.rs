//! ITI-32, Portable Media Importer: packages with a DICOMDIR made by others. Source: R-32-42 to R-32-47, spec imaging I-ROB-07.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::{Completion, Failed, Trial};
use serde_json::{Value, json};

use crate::{
    harness::{
        sample::{self, Object},
        scratch,
        servers::{Prepared, Store},
        trials,
    },
    xdm_import::{codes, document, entries, import, prepared, set_of, tree, zipped},
    xdm_pack::dicom::samples,
};

type Test = fn() -> Result<Completion, Failed>;

pub fn trials() -> Vec<Trial> {
    let all: [(&'static str, Test); 5] = [
        ("r_32_46_a_dicomdir_of_dcmtk_is_held_against_the_files", || with_samples(of_dcmtk)),
        ("r_32_46_what_is_wrong_with_files_is_told", || with_samples(wrong)),
        ("r_32_46_section_13_files_have_other_names_in_practice", || with_samples(renamed)),
        ("r_32_47_documents_are_imported_and_images_are_left_alone", || with_samples(left_alone)),
        ("i_rob_07_objects_that_are_broken_hurt_nothing", || with_samples(broken)),
    ];
    all.into_iter().map(|(name, test)| trials::fallible(module_path!(), name, test)).collect()
}

/// Goes on where the samples and DCMTK are here.
fn with_samples(test: fn(&Path)) -> Result<Completion, Failed> {
    let Some(samples) = samples() else { return Ok(Completion::ignored_with("../shared/samples/imaging is not here")) };
    if Command::new("dcmmkdir").arg("--version").output().is_err() {
        return Ok(Completion::ignored_with("dcmmkdir is not here (Debian: dcmtk)"));
    }
    test(&samples);
    Ok(Completion::Completed)
}

/// A package as a tree, with the slices of the sample CT below DICOM and a DICOMDIR of them. The first slice is a document.
struct Medium {
    top: PathBuf,
    patient: String,
}

const SLICES: usize = 6;

impl Medium {
    fn new(samples: &Path, options: &[&str]) -> Self {
        let patient = "999900018^^^&2.16.840.1.113883.2.4.6.3&ISO".to_owned();
        let octets = fs::read(samples.join("ct/IM0001.dcm")).expect("a sample");
        let image: Object = document(&patient, "../../DICOM/CT/IM000001", &octets).set("mimeType", "application/dicom");
        let top = tree(&[(&set_of(&patient, &[&image]), &[])]);
        fs::create_dir_all(top.join("DICOM/CT")).expect("room");
        for number in 1..=SLICES {
            fs::copy(samples.join(format!("ct/IM{number:04}.dcm")), slice(&top, number)).expect("room");
        }
        let mut command = Command::new("dcmmkdir");
        let made = command.args(["+D", "DICOMDIR", "+r", "+id", "."]).args(options).arg("DICOM").current_dir(&top);
        let made = made.output().expect("it runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self { top, patient }
    }

    fn slice(&self, number: usize) -> PathBuf {
        slice(&self.top, number)
    }

    /// The report of a check, of the tree and of a zip file of it alike; the set is in order whatever the images are.
    #[track_caller]
    fn checked(&self, prepared: &Prepared) -> Value {
        let reports = [self.top.clone(), zipped(&self.top)].map(|package| {
            let package = package.display().to_string();
            let output = prepared.command(&["xdm", "check", &package, "--json"]).output().expect("it runs");
            let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert!(output.status.success(), "{report}\n{}", String::from_utf8_lossy(&output.stderr));
            report
        });
        assert_eq!(reports[0]["imaging"], reports[1]["imaging"]);
        assert_eq!(codes(&reports[0]), codes(&reports[1]));
        assert_eq!(reports[0]["outcome"], "all", "R-32-04");
        reports[0].clone()
    }
}

fn slice(top: &Path, number: usize) -> PathBuf {
    top.join(format!("DICOM/CT/IM{number:06}"))
}

fn own() -> Prepared {
    prepared(Store::Sqlite)
}

fn of_dcmtk(samples: &Path) {
    let prepared = own();
    for options in [&["+e"][..], &["-e"], &["+g"]] {
        let report = Medium::new(samples, options).checked(&prepared);
        let expected = json!({ "listed": SLICES, "found": SLICES, "documents": 1, "left_alone": SLICES - 1,
            "unresolved": 0, "differing": 0 });
        assert_eq!(
            (&report["imaging"], codes(&report)),
            (&expected, vec!["XdmImagesLeftAlone".to_owned()]),
            "{options:?}"
        );
    }
}

fn wrong(samples: &Path) {
    let prepared = own();
    let medium = Medium::new(samples, &[]);
    fs::remove_file(medium.slice(2)).expect("removed");
    fs::copy(medium.slice(4), medium.slice(3)).expect("room");
    fs::write(medium.slice(5), "no image").expect("room");
    let report = medium.checked(&prepared);
    assert_eq!(
        codes(&report),
        ["XdmDicomdirUnresolved", "XdmDicomdirDiffers", "XdmDicomdirDiffers", "XdmImagesLeftAlone"]
    );
    let told = |number: usize| {
        let finding = &report["findings"][number];
        ["file", "place", "text"].map(|field| finding[field].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(told(0), ["DICOM/CT/IM000002", "record 5, IMAGE", "the file of the record is not in the package"]);
    assert!(
        told(1)[2].starts_with("the record says SOP Instance UID 2.") && told(1)[0].ends_with("IM000003"),
        "{report}"
    );
    assert!(told(2)[2].starts_with("the file is no DICOM object"), "{report}");
    assert_eq!((&report["imaging"]["unresolved"], &report["imaging"]["differing"]), (&1.into(), &2.into()));
}

fn renamed(samples: &Path) {
    let prepared = own();
    let medium = Medium::new(samples, &[]);
    fs::rename(medium.slice(2), medium.top.join("DICOM/CT/IM000002.DCM")).expect("renamed");
    fs::rename(medium.slice(3), medium.top.join("DICOM/CT/im000003.dcm")).expect("renamed");
    fs::create_dir_all(medium.top.join("dicom/ct")).expect("room");
    fs::rename(medium.slice(4), medium.top.join("dicom/ct/im000004")).expect("renamed");
    let report = medium.checked(&prepared);
    assert_eq!((&report["imaging"]["found"], &report["imaging"]["differing"]), (&SLICES.into(), &0.into()), "{report}");
    assert_eq!(codes(&report), ["XdmDicomdirName", "XdmImagesLeftAlone", "XdmDicomdirName"]);
    assert_eq!(report["findings"][2]["text"], "2 more of these are not told one by one");
}

fn left_alone(samples: &Path) {
    let prepared = own();
    let medium = Medium::new(samples, &[]);
    let report = import(0, &prepared, &zipped(&medium.top), &[]);
    assert_eq!((&report["outcome"], &report["imaging"]["left_alone"]), (&"all".into(), &(SLICES - 1).into()));
    let server = prepared.clone().start().expect("it starts");
    assert_eq!(entries(&server, &medium.patient).len(), 1, "one DocumentEntry, one document");
    // What leaves again lists its documents alone, and comes in without a word.
    let out = scratch::directory("xdm-imaging").join(format!("{}.ZIP", sample::number()));
    let (out, data) = (out.display().to_string(), prepared.data.display().to_string());
    let pack = ["xdm", "pack", &out, "--data", &data, "--patient", &medium.patient];
    assert!(prepared.command(&pack).output().expect("it runs").status.success());
    let again = import(0, &own(), Path::new(&out), &[]);
    let expected = json!({ "listed": 1, "found": 1, "documents": 1, "left_alone": 0, "unresolved": 0, "differing": 0 });
    assert_eq!((&again["imaging"], codes(&again)), (&expected, Vec::new()));
}

fn broken(samples: &Path) {
    let prepared = own();
    for file in scratch::files_below(&samples.join("bad")) {
        let medium = Medium::new(samples, &[]);
        fs::copy(&file, medium.slice(2)).expect("room");
        let report = medium.checked(&prepared);
        let found = report["imaging"]["found"].as_u64();
        assert_eq!(found, Some(SLICES as u64), "{}: {report}", file.display());
        fs::copy(&file, medium.top.join("DICOMDIR")).expect("room");
        assert!(codes(&medium.checked(&prepared)).contains(&"XdmDicomdirMalformed".to_owned()), "{}", file.display());
    }
}
