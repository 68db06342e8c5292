//! DICOM objects with their DICOMDIR, read by DCMTK and pydicom.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;

use super::{
    fresh_server,
    package::{Opened, here, pack_in},
    provide,
};
use crate::harness::{plain, python, sample, scratch, trials};

pub fn trials() -> Vec<Trial> {
    let mut all: Vec<Trial> = plain![r_32_44_a_dicom_document_lies_under_dicom].into();
    all.push(trials::fallible(module_path!(), "r_32_42_45_dcmtk_and_pydicom_find_every_instance", everybody_reads));
    all
}

fn dicom(instance: &str) -> Vec<u8> {
    dicom_of(instance, "P1", &[])
}

/// A small DICOM file: explicit little endian, no pixels; `more` are elements between Patient ID and group 0020.
pub fn dicom_of(instance: &str, patient: &str, more: &[(u16, u16, &str)]) -> Vec<u8> {
    let mut out = vec![0; 128];
    out.extend_from_slice(b"DICM");
    let mut push = |(group, element): (u16, u16), vr: &[u8; 2], value: &str| {
        let pad = if vr == b"UI" { '\0' } else { ' ' };
        let padded = if value.len() % 2 == 1 { format!("{value}{pad}") } else { value.to_owned() };
        out.extend_from_slice(&group.to_le_bytes());
        out.extend_from_slice(&element.to_le_bytes());
        out.extend_from_slice(vr);
        out.extend_from_slice(&u16::try_from(padded.len()).expect("short").to_le_bytes());
        out.extend_from_slice(padded.as_bytes());
    };
    push((2, 2), b"UI", "1.2.840.10008.5.1.4.1.1.7");
    push((2, 0x10), b"UI", "1.2.840.10008.1.2.1");
    push((8, 0x16), b"UI", "1.2.840.10008.5.1.4.1.1.7");
    push((8, 0x18), b"UI", instance);
    push((0x10, 0x20), b"LO", patient);
    for (group, element, value) in more {
        push((*group, *element), b"LO", value);
    }
    push((0x20, 0x0D), b"UI", "2.999.1");
    push((0x20, 0x0E), b"UI", "2.999.1.1");
    out
}

fn r_32_44_a_dicom_document_lies_under_dicom() {
    let server = fresh_server();
    let patient = sample::patient();
    let (one, text) = (dicom("2.999.1.1.1"), &b"no DICOM at all"[..]);
    let documents: [(&str, &[u8]); 3] =
        [("application/dicom", &one), ("text/plain", b"x"), ("application/dicom", text)];
    let objects = provide(&server, &patient, &documents);
    let folder = here();
    let made = pack_in(&server, &folder, &["--patient", &patient, "--json"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(told["dicomObjects"], 1);
    let warnings: Vec<&str> = super::list(&told["warnings"]).iter().filter_map(Value::as_str).collect();
    assert!(warnings.iter().any(|it| it.starts_with("DICOM/SET00001/IM000003: not in the DICOMDIR: no DICOM file")));
    assert!(warnings.iter().any(|it| it.contains("Study Date is missing")), "{warnings:?}");
    let package = Opened::zip(&folder.join("P.ZIP"));
    let set = package.set("SUBSET01");
    for (object, (path, octets)) in
        [&objects[0], &objects[2]].into_iter().zip([("IM000001", one.as_slice()), ("IM000003", text)])
    {
        let uri = set.entry(&object.unique_id()).value("URI").expect("a URI");
        assert_eq!(uri, format!("../../DICOM/SET00001/{path}"), "R-32-13");
        assert_eq!(package.file(&format!("DICOM/SET00001/{path}")), octets);
    }
    assert_eq!(package.roots(), ["README.TXT", "INDEX.HTM", "IHE_XDM", "DICOM", "DICOMDIR"], "R-32-42");
    assert!(package.names().iter().filter(|name| name.starts_with("DICOM")).all(|name| !name.contains('.')), "R-32-09");
}

/// The samples that lie beside the repository.
pub fn samples() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join("shared/samples/imaging");
    path.exists().then_some(path)
}

/// Prints the SOP Instance UIDs that pydicom's FileSet finds, opening each file.
const PYDICOM: &str = "
import sys
from pydicom.fileset import FileSet
for instance in FileSet(sys.argv[1]):
    print(instance.load().SOPInstanceUID, instance.SOPInstanceUID)
";

/// Packs the files of these directories of the samples into `NAME`, all of them as DICOM objects: what is told.
fn packed(folder: &Path, name: &str, samples: &Path, directories: &[&str]) -> Result<Value, Failed> {
    let scans = format!("{name}.scans");
    fs::create_dir(folder.join(&scans)).map_err(|e| e.to_string())?;
    for file in directories.iter().flat_map(|it| scratch::files_below(&samples.join(it))) {
        if file.extension().is_some_and(|extension| extension == "dcm") {
            let flat = file.strip_prefix(samples).map_err(|e| e.to_string())?.display().to_string().replace('/', "-");
            fs::copy(&file, folder.join(&scans).join(flat)).map_err(|e| e.to_string())?;
        }
    }
    let toml = "[all]\npatient = \"999900018^^^&2.16.840.1.113883.2.4.6.3&ISO\"\ntype = \"18748-4\"\n\
                mime_type = \"application/dicom\"\n";
    fs::write(folder.join("m.toml"), toml).map_err(|e| e.to_string())?;
    let pack = ["xdm", "pack", name, "--tree", "--files", &scans, "--metadata", "m.toml", "--json"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_knoop"));
    let made = command.args(pack).current_dir(folder).output().map_err(|e| e.to_string())?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(serde_json::from_slice(&made.stdout).map_err(|e| e.to_string())?)
}

/// SOP Instance UIDs that DCMTK finds in a DICOMDIR without a complaint.
fn by_dcmtk(dicomdir: &Path) -> Result<BTreeSet<String>, Failed> {
    let dump = Command::new("dcmdump").args(["+P", "0004,1511"]).arg(dicomdir).output().map_err(|e| e.to_string())?;
    let (said, errors) = (String::from_utf8_lossy(&dump.stdout), String::from_utf8_lossy(&dump.stderr));
    assert!(dump.status.success() && !errors.contains("E:") && !errors.contains("W:"), "{errors}");
    Ok(said.lines().filter_map(|line| line.split(['[', ']']).nth(1)).map(str::to_owned).collect())
}

fn everybody_reads() -> Result<Completion, Failed> {
    let Some(samples) = samples() else { return Ok(Completion::ignored_with("../shared/samples/imaging is not here")) };
    if Command::new("dcmdump").arg("--version").output().is_err() {
        return Ok(Completion::ignored_with("dcmdump is not here (Debian: dcmtk)"));
    }
    let folder = here();
    let good = packed(&folder, "GOOD", &samples, &["cr", "ct", "report", "us", "variants"])?;
    assert_eq!(good["dicomObjects"], good["documents"], "every object is listed: {}", good["warnings"]);
    let dicomdir = folder.join("GOOD/DICOMDIR");
    let listed = by_dcmtk(&dicomdir)?;
    assert_eq!(good["dicomObjects"], listed.len());
    // What is broken is left out and told, and hurts nothing.
    let bad = packed(&folder, "BAD", &samples, &["bad"])?;
    let told = super::list(&bad["warnings"]).iter().filter_map(Value::as_str);
    let left_out = told.filter(|it| it.contains("not in the DICOMDIR")).count();
    assert_eq!(bad["dicomObjects"], by_dcmtk(&folder.join("BAD/DICOMDIR"))?.len());
    assert_eq!(Some(left_out as u64 + bad["dicomObjects"].as_u64().unwrap_or(0)), bad["documents"].as_u64());
    let Some(python) = python::with("pydicom") else {
        return Ok(Completion::ignored_with("pydicom is not here (Debian: python3-pydicom); DCMTK reads it"));
    };
    let mut command = Command::new(python);
    let set = command.args(["-W", "ignore", "-c", PYDICOM]).arg(&dicomdir).output().map_err(|e| e.to_string())?;
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let said = String::from_utf8_lossy(&set.stdout);
    let pairs: Vec<(&str, &str)> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(pairs.iter().all(|(in_file, in_record)| in_file == in_record), "each record leads to its file");
    let by_pydicom: BTreeSet<String> = pairs.iter().map(|(_, in_record)| (*in_record).to_owned()).collect();
    assert_eq!(by_pydicom, listed);
    Ok(Completion::Completed)
}
