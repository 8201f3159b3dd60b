//! Threads that decode and recognise, so that those who wait for the network never wait for a picture.
//!
//! In: work, a picture at a time, and whose it is. Out: what came of it, later. Work waits in a line for each client, and the
//! lines take turns; so however much one client sends, another one waits for a picture of it, not for all. In a line the first
//! pictures of all requests come before the second ones, so that small requests pass large ones. Only so much work waits: beyond
//! that, the longest line loses its last. Work that nobody waits for any more is cancelled.

use prometheus_client::metrics::gauge::Gauge;
use shuzi_engine::recognition::Cancel;
use std::{
    collections::VecDeque,
    io,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};
use tokio::sync::oneshot;

pub struct Pool(Arc<Shared>);

/// What the threads and those who bring work share.
struct Shared {
    queue: Mutex<Queue>,
    /// There is work, or the pool is gone.
    changed: Condvar,
    /// Work that may wait at most.
    most: usize,
    /// How much does.
    waiting: Gauge,
}

#[derive(Default)]
struct Queue {
    /// None is empty; the first one's turn is next.
    lines: VecDeque<Line>,
    is_closed: bool,
}

/// The work of one client, by round, and in a round as it came.
struct Line {
    client: IpAddr,
    jobs: VecDeque<Job>,
}

struct Job {
    /// How many pictures of the same request came before.
    round: usize,
    cancel: Cancel,
    work: Box<dyn FnOnce() + Send>,
}

#[derive(Debug, PartialEq)]
pub enum PoolError {
    /// As much waits as may.
    Full,
    /// The work panicked.
    Failed,
}

/// Somebody waits for work. When that ends, the work does, too.
struct Awaited<'a> {
    cancel: Cancel,
    shared: &'a Shared,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.shared.change(Queue::drop_cancelled);
    }
}

impl Pool {
    /// So many threads, before which so much work may wait; `waiting` says how much does.
    pub fn new(threads: usize, most: usize, waiting: Gauge) -> io::Result<Self> {
        let shared = Shared { queue: Mutex::default(), changed: Condvar::new(), most, waiting };
        let pool = Pool(Arc::new(shared));
        for number in 0..threads {
            let shared = Arc::clone(&pool.0);
            thread::Builder::new().name(format!("reader {number}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Does a client's work on one of the threads, when its turn comes; `round` is how often the request has had its turn. When
    /// the future is dropped, the work is cancelled.
    pub async fn run<T: Send + 'static>(
        &self,
        client: IpAddr,
        round: usize,
        work: impl FnOnce(&Cancel) -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (sender, result) = oneshot::channel();
        let awaited = Awaited { cancel: Cancel::default(), shared: &self.0 };
        let cancel = awaited.cancel.clone();
        let work = move || {
            let done = catch_unwind(AssertUnwindSafe(|| work(&cancel)));
            let _ = sender.send(done.map_err(|_| PoolError::Failed)); // if nobody waits, it was for nothing
        };
        let job = Job { round, cancel: awaited.cancel.clone(), work: Box::new(work) };
        self.0.change(|queue| {
            queue.push(client, job);
            if queue.len() > self.0.most {
                queue.drop_last_of_longest(client);
            }
        });
        result.await.unwrap_or(Err(PoolError::Full)) // it was dropped without a try
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.change(|queue| queue.is_closed = true);
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what waits.
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.lock();
        change(&mut queue);
        self.waiting.set(queue.len() as i64);
        self.changed.notify_one();
    }

    /// Does what waits, until the pool is gone.
    fn work(&self) {
        while let Some(job) = self.next() {
            (job.work)();
        }
    }

    /// Waits for the next work; none if the pool is gone.
    fn next(&self) -> Option<Job> {
        let queue = self.lock();
        let is_idle = |queue: &mut Queue| queue.lines.is_empty() && !queue.is_closed;
        let mut queue = self.changed.wait_while(queue, is_idle).unwrap_or_else(PoisonError::into_inner);
        let job = queue.pop();
        self.waiting.set(queue.len() as i64);
        job
    }
}

impl Queue {
    fn len(&self) -> usize {
        self.lines.iter().map(|line| line.jobs.len()).sum()
    }

    /// Adds work to the client's line, at the end of its round; a new line's turn comes after all others'.
    fn push(&mut self, client: IpAddr, job: Job) {
        match self.lines.iter_mut().find(|line| line.client == client) {
            Some(line) => line.jobs.insert(line.jobs.partition_point(|other| other.round <= job.round), job),
            None => self.lines.push_back(Line { client, jobs: VecDeque::from([job]) }),
        }
    }

    /// The first work of the first line, whose next turn comes after all others'.
    fn pop(&mut self) -> Option<Job> {
        let mut line = self.lines.pop_front()?;
        let job = line.jobs.pop_front();
        if !line.jobs.is_empty() {
            self.lines.push_back(line);
        }
        job
    }

    fn drop_cancelled(&mut self) {
        self.lines.iter_mut().for_each(|line| line.jobs.retain(|job| job.cancel.check().is_ok()));
        self.lines.retain(|line| !line.jobs.is_empty());
    }

    /// Drops the last of the longest line; where two lines are as long, of that of this client.
    fn drop_last_of_longest(&mut self, client: IpAddr) {
        let longest = self.lines.iter_mut().max_by_key(|line| (line.jobs.len(), line.client == client));
        longest.and_then(|line| line.jobs.pop_back());
        self.lines.retain(|line| !line.jobs.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        future::Future,
        pin::{Pin, pin},
        sync::mpsc::{Sender, channel},
        task::{Context, Waker},
    };

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Begins to wait: the work is in the queue then.
    fn begin<F: Future>(future: Pin<&mut F>) {
        assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    /// A pool whose one thread is busy until the sender is used or dropped.
    async fn busy_pool(most: usize) -> (Arc<Pool>, Gauge, Sender<()>) {
        let waiting = Gauge::default();
        let pool = Arc::new(Pool::new(1, most, waiting.clone()).unwrap());
        let (started, has_started) = oneshot::channel();
        let (release, released) = channel();
        let busy = Arc::clone(&pool);
        tokio::spawn(async move {
            let work = move |_: &Cancel| {
                started.send(()).unwrap();
                let _ = released.recv();
            };
            busy.run(ONE, 0, work).await
        });
        has_started.await.unwrap();
        (pool, waiting, release)
    }

    #[tokio::test]
    async fn work_beyond_the_queue_is_refused_at_once() {
        let (pool, waiting, release) = busy_pool(1).await;
        let mut second = pin!(pool.run(ONE, 0, |_| 2));
        begin(second.as_mut());
        assert_eq!(waiting.get(), 1);
        assert_eq!(pool.run(ONE, 0, |_| 3).await, Err(PoolError::Full));
        drop(release);
        assert_eq!(second.await, Ok(2));
        assert_eq!(waiting.get(), 0);
    }

    #[tokio::test]
    async fn clients_take_turns_and_small_requests_pass_large_ones() {
        let (pool, _, release) = busy_pool(9).await;
        let (done, order) = channel();
        let work = |client, round, name: &'static str| {
            let (pool, done) = (Arc::clone(&pool), done.clone());
            Box::pin(async move { pool.run(client, round, move |_| done.send(name).unwrap()).await })
        };
        let mut all = vec![
            work(ONE, 1, "second of a form"),
            work(ONE, 0, "one"),
            work(ONE, 2, "third of another form"),
            work(ONE, 0, "two"),
            work(OTHER, 5, "sixth of a form of the other"),
            work(OTHER, 0, "one of the other"),
        ];
        all.iter_mut().for_each(|work| begin(work.as_mut()));
        drop(release);
        for work in all {
            work.await.unwrap();
        }
        let expected = [
            "one",
            "one of the other",
            "two",
            "sixth of a form of the other",
            "second of a form",
            "third of another form",
        ];
        assert_eq!(order.try_iter().collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_full_queue_admits_a_client_with_less_in_it() {
        let (pool, waiting, release) = busy_pool(2).await;
        let (mut first, mut second) = (pin!(pool.run(ONE, 0, |_| 1)), pin!(pool.run(ONE, 0, |_| 2)));
        begin(first.as_mut());
        begin(second.as_mut());
        let mut other = pin!(pool.run(OTHER, 0, |_| 3));
        begin(other.as_mut());
        assert_eq!(second.await, Err(PoolError::Full), "the last of the longest line");
        assert_eq!(pool.run(OTHER, 0, |_| 4).await, Err(PoolError::Full), "now the lines are as long");
        assert_eq!(waiting.get(), 2);
        drop(release);
        assert_eq!((first.await, other.await), (Ok(1), Ok(3)));
    }

    #[tokio::test]
    async fn a_panic_is_told_and_the_thread_goes_on() {
        let pool = Pool::new(1, 1, Gauge::default()).unwrap();
        assert_eq!(pool.run(ONE, 0, |_| panic!("on purpose")).await, Err::<(), _>(PoolError::Failed));
        assert_eq!(pool.run(ONE, 0, |_| 5).await, Ok(5));
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_passed_over_and_takes_no_place() {
        let (pool, _, release) = busy_pool(1).await;
        let (ran, has_run) = channel();
        {
            let mut abandoned = Box::pin(pool.run(ONE, 0, move |_| ran.send(())));
            begin(abandoned.as_mut());
        }
        let mut next = pin!(pool.run(ONE, 0, |_| 1));
        begin(next.as_mut());
        drop(release);
        assert_eq!(next.await, Ok(1));
        assert!(has_run.try_recv().is_err());
    }

    #[tokio::test]
    async fn work_that_runs_is_cancelled_when_nobody_waits_for_it() {
        let pool = Pool::new(1, 1, Gauge::default()).unwrap();
        let (started, has_started) = channel();
        let (ended, has_ended) = channel();
        {
            let mut abandoned = Box::pin(pool.run(ONE, 0, move |cancel: &Cancel| {
                started.send(()).unwrap();
                while cancel.check().is_ok() {
                    thread::yield_now();
                }
                ended.send(()).unwrap();
            }));
            begin(abandoned.as_mut());
            has_started.recv().unwrap();
        }
        has_ended.recv().unwrap();
    }
}
