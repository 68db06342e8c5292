//! METADATA.XML of a submission set, object after object: what was written need not stay in memory.
//!
//! Source: ITI TF-2 §3.32.4.1.2.2 (R-32-11, R-32-12).

use std::io::{self, Write};

use crate::{
    model::{StoredObject, rim::RegistryObject},
    wire::ebrim::{
        body::{self, BodyError},
        write_registry_object,
    },
};

const HEAD: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <lcm:SubmitObjectsRequest xmlns:lcm=\"urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0\" \
    xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\">\n<rim:RegistryObjectList>\n";
const END: &[u8] = b"</rim:RegistryObjectList>\n</lcm:SubmitObjectsRequest>\n";

/// A METADATA.XML that is being written.
pub struct MetadataWriter<W> {
    out: W,
    object: Vec<u8>,
    octets: u64,
}

impl<W: Write> MetadataWriter<W> {
    /// Begins the document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(HEAD)?;
        Ok(Self { out, object: Vec::new(), octets: HEAD.len() as u64 })
    }

    /// Writes one object.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn object(&mut self, object: &RegistryObject) -> io::Result<()> {
        self.object.clear();
        write_registry_object(&mut self.object, object);
        self.object.push(b'\n');
        self.octets += self.object.len() as u64;
        self.out.write_all(&self.object)
    }

    /// Octets so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Ends the document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(END)?;
        Ok(self.out)
    }
}

/// A registered object as it is answered, to be changed for the medium.
///
/// # Errors
/// When its body is damaged.
pub fn from_store(object: &StoredObject) -> Result<RegistryObject, BodyError> {
    body::decode(object)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{
        ebrim::samples,
        guard::{Event, XmlLimits, XmlReader},
        xds::iti42,
    };

    proptest! {
        #[test]
        fn r_32_12_what_is_written_is_read_again(objects in prop::collection::vec(samples::registry_object(), 0..4)) {
            let mut writer = MetadataWriter::new(Vec::new()).unwrap();
            for object in &objects {
                writer.object(object).unwrap();
            }
            let text = String::from_utf8(writer.finish().unwrap()).unwrap();
            prop_assert!(text.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<lcm:SubmitObjectsRequest "));
            let limits = XmlLimits { value_bytes: 1 << 20, ..XmlLimits::default() };
            let mut reader = XmlReader::new(&text, &limits);
            let Event::Start(_) = reader.next().unwrap() else { panic!("no root") };
            let read = iti42::read_request(&mut reader).unwrap();
            prop_assert_eq!(read.objects, objects);
        }
    }
}
