//! Threads that decode and recognise, so that those who wait for the network never wait for a picture.
//!
//! In: work. Out: what came of it, later. Only so much work waits; beyond that it is refused at once. Work for a client that has
//! gone is passed over.

use prometheus_client::metrics::gauge::Gauge;
use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

pub struct Pool {
    jobs: SyncSender<Job>,
    waiting: Gauge,
}

#[derive(Debug, PartialEq)]
pub enum PoolError {
    /// As much waits as may.
    Full,
    /// The work panicked.
    Failed,
}

impl Pool {
    /// So many threads, before which so much work may wait; `waiting` says how much does.
    pub fn new(threads: usize, queue: usize, waiting: Gauge) -> io::Result<Self> {
        let (jobs, queue) = sync_channel::<Job>(queue);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("reader {number}")).spawn(move || work(&queue))?;
        }
        Ok(Pool { jobs, waiting })
    }

    /// Does the work on one of the threads.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (sender, result) = oneshot::channel();
        let waiting = self.waiting.clone();
        let job = move || {
            waiting.dec();
            if sender.is_closed() {
                return; // nobody waits for it any more
            }
            if let Ok(done) = catch_unwind(AssertUnwindSafe(work)) {
                let _ = sender.send(done); // if nobody waits, it was for nothing
            }
        };
        self.waiting.inc();
        if self.jobs.try_send(Box::new(job)).is_err() {
            self.waiting.dec();
            return Err(PoolError::Full);
        }
        result.await.map_err(|_| PoolError::Failed)
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(),
            Err(_) => return, // the pool is gone
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::Future, pin::pin, sync::mpsc, task::Context, task::Waker};

    /// Begins to wait: the work is in the queue then.
    fn begin<F: Future>(future: std::pin::Pin<&mut F>) {
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_at_once() {
        let waiting = Gauge::default();
        let pool = Pool::new(1, 1, waiting.clone()).unwrap();
        let (started, has_started) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let mut first = pin!(pool.run(move || {
            started.send(()).unwrap();
            released.recv()
        }));
        begin(first.as_mut());
        has_started.recv().unwrap();
        let mut second = pin!(pool.run(|| 2));
        begin(second.as_mut());
        assert_eq!(waiting.get(), 1);
        assert_eq!(pool.run(|| 3).await, Err(PoolError::Full));
        release.send(()).unwrap();
        assert_eq!((first.await, second.await), (Ok(Ok(())), Ok(2)));
        assert_eq!(waiting.get(), 0);
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let pool = Pool::new(1, 1, Gauge::default()).unwrap();
        assert_eq!(pool.run(|| panic!("on purpose")).await, Err::<(), _>(PoolError::Failed));
        assert_eq!(pool.run(|| 5).await, Ok(5));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_passed_over() {
        let pool = Pool::new(1, 2, Gauge::default()).unwrap();
        let (release, released) = mpsc::channel::<()>();
        let (ran, has_run) = mpsc::channel();
        let mut blocker = pin!(pool.run(move || released.recv()));
        begin(blocker.as_mut());
        {
            let mut abandoned = Box::pin(pool.run(move || ran.send(())));
            begin(abandoned.as_mut());
        }
        release.send(()).unwrap();
        blocker.await.unwrap().unwrap();
        assert_eq!(pool.run(|| 1).await, Ok(1)); // behind the abandoned one
        assert!(has_run.try_recv().is_err());
    }
}
