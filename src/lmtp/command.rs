//! One line of a client, read. Source: RFC 2033 §4; RFC 5321 §4.1.

use lettre::Address;

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// LHLO.
    Hello,
    /// MAIL: the sender, empty for `<>`, and how long it says the mail is.
    Mail { from: String, size: Option<u64> },
    /// RCPT.
    Recipient(String),
    /// DATA.
    Data,
    /// RSET.
    Reset,
    /// NOOP.
    Nothing,
    /// VRFY.
    Verify,
    /// QUIT.
    Quit,
}

/// The reply to what is not understood.
pub(super) type Refusal = &'static str;

const UNKNOWN: Refusal = "500 5.5.2 this is no command";
const NOT_LMTP: Refusal = "500 5.5.1 this is LMTP, begin with LHLO";
const SYNTAX: Refusal = "501 5.5.4 this command is written in another way";
const BAD_SENDER: Refusal = "501 5.1.7 this is no address";
const BAD_RECIPIENT: Refusal = "501 5.1.3 this is no address";
const PARAMETER: Refusal = "555 5.5.4 this parameter is not known";

impl Command {
    /// Reads a line without its end.
    pub(super) fn read(line: &[u8]) -> Result<Self, Refusal> {
        let line = std::str::from_utf8(line).ok().filter(|line| line.is_ascii()).ok_or(UNKNOWN)?.trim_end();
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim_start();
        let alone = |command| if rest.is_empty() { Ok(command) } else { Err(SYNTAX) };
        match &*verb.to_ascii_uppercase() {
            "LHLO" if rest.is_empty() => Err(SYNTAX),
            "LHLO" => Ok(Self::Hello),
            "HELO" | "EHLO" => Err(NOT_LMTP),
            "MAIL" => Self::mail(rest),
            "RCPT" => Self::recipient(rest),
            "DATA" => alone(Self::Data),
            "RSET" => alone(Self::Reset),
            "QUIT" => alone(Self::Quit),
            "NOOP" => Ok(Self::Nothing),
            "VRFY" => Ok(Self::Verify),
            _ => Err(UNKNOWN),
        }
    }

    fn mail(rest: &str) -> Result<Self, Refusal> {
        let (path, parameters) = path(rest, "FROM:")?;
        let from = match path {
            "" => String::new(),
            path => address(path).ok_or(BAD_SENDER)?,
        };
        let mut size = None;
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match &*name.to_ascii_uppercase() {
                "SIZE" if size.is_none() => size = Some(value.parse().map_err(|_| SYNTAX)?),
                "BODY" if ["7BIT", "8BITMIME"].contains(&&*value.to_ascii_uppercase()) => {}
                _ => return Err(PARAMETER),
            }
        }
        Ok(Self::Mail { from, size })
    }

    fn recipient(rest: &str) -> Result<Self, Refusal> {
        let (path, parameters) = path(rest, "TO:")?;
        if !parameters.trim().is_empty() {
            return Err(PARAMETER);
        }
        address(path).map(Self::Recipient).ok_or(BAD_RECIPIENT)
    }
}

/// What stands between the angle brackets, and what comes after them.
fn path<'a>(rest: &'a str, word: &str) -> Result<(&'a str, &'a str), Refusal> {
    let begins = rest.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let within = rest.get(word.len()..).filter(|_| begins).and_then(|rest| rest.trim_start().strip_prefix('<'));
    let within = within.ok_or(SYNTAX)?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in within.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                let after = &within[at + 1..];
                let ends = after.is_empty() || after.starts_with(' ');
                return if ends { Ok((&within[..at], after)) } else { Err(SYNTAX) };
            }
            _ => {}
        }
    }
    Err(SYNTAX)
}

/// An address, without the route by which some say it is to go (RFC 5321 §4.1.1.3).
fn address(path: &str) -> Option<String> {
    let plain = match path.starts_with('@') {
        true => path.split_once(':')?.1,
        false => path,
    };
    plain.parse::<Address>().ok().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, Refusal> {
        Command::read(line.as_bytes())
    }

    #[test]
    fn commands_are_read_whatever_their_case() {
        let mail = |from: &str, size| Ok(Command::Mail { from: from.to_owned(), size });
        for (line, command) in [
            ("lhlo relay.example", Ok(Command::Hello)),
            ("MAIL FROM:<>", mail("", None)),
            ("mail from:<a@b.example> SIZE=12 body=8bitmime", mail("a@b.example", Some(12))),
            ("MAIL FROM: <a@b.example>", mail("a@b.example", None)),
            ("RCPT TO:<@x.example,@y.example:a@b.example>", Ok(Command::Recipient("a@b.example".to_owned()))),
            ("DATA ", Ok(Command::Data)),
            ("NOOP what", Ok(Command::Nothing)),
            ("quit", Ok(Command::Quit)),
        ] {
            assert_eq!(read(line), command, "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (line, code) in [
            ("", "500"),
            ("EHLO relay.example", "500 5.5.1"),
            ("LHLO", "501"),
            ("\u{0} garbage", "500"),
            ("MAIL a@b.example", "501 5.5.4"),
            ("MAIL FROM:a@b.example", "501 5.5.4"),
            ("MAIL FROM:<a@b.example", "501 5.5.4"),
            ("MAIL FROM:<a@b.example>SIZE=1", "501 5.5.4"),
            ("MAIL FROM:<a@b.example> SIZE=-1", "501 5.5.4"),
            ("MAIL FROM:<a@b.example> SMTPUTF8", "555"),
            ("MAIL FROM:<a b>", "501 5.1.7"),
            ("RCPT TO:<>", "501 5.1.3"),
            ("RCPT TO:<postmaster>", "501 5.1.3"),
            ("RCPT TO:<a@b.example> NOTIFY=NEVER", "555"),
            ("RCPT TO:<\u{e9}@b.example>", "500"),
            ("DATA now", "501"),
        ] {
            let refused = read(line).expect_err(line);
            assert!(refused.starts_with(code), "{line}: {refused}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_in_a_line_makes_the_reader_panic(
            verb in "(MAIL FROM:|RCPT TO:|LHLO |mail from: )?",
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
        ) {
            let _ = Command::read(&[verb.as_bytes(), b"<", &rest].concat());
            let _ = Command::read(&rest);
        }
    }
}
