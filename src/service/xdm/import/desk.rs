//! The one thread on which the metadata of a package are read.
//!
//! Each set is taken apart and forgotten, tens of megabytes at a time. On whatever thread was free, as for other work that
//! blocks, every one of them would keep that much for itself: allocators give memory back to the threads that it came from.

use std::{io, sync::mpsc, thread};

use tokio::sync::oneshot;

type Task = Box<dyn FnOnce() + Send>;

/// A thread that ends with it.
pub(super) struct Desk(mpsc::Sender<Task>);

/// The thread ended before its task did.
#[derive(Debug, thiserror::Error)]
#[error("the thread that reads metadata ended")]
pub struct Gone;

impl Desk {
    /// Begins a thread.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn new() -> io::Result<Self> {
        let (tasks, received) = mpsc::channel::<Task>();
        thread::Builder::new().name("metadata".to_owned()).spawn(move || received.iter().for_each(|task| task()))?;
        Ok(Self(tasks))
    }

    /// Does this there. What was begun is done when nobody waits for it any more.
    ///
    /// # Errors
    /// [`Gone`] when it panics.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Gone> {
        let (told, done) = oneshot::channel();
        let task = Box::new(move || drop(told.send(work())));
        self.0.send(task).map_err(|_| Gone)?;
        done.await.map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_is_done_on_one_thread_and_a_panic_is_told() {
        let desk = Desk::new().unwrap();
        let first = desk.run(|| thread::current().id()).await.unwrap();
        assert_eq!(first, desk.run(|| thread::current().id()).await.unwrap());
        assert!(desk.run(|| assert!(thread::current().name().is_none())).await.is_err());
        assert!(desk.run(|| ()).await.is_err());
    }
}
