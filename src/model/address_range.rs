//! Ranges of IP addresses.

use std::{fmt, net::IpAddr, str::FromStr};

/// A range in CIDR form; a single address is a range of one. Source: S-TLS-17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange {
    network: IpAddr,
    prefix: u8,
}

/// Why a text is not an [`AddressRange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRangeError {
    /// Neither an address nor a network.
    #[error("an address range is written like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7")]
    Syntax,
    /// Bits beyond the prefix: most likely not what was meant.
    #[error("the range has address bits beyond its prefix; {0} was perhaps meant")]
    HostBits(AddressRange),
}

impl AddressRange {
    /// Whether an address lies in it. An IPv4 address that came as IPv6 counts as IPv4.
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix) == self.network
    }
}

fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

impl FromStr for AddressRange {
    type Err = AddressRangeError;

    fn from_str(text: &str) -> Result<Self, AddressRangeError> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| AddressRangeError::Syntax)?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| AddressRangeError::Syntax)?,
            None => longest,
        };
        if prefix > longest {
            return Err(AddressRangeError::Syntax);
        }
        let range = Self { network: masked(address, prefix), prefix };
        if range.network == address { Ok(range) } else { Err(AddressRangeError::HostBits(range)) }
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().expect(text)
    }

    #[test]
    fn s_tls_17_an_address_lies_in_its_range_only() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "::1", "192.0.2.1"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "::192.0.2.1"),
        ] {
            assert!(range(text).contains(inside.parse().expect(inside)), "{inside} in {text}");
            assert!(!range(text).contains(outside.parse().expect(outside)), "{outside} not in {text}");
            assert_eq!(range(&range(text).to_string()), range(text));
        }
    }

    #[test]
    fn a_range_with_too_many_bits_names_the_one_that_was_meant() {
        assert_eq!("10.1.2.3/8".parse::<AddressRange>(), Err(AddressRangeError::HostBits(range("10.0.0.0/8"))));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "10.0.0.0/-1", "host"] {
            assert_eq!(wrong.parse::<AddressRange>(), Err(AddressRangeError::Syntax), "{wrong}");
        }
    }
}
