//! ITI-20: the messages of the audit trail, row by row, and their way to an audit repository.

pub mod blocks;
mod constructors;
pub mod delivery;
mod messages;
pub mod other_events;
pub mod rows;

use libtest_mimic::Trial;

pub fn trials() -> Vec<Trial> {
    [messages::trials(), constructors::trials(), delivery::trials()].into_iter().flatten().collect()
}
