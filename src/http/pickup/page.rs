//! The page as HTML. Everything that somebody wrote is escaped (S-TLS-33).

use std::fmt::Write;

use super::words::Words;
use crate::{
    service::pickup::{Standing, local_time},
    wire::html::escaped,
};

/// The style sheet.
pub(super) const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 1.125rem/1.5 system-ui, sans-serif; margin: 0; padding: 2rem 1rem; }
main { max-width: 34rem; margin: 0 auto; }
h1 { font-size: 1.5rem; line-height: 1.25; }
label { display: block; font-weight: 600; margin-top: 1.5rem; }
input { font: inherit; font-family: ui-monospace, monospace; letter-spacing: .1em; width: 100%; box-sizing: border-box;
  padding: .6rem; margin: .3rem 0; border: 2px solid; border-radius: .3rem; text-transform: uppercase; }
button, a.button { font: inherit; font-weight: 600; display: inline-block; margin-top: 1rem; padding: .7rem 1.4rem;
  border: 0; border-radius: .3rem; background: #0b4f8a; color: #fff; text-decoration: none; cursor: pointer; }
button:focus-visible, a.button:focus-visible, input:focus-visible { outline: 3px solid #e08a00; outline-offset: 2px; }
.alert { border-left: .4rem solid #b3261e; padding: .5rem 1rem; font-weight: 600; }
.hint { margin: 0; }
";

/// What the page is about.
pub(super) struct Page<'a> {
    pub words: &'static Words,
    pub id: &'a str,
    pub sender: Option<&'a str>,
    pub standing: Standing,
    /// Whether a wrong code was just given.
    pub wrong: bool,
}

impl Page<'_> {
    /// Its HTML.
    pub(super) fn html(&self) -> String {
        let w = self.words;
        let mut body = String::new();
        if let Some(sender) = self.sender.filter(|_| self.standing != Standing::Unknown) {
            let _ = writeln!(body, "<p>{}: <strong>{}</strong></p>", w.sent_by, escaped(sender));
        }
        let dead_end = match self.standing {
            Standing::Closed { tries } => {
                self.form(&mut body, tries);
                None
            }
            Standing::Open { octets, until_ms } => {
                self.download(&mut body, octets, until_ms);
                None
            }
            Standing::Unknown => Some((w.unknown, "")),
            Standing::Locked => Some((w.locked, w.ask_sender)),
            Standing::Expired => Some((w.expired, w.ask_sender)),
            Standing::Withdrawn => Some((w.withdrawn, "")),
            Standing::Used => Some((w.used, w.ask_sender)),
        };
        if let Some((what, then)) = dead_end {
            let _ = write!(body, "<p class=\"alert\" role=\"alert\">{what}</p>\n<p>{then}</p>\n");
        }
        whole(w, &body)
    }

    fn form(&self, body: &mut String, tries: i64) {
        let w = self.words;
        if self.wrong {
            let _ = writeln!(body, "<p class=\"alert\" role=\"alert\">{} {}: {tries}.</p>", w.wrong, w.tries);
        }
        let _ = write!(
            body,
            "<form method=\"post\" action=\"/p/{id}\">\n<label for=\"code\">{code}</label>\n\
             <p class=\"hint\" id=\"hint\">{hint}</p>\n\
             <input id=\"code\" name=\"code\" type=\"text\" maxlength=\"24\" required autofocus autocomplete=\"off\" \
             autocapitalize=\"characters\" spellcheck=\"false\" aria-describedby=\"hint\">\n\
             <button type=\"submit\">{open}</button>\n</form>\n",
            id = escaped(self.id),
            code = w.code,
            hint = w.hint,
            open = w.open,
        );
    }

    fn download(&self, body: &mut String, octets: u64, until_ms: i64) {
        let w = self.words;
        let _ = write!(
            body,
            "<p>{ready}</p>\n<p><a class=\"button\" href=\"/p/{id}/XDM.ZIP\" download>{fetch} ({size})</a></p>\n\
             <p>{until} {when}.</p>\n<p>{how}</p>\n",
            ready = w.ready,
            id = escaped(self.id),
            fetch = w.fetch,
            size = size(octets),
            until = w.until,
            when = local_time(until_ms),
            how = w.how_to_open,
        );
    }
}

/// A page that only says something.
pub(super) fn message(words: &'static Words, text: &str) -> String {
    whole(words, &format!("<p class=\"alert\" role=\"alert\">{text}</p>\n"))
}

fn whole(w: &Words, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title}</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {body}</main>\n</body>\n</html>\n",
        language = w.language,
        title = w.title,
    )
}

fn size(octets: u64) -> String {
    match octets {
        0..1_000 => format!("{octets} B"),
        1_000..1_000_000 => format!("{} kB", octets.div_ceil(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", octets.div_ceil(1_000_000)),
        _ => format!("{} GB", octets.div_ceil(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;

    use super::*;

    #[test]
    fn s_tls_33_what_strangers_wrote_is_escaped_and_there_is_no_script() {
        let words = Words::of(&HeaderMap::new());
        let page = Page {
            words,
            id: "0123",
            sender: Some("<script>alert('x')</script> \"&\u{202e}\u{7}"),
            standing: Standing::Closed { tries: 3 },
            wrong: true,
        };
        let html = page.html();
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;&amp;"), "{html}");
        assert!(html.contains("Pogingen over: 3"), "{html}");
    }

    #[test]
    fn people_read_their_own_time() {
        assert_eq!(local_time(1_780_000_000_000), "2026-05-28 22:26");
        assert_eq!((size(999), size(1_001), size(21_000_000)), ("999 B".into(), "2 kB".into(), "21 MB".into()));
    }
}
