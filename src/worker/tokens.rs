//! How many compilers run at once on this machine, over all jobs: the jobserver of GNU make. A job
//! takes one token before it starts; the `make` in it takes further ones as they are free, so that the
//! last job has every core.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jobserver::{Acquired, Client, HelperThread};
use tokio::sync::oneshot;

/// The pool of tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    count: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    /// Jobs that hold or want a token.
    jobs: usize,
    pool: Arc<Pool>,
}

#[derive(Debug)]
struct Pool {
    client: Client,
    helper: HelperThread,
    waiting: Arc<Mutex<VecDeque<oneshot::Sender<Acquired>>>>,
}

/// A job's own token, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Token {
    _acquired: Acquired,
    #[cfg_attr(not(unix), allow(dead_code, reason = "only GNU make knows the jobserver"))]
    client: Client,
    _place: Place,
}

#[derive(Debug)]
struct Place(Arc<Mutex<State>>);

impl Tokens {
    /// A pool of so many tokens.
    pub(super) fn new(count: usize) -> io::Result<Self> {
        let state = State { jobs: 0, pool: Arc::new(Pool::new(count)?) };
        Ok(Self { count, state: Arc::new(Mutex::new(state)) })
    }

    /// Waits for a token. Whoever stops waiting takes none.
    pub(super) async fn acquire(&self) -> io::Result<Token> {
        let (pool, place) = self.enter()?;
        let (sender, receiver) = oneshot::channel();
        lock(&pool.waiting).push_back(sender);
        pool.helper.request_token();
        let gone = |_| io::Error::other("the jobserver is gone");
        let acquired = receiver.await.map_err(gone)?;
        Ok(Token { _acquired: acquired, client: pool.client.clone(), _place: place })
    }

    /// A place among the jobs. Whoever comes first after a pause gets a fresh pool where tokens are
    /// missing: a `make` that was killed has taken its own with it.
    fn enter(&self) -> io::Result<(Arc<Pool>, Place)> {
        let mut state = lock(&self.state);
        let whole = |pool: &Pool| pool.client.available().map_or(true, |free| free == self.count);
        if state.jobs == 0 && !whole(&state.pool) {
            state.pool = Arc::new(Pool::new(self.count)?);
        }
        state.jobs += 1;
        Ok((Arc::clone(&state.pool), Place(Arc::clone(&self.state))))
    }
}

impl Token {
    /// Lets a command, and all that it starts, take part in the jobserver.
    #[cfg(unix)]
    pub(super) fn share_with(&self, command: &mut std::process::Command) {
        self.client.configure_make(command);
        command.env_remove("CARGO_MAKEFLAGS").env_remove("MFLAGS");
    }
}

impl Pool {
    fn new(count: usize) -> io::Result<Self> {
        let client = Client::new(count)?;
        let waiting = Arc::new(Mutex::new(VecDeque::new()));
        let queue = Arc::clone(&waiting);
        let helper = client.clone().into_helper_thread(move |token| hand_on(token, &queue))?;
        Ok(Self { client, helper, waiting })
    }
}

/// Gives a token to the first that still waits for one.
fn hand_on(token: io::Result<Acquired>, queue: &Mutex<VecDeque<oneshot::Sender<Acquired>>>) {
    let mut token = match token {
        Ok(token) => token,
        Err(error) => {
            tracing::error!("the jobserver gives no token: {error}");
            drop(lock(queue).pop_front());
            return;
        }
    };
    while let Some(waiting) = lock(queue).pop_front() {
        match waiting.send(token) {
            Ok(()) => return,
            Err(back) => token = back,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.0).jobs -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn gives_so_many_and_no_more() {
        let tokens = Tokens::new(2).unwrap();
        let first = tokens.acquire().await.unwrap();
        let _second = tokens.acquire().await.unwrap();
        let third = tokio::time::timeout(Duration::from_millis(50), tokens.acquire()).await;
        assert!(third.is_err());
        drop(first);
        tokio::time::timeout(Duration::from_secs(5), tokens.acquire()).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_a_killed_make_took_is_back_after_a_pause() {
        let tokens = Tokens::new(2).unwrap();
        let token = tokens.acquire().await.unwrap();
        token.client.acquire().unwrap().drop_without_releasing();
        drop(token);
        let _first = tokens.acquire().await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), tokens.acquire()).await.unwrap().unwrap();
    }
}
