//! The stream in Redis: one method per step of a job's life. It knows nothing of how jobs are worked on.

use filch::Error;
use filch::time::Duration;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};

/// All workers are of one group, so each job goes to one of them.
const GROUP: &str = "workers";

/// Ends with `1` when the job was pending under the worker's name, and is acknowledged with its output.
const FINISH: &str = "
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
    if not pending or pending[2] ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
    return redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
";

/// Ends with `1` when the job is pending under the worker's name, from now on for no time at all.
const KEEP: &str = "
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
    if not pending or pending[2] ~= ARGV[2] then return 0 end
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
    return 1
";

/// A job as it was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its place in the stream.
    pub id: String,
    pub input: String,
}

impl Job {
    fn read(entry: StreamId) -> Result<Job, Error> {
        let input = entry.get("input").ok_or_else(|| {
            Error::msg(format!("entry {} of the stream is no job: it has no input", entry.id))
        })?;
        Ok(Job { id: entry.id, input })
    }
}

/// A stream of jobs and its outputs, over one connection.
#[derive(Clone)]
pub struct Jobs {
    redis: MultiplexedConnection,
    stream: String,
    outputs: String,
}

impl Jobs {
    /// Connects, and makes the stream and its group if they are not there.
    pub async fn open(url: &str, stream: &str) -> Result<Jobs, Error> {
        let mut redis = hello_redis::connect(url).await?;
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(stream).arg(GROUP).arg("0").arg("MKSTREAM");
        match create.query_async::<()>(&mut redis).await {
            Err(error) if error.code() == Some("BUSYGROUP") => {} // It is there.
            created => created?,
        }
        Ok(Jobs { redis, stream: stream.to_owned(), outputs: format!("{stream}:outputs") })
    }

    /// Appends a job and returns its id.
    pub async fn submit(&self, input: &str) -> Result<String, Error> {
        let mut add = redis::cmd("XADD");
        add.arg(&self.stream).arg("*").arg("input").arg(input);
        Ok(add.query_async(&mut self.redis.clone()).await?)
    }

    /// Takes the next job that no worker had, waiting up to `wait` for it.
    ///
    /// The connection is blocked meanwhile, with all of its clones.
    ///
    /// # Cancel safety
    /// Not cancel safe: a job that was on its way stays pending under `worker` until somebody takes it over.
    pub async fn take(&self, worker: &str, wait: Duration) -> Result<Option<Job>, Error> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(GROUP).arg(worker).arg("COUNT").arg(1);
        // `0` would mean for ever.
        read.arg("BLOCK").arg(wait.as_millis().max(1) as u64);
        read.arg("STREAMS").arg(&self.stream).arg(">");
        let reply: Option<StreamReadReply> = read.query_async(&mut self.redis.clone()).await?;
        let entries = reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids);
        entries.map(Job::read).next().transpose()
    }

    /// Takes a job that another worker has and did not keep for `idle`.
    ///
    /// # Cancel safety
    /// As [`take`](Self::take).
    pub async fn take_over(&self, worker: &str, idle: Duration) -> Result<Option<Job>, Error> {
        let mut from = "0-0".to_owned();
        loop {
            let mut claim = redis::cmd("XAUTOCLAIM");
            claim.arg(&self.stream).arg(GROUP).arg(worker).arg(idle.as_millis() as u64);
            claim.arg(&from).arg("COUNT").arg(1);
            let reply: StreamAutoClaimReply = claim.query_async(&mut self.redis.clone()).await?;
            if let Some(entry) = reply.claimed.into_iter().next() {
                return Job::read(entry).map(Some);
            }
            // Redis looks at a few at a time, and says where to go on.
            from = reply.next_stream_id;
            if from == "0-0" {
                return Ok(None);
            }
        }
    }

    /// Says that `worker` is still at it. `false`: the job is not its own any more.
    pub async fn keep(&self, worker: &str, job: &Job) -> Result<bool, Error> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(KEEP).arg(1).arg(&self.stream);
        eval.arg(GROUP).arg(worker).arg(&job.id);
        Ok(eval.query_async(&mut self.redis.clone()).await?)
    }

    /// Stores the output and acknowledges the job. `false`: the job is not `worker`'s any more, and nothing has changed.
    pub async fn finish(&self, worker: &str, job: &Job, output: &str) -> Result<bool, Error> {
        let mut eval = redis::cmd("EVAL");
        eval.arg(FINISH).arg(2).arg(&self.stream).arg(&self.outputs);
        eval.arg(GROUP).arg(worker).arg(&job.id).arg(output);
        Ok(eval.query_async(&mut self.redis.clone()).await?)
    }

    /// All outputs so far, with the ids of their jobs.
    pub async fn outputs(&self) -> Result<Vec<(String, String)>, Error> {
        let mut all = redis::cmd("HGETALL");
        Ok(all.arg(&self.outputs).query_async(&mut self.redis.clone()).await?)
    }

    /// How many jobs are delivered and not acknowledged.
    pub async fn n_pending(&self) -> Result<usize, Error> {
        let mut pending = redis::cmd("XPENDING");
        pending.arg(&self.stream).arg(GROUP);
        type Summary = (usize, redis::Value, redis::Value, redis::Value);
        let summary: Summary = pending.query_async(&mut self.redis.clone()).await?;
        Ok(summary.0)
    }
}
