//! S-SIG-06: our verifier, a second library and the `xmlsec1` command judge the same generated assertions, genuine and
//! spoilt. They must agree, save where knoop is stricter on purpose; and what both libraries say was signed is the same.

use std::sync::Arc;

use knoop::security::assertion::{AssertionVerifier, Candidate, Reason, SignatureMethod, VerifyError, XmlSecVerifier};
use libtest_mimic::Trial as Test;

use crate::{
    bergshamra::Bergshamra,
    keys::sts,
    kit::{ENVELOPED, EXCLUSIVE, Sample, Trial, around, envelope, now, receive, security},
    trials,
};

/// So many assertions are generated, unless `KNOOP_TEST_DIFFERENTIAL` asks for another number: 500 at least when a library
/// changes its version, which takes minutes (S-SIG-06).
const ASSERTIONS: u64 = 150;

pub fn trials() -> Vec<Test> {
    trials![
        s_sig_06_libraries_and_command_agree,
        s_sig_06_they_agree_on_each_octet,
        s_sig_07_the_other_library_judges_as_the_first
    ]
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// A text with everything that canonicalisation touches.
fn text(dice: &mut Dice) -> String {
    const PIECES: [&str; 18] = [
        "Janssen",
        "é",
        "\u{1F600}",
        "&amp;",
        "&lt;",
        "&gt;",
        "&quot;",
        "&#13;",
        "\n",
        "\r\n",
        "\t",
        "&#x9;",
        "<!-- c -->",
        "<![CDATA[<&>]]>",
        "<?pi data?>",
        " ",
        "&#xE9;",
        "'\"",
    ];
    (0..1 + dice.below(6)).map(|_| dice.pick(&PIECES)).collect()
}

/// An attribute value likewise, in either quotes.
fn value(dice: &mut Dice) -> String {
    const PIECES: [&str; 11] =
        ["a", "é", "&amp;", "&lt;", ">", "&#9;", "&#10;", "&#13;", "&apos;&quot;", "  ", "&#x20;"];
    let inner: String = (0..1 + dice.below(5)).map(|_| dice.pick(&PIECES)).collect();
    let quote = dice.pick(&["'", "\""]);
    format!("{quote}{inner}{quote}")
}

fn generate(dice: &mut Dice) -> String {
    let mut sample = Sample::new(now());
    sample.name_id = text(dice);
    let spaces = ["", " ", "\n  ", "\t", "\r\n", "<!-- between -->", "<?between?>"];
    let mut attributes = String::new();
    for _ in 0..dice.below(4) {
        let mut parts = vec![format!("Name={}", value(dice)), format!("xmlns:v=\"urn:v:{}\"", dice.below(3))];
        parts.push(format!("v:x={}", value(dice)));
        parts.push("NameFormat='urn:oasis:names:tc:SAML:2.0:attrname-format:uri'".to_owned());
        parts.push(format!("FriendlyName={}", value(dice)));
        // In any order.
        for index in (1..parts.len()).rev() {
            parts.swap(index, dice.below(index + 1));
        }
        let typed = "xmlns:xs='http://www.w3.org/2001/XMLSchema' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' \
                     xsi:type='xs:string'";
        let inner = match dice.below(12) {
            0 => format!("<v:e xmlns:v='urn:v:9' xmlns='urn:d'><f xmlns=''>{}</f></v:e>", text(dice)),
            1 => format!("<e xmlns='urn:d'><f xmlns=''>{}</f></e>", text(dice)),
            2 | 3 => "<e xmlns='urn:hl7-org:v3' code='x' codeSystem='2.999'/>".to_owned(),
            _ => text(dice),
        };
        let typed = dice.pick(&["", typed]);
        attributes += &format!(
            "{}<saml2:Attribute {}>{}<saml2:AttributeValue {typed}>{inner}</saml2:AttributeValue></saml2:Attribute>",
            dice.pick(&spaces),
            parts.join(dice.pick(&[" ", "  ", "\n\t"])),
            dice.pick(&spaces),
        );
    }
    sample.attributes += &attributes;
    if dice.below(2) == 0 {
        let list = dice.pick(&["", "xs", "xs xsi", "#default", "soap wsse", "saml2 nowhere"]);
        sample.signature.transforms = format!(
            "<ds:Transform Algorithm=\"{ENVELOPED}\"/><ds:Transform Algorithm=\"{EXCLUSIVE}\">\
             <ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{list}\"/></ds:Transform>"
        );
    }
    sample.signature.key_info = dice.pick(&["", "<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>"]).to_owned();
    let mut unsigned = sample.unsigned();
    if dice.below(3) == 0 {
        unsigned = unsigned.replace("saml2:", "a:").replace("xmlns:saml2", "xmlns:a");
    }
    let blocks = security(&unsigned);
    let declarations = dice.pick(&["", " xmlns:xs='urn:other'", " xmlns='urn:default'", " xml:lang='nl'"]);
    // Signed where it stands, as some token services do: the envelope's namespaces are in scope.
    let whole = envelope("urn:uuid:1", &blocks, "<x xmlns=\"urn:x\"/>");
    sts().sign(&whole.replacen("<soap:Envelope", &format!("<soap:Envelope{declarations}"), 1))
}

/// Spoils a signed text, or changes it in a way that must not matter.
fn mutate(signed: &str, dice: &mut Dice) -> String {
    let start = signed.find("Assertion").unwrap();
    let end = signed.rfind("Assertion").unwrap();
    match dice.below(9) {
        0 => signed.replacen("Janssen", "Jansen", 1),
        1 => signed.replacen("01.015", "01.016", 1),
        2 => signed.replacen("</ds:DigestValue>", "A</ds:DigestValue>", 1),
        3 => signed.replacen("<ds:SignatureValue>", "<ds:SignatureValue>AAAA", 1),
        4 => signed.replacen("Huisarts\"", "Huisarts\" extra=\"1\"", 1),
        5 => signed.replacen("A. Jan", "A.<!-- later --> Jan", 1),
        6 => signed.replacen("SPProvidedID=\"ajanssen\"", "SPProvidedID='ajanssen'", 1),
        7 => signed.replacen("TREAT", "TREAT ", 1),
        _ => with_octet_changed(signed, start + dice.below(end - start)),
    }
}

/// The octet at this place is another one. Certificates stay: they are hints that nobody signed, knoop does not look at them,
/// and the command takes none that is broken.
fn with_octet_changed(signed: &str, place: usize) -> String {
    if let (Some(from), Some(to)) = (signed.find("<ds:X509Certificate>"), signed.rfind("</ds:X509Certificate>"))
        && (from..to).contains(&place)
    {
        return signed.to_owned();
    }
    let mut octets = signed.as_bytes().to_vec();
    octets[place] = match octets[place] {
        letter @ b'a'..=b'y' => letter + 1,
        b'"' => b'\'',
        b' ' => b'\n',
        other => other,
    };
    String::from_utf8(octets).unwrap_or_else(|_| signed.to_owned())
}

/// Whether an attribute has a line end in its value.
fn has_line_end_in_value(text: &str) -> bool {
    let tags = text.split('<').skip(1).filter_map(|rest| rest.split('>').next());
    tags.flat_map(|tag| tag.split('=').skip(1)).any(|value| {
        let quote = value.chars().next().unwrap_or_default();
        value.get(1..).and_then(|rest| rest.split(quote).next()).is_some_and(|inside| inside.contains('\n'))
    })
}

#[derive(Default, Debug)]
struct Tally {
    valid: u32,
    invalid: u32,
    /// knoop refuses by a rule of its own.
    stricter: u32,
    /// One library refuses a genuine one, as is known of it.
    known: u32,
}

/// Judges one text in three ways.
fn compare(text: &str, ours: &XmlSecVerifier, tally: &mut Tally) {
    let received = match receive(text) {
        Ok(Some(received)) if received.header.assertion.is_some() => received,
        // Refused before there is an assertion to judge: knoop takes less than the command does.
        _ => {
            tally.stricter += 1;
            return;
        }
    };
    let outline = received.header.assertion.as_ref().unwrap();
    let early = Trial::default().judge(text).err().filter(|refusal| {
        matches!(refusal.reason, Reason::Structure | Reason::Id | Reason::SignaturePlace | Reason::Algorithm)
    });
    if early.is_some() {
        tally.stricter += 1;
        return;
    }
    let reduced = &*received.header.reduced_envelope;
    let candidate = Candidate { reduced_envelope: reduced, id: &outline.id, method: SignatureMethod::RsaSha256 };
    let keys = sts().trusted();
    let keys: Vec<_> = keys.iter().collect();
    let (first, second) = (ours.verify(&candidate, &keys), Bergshamra.verify(&candidate, &keys));
    let command = sts().command_verifies(reduced);
    let whole = sts().command_verifies(text);
    assert_eq!(command, whole, "S-SIG-02: the reduced envelope changes no verdict\n{text}");
    if command && first == Err(VerifyError::Refused) {
        tally.stricter += 1;
        return;
    }
    // xml-sec 0.4.1 writes xmlns="" where only an ancestor that is not rendered declares a default namespace, so it finds
    // another digest and refuses. No assertion of a known token service looks like that, and nothing is accepted by it.
    if command && first == Err(VerifyError::NotVerified) && reduced.contains("xmlns=\"\"") {
        assert!(second.is_ok(), "bergshamra {:?}\n{reduced}", second.err());
        tally.known += 1;
        return;
    }
    // bergshamra 0.11.1 leaves a line end in a value that holds references, where XML makes it a space.
    if command && first.is_ok() && second == Err(VerifyError::NotVerified) && has_line_end_in_value(reduced) {
        tally.known += 1;
        return;
    }
    assert_eq!(first.is_ok(), command, "xml-sec {:?}, xmlsec1 {command}\n{reduced}", first.as_ref().err());
    assert_eq!(second.is_ok(), command, "bergshamra {:?}, xmlsec1 {command}\n{reduced}", second.as_ref().err());
    if let (Ok(first), Ok(second)) = (&first, &second) {
        let octets = |signed: &[u8]| String::from_utf8_lossy(signed).into_owned();
        assert_eq!(octets(&first.canonical_bytes), octets(&second.canonical_bytes), "signed octets differ\n{reduced}");
    }
    *(if command { &mut tally.valid } else { &mut tally.invalid }) += 1;
}

fn s_sig_06_libraries_and_command_agree() {
    let wanted = std::env::var("KNOOP_TEST_DIFFERENTIAL").ok().and_then(|n| n.parse().ok()).unwrap_or(ASSERTIONS);
    let ours = XmlSecVerifier::new().unwrap();
    let (mut genuine, mut spoilt) = (Tally::default(), Tally::default());
    for seed in 0..wanted {
        let mut dice = Dice(seed);
        let signed = generate(&mut dice);
        compare(&signed, &ours, &mut genuine);
        compare(&mutate(&signed, &mut dice), &ours, &mut spoilt);
    }
    println!("genuine {genuine:?}, spoilt {spoilt:?}");
    assert_eq!(genuine.invalid, 0);
    assert!(genuine.valid * 10 >= u32::try_from(wanted).unwrap() * 9, "most genuine ones are judged: {genuine:?}");
    assert!(spoilt.invalid > 0 && spoilt.valid > 0, "{spoilt:?}");
}

fn s_sig_06_they_agree_on_each_octet() {
    let step = if std::env::var_os("KNOOP_TEST_DIFFERENTIAL").is_some() { 1 } else { 41 };
    let ours = XmlSecVerifier::new().unwrap();
    let mut spoilt = Tally::default();
    for seed in 1000..1003 {
        let signed = generate(&mut Dice(seed));
        let (start, end) = (signed.find("Assertion").unwrap(), signed.rfind("Assertion").unwrap());
        for place in (start..end).step_by(step) {
            let text = with_octet_changed(&signed, place);
            if text != signed {
                compare(&text, &ours, &mut spoilt);
            }
        }
    }
    assert!(spoilt.invalid > 0, "{spoilt:?}");
}

fn s_sig_07_the_other_library_judges_as_the_first() {
    let trial = Trial { verifier: Arc::new(Bergshamra), ..Trial::default() };
    let signed = Sample::new(now()).signed();
    let (first, second) = (Trial::default().judge(&around(&signed)).unwrap(), trial.judge(&around(&signed)).unwrap());
    assert!(first == second, "the same user, to the digest");
    let changed = around(&signed.replace("01.015", "01.016"));
    assert_eq!(trial.judge(&changed).map_err(|refusal| refusal.reason), Err(Reason::Signature));
}
