//! Where a reply goes.

/// Address of a wsa:EndpointReference. Source: WS-Addressing 1.0 Core §2.1; spec §8, 12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Back on the same connection.
    Anonymous,
    /// Nowhere.
    None,
    /// To a listener of the sender.
    Other(Box<str>),
}

const ANONYMOUS: [&str; 2] = [
    "http://www.w3.org/2005/08/addressing/anonymous",
    // Some old stacks write the anonymous address of the 2004 draft.
    "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
];
const NONE: &str = "http://www.w3.org/2005/08/addressing/none";

impl Address {
    /// Reads the text of wsa:Address; an empty one counts as anonymous.
    pub fn from_wire(text: &str) -> Self {
        match text.trim() {
            "" => Self::Anonymous,
            NONE => Self::None,
            text if ANONYMOUS.contains(&text) => Self::Anonymous,
            text => Self::Other(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn r_soap_15_blanks_around_addresses_are_nothing() {
        assert_eq!(Address::from_wire("\n http://www.w3.org/2005/08/addressing/none "), Address::None);
        assert_eq!(Address::from_wire(" http://www.w3.org/2005/08/addressing/anonymous\t"), Address::Anonymous);
        assert_eq!(Address::from_wire("https://x.example/"), Address::Other("https://x.example/".into()));
        let draft = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous";
        assert_eq!(Address::from_wire(draft), Address::Anonymous);
    }
}
