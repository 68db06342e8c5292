//! Octets with places that are filled in anew for each request.

/// A text with marked places, each as wide as its mark.
pub(super) struct Template {
    octets: Vec<u8>,
    /// Where each mark stands, and how wide it is, by the number of the mark.
    places: Vec<(usize, Vec<usize>)>,
}

impl Template {
    /// Finds every place of every mark.
    pub(super) fn new(octets: Vec<u8>, marks: &[String]) -> Self {
        let found = |mark: &String| (mark.len(), memchr::memmem::find_iter(&octets, mark.as_bytes()).collect());
        Self { places: marks.iter().map(found).collect(), octets }
    }

    /// The octets with other texts in the places of the marks; each must have the width of its mark.
    pub(super) fn fill(&self, texts: &[String]) -> Vec<u8> {
        let mut out = self.octets.clone();
        for ((width, places), text) in self.places.iter().zip(texts) {
            for place in places {
                if let Some(target) = out.get_mut(*place..place + width).filter(|t| t.len() == text.len()) {
                    target.copy_from_slice(text.as_bytes());
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_mark_is_filled() {
        let template = Template::new(b"<a id='@1'/><b of='@1' id='@2'/>".to_vec(), &["@1".into(), "@2".into()]);
        assert_eq!(template.fill(&["x1".into(), "x2".into()]), b"<a id='x1'/><b of='x1' id='x2'/>");
    }
}
