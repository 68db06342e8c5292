//! What must be known of a whole message when one element of it is to be trusted.

use super::{Element, Ns};

/// Counts elements of one name and uses of one identifier over all start tags that are read.
///
/// The identifier may become known late: until then all are kept. Source: S-XUA-01; spec security §3.3, steps 1 and 2.
#[derive(Debug)]
pub struct Watch {
    name: (Ns, &'static str),
    elements: usize,
    sought: Sought,
}

#[derive(Debug)]
enum Sought {
    /// Identifiers seen so far.
    Later(Vec<Box<str>>),
    Known {
        id: Box<str>,
        uses: usize,
    },
}

impl Watch {
    /// Counts elements of this name.
    pub fn new(ns: Ns, local: &'static str) -> Self {
        Self { name: (ns, local), elements: 0, sought: Sought::Later(Vec::new()) }
    }

    /// From now on only uses of this identifier count, those that were seen already among them.
    pub fn seek(&mut self, id: &str) {
        let uses = match &self.sought {
            Sought::Later(seen) => seen.iter().filter(|seen| &***seen == id).count(),
            Sought::Known { .. } => return,
        };
        self.sought = Sought::Known { id: id.into(), uses };
    }

    /// Elements of the name.
    pub fn elements(&self) -> usize {
        self.elements
    }

    /// How often the identifier stood in an attribute that any stack might take for an identifier.
    pub fn uses(&self) -> usize {
        match &self.sought {
            Sought::Later(_) => 0,
            Sought::Known { uses, .. } => *uses,
        }
    }

    pub(super) fn see(&mut self, element: &Element<'_>) {
        if element.is(self.name.0, self.name.1) {
            self.elements += 1;
        }
        for (_, local, value) in element.attributes() {
            // Whatever the namespace: xml:id and wsu:Id are two of many.
            if !matches!(local, "ID" | "Id" | "id" | "iD" | "AssertionID") {
                continue;
            }
            let value = value.trim();
            match &mut self.sought {
                Sought::Later(seen) => seen.push(value.into()),
                Sought::Known { id, uses } => *uses += usize::from(&**id == value),
            }
        }
    }
}
