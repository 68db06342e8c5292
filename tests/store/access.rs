//! Access and consent: what partners of different organisations see of each other, on both databases.

mod acceptance;
mod acknowledged;
mod hidden;
mod officer;
mod pushes;
mod rim;
mod world;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [acceptance::trials(), acknowledged::trials(), hidden::trials(), officer::trials(), pushes::trials()]
        .into_iter()
        .flatten()
        .collect()
}
