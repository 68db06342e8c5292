//! ITI-32 over HTTP and by jobs of a running server: ordered and fetched, brought and taken over.

mod export;
mod import;
mod kills;
pub mod kit;
mod lost;
mod nodes;
mod two;
mod watch;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [
        export::trials(),
        import::trials(),
        nodes::trials(),
        kills::trials(),
        lost::trials(),
        watch::trials(),
        two::trials(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
