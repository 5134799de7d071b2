use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use clap::Args;
use labelcast_functions::ports::Random;
use serde_json::{Value, json};

use super::client::{ConnectError, Live, Target, labels};
use super::{Outcome, output};
use crate::data::SystemRandom;

#[derive(Debug, Args)]
pub(super) struct WatchArguments {
    /// For example `labels`, `uploads`, `moderation`, `app:builds`
    topic: String,
    /// A query in the search language, for topics about images
    #[arg(long, value_name = "QUERY", allow_hyphen_values = true)]
    filter: Option<String>,
    #[command(flatten)]
    target: Target,
    /// One notification a line, as JSON
    #[arg(long)]
    json: bool,
}

/// Ids remembered, to leave out repeats.
const REMEMBERED: usize = 10_000;
/// The longest wait before another try to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What is known from one connection to the next.
#[derive(Default)]
struct Watching {
    cursor: Option<String>,
    known: HashSet<String>,
    order: VecDeque<String>,
}

impl Watching {
    fn is_new(&mut self, id: &str) -> bool {
        if !self.known.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    /// Keeps the highest cursor of an epoch; of another epoch, the latest.
    fn reached(&mut self, cursor: &str) {
        let seq = |cursor: &str| {
            cursor.rsplit_once('-').map(|(epoch, seq)| (epoch.to_owned(), seq.parse::<u64>().unwrap_or(0)))
        };
        let behind = match (self.cursor.as_deref().and_then(seq), seq(cursor)) {
            (Some((known, before)), Some((epoch, now))) => known == epoch && now <= before,
            _ => false,
        };
        if !behind {
            self.cursor = Some(cursor.to_owned());
        }
    }
}

impl WatchArguments {
    pub(super) async fn run(self) -> Outcome {
        tokio::select! {
            outcome = self.watch() => outcome,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    }

    async fn watch(self) -> Outcome {
        let server = self.target.server().await?;
        let mut watching = Watching::default();
        let mut failures = 0;
        loop {
            match server.connect().await {
                Ok(live) => {
                    failures = 0;
                    follow(live, &self.topic, self.filter.as_deref(), self.json, &mut watching).await?;
                }
                Err(ConnectError::Refused(words)) => return Err(words.into()),
                Err(ConnectError::Later(words)) => output::complain(&format!("cannot connect: {words}")),
            }
            failures += 1;
            tokio::time::sleep(wait(failures)).await;
        }
    }
}

/// Half a second, one, two … with up to half of it at random, so that not everybody comes back at once.
fn wait(failures: u32) -> Duration {
    let mut byte = [0];
    SystemRandom.fill(&mut byte);
    let whole = Duration::from_millis(500).saturating_mul(2_u32.saturating_pow(failures.min(10) - 1)).min(LONGEST_WAIT);
    whole.mul_f64(0.5 + f64::from(byte[0]) / 510.0)
}

/// Until the socket ends; an error if the server refuses what is asked.
async fn follow(mut live: Live, topic: &str, filter: Option<&str>, json: bool, watching: &mut Watching) -> Outcome {
    let mut ask = json!({"action": "subscribe", "topics": [topic], "ref": "watch"});
    if let Some(filter) = filter {
        ask["filter"] = json!(filter);
    }
    if let Some(cursor) = &watching.cursor {
        ask["since"] = json!({topic: cursor});
    }
    let resumed = watching.cursor.is_some();
    if live.send(&ask).await.is_err() {
        return Ok(());
    }
    let mut pings = tokio::time::interval(Duration::from_mins(5));
    pings.tick().await;
    loop {
        let frame = tokio::select! {
            frame = live.frame() => frame,
            _ = pings.tick() => {
                match live.send(&json!({"action": "ping"})).await {
                    Ok(()) => continue,
                    Err(_) => None,
                }
            }
        };
        let Some(frame) = frame else {
            output::complain("the connection ended; connecting again");
            return Ok(());
        };
        match frame["type"].as_str() {
            Some("notification") => show(&frame, json, watching)?,
            Some("subscribed") => {
                if resumed && frame["topics"][0]["recovered"] != true {
                    output::complain("some notifications were missed and cannot be replayed");
                }
                watching.reached(frame["topics"][0]["cursor"].as_str().unwrap_or_default());
            }
            Some("error") => return Err(frame["message"].as_str().unwrap_or("the server refused").into()),
            Some("closing") => {
                output::complain(frame["message"].as_str().unwrap_or("the server closes the connection"));
            }
            _ => {}
        }
    }
}

fn show(frame: &Value, json: bool, watching: &mut Watching) -> std::io::Result<()> {
    for topic in frame["topics"].as_array().map(Vec::as_slice).unwrap_or_default() {
        watching.reached(topic["cursor"].as_str().unwrap_or_default());
    }
    if !watching.is_new(frame["id"].as_str().unwrap_or_default()) {
        return Ok(());
    }
    if json {
        return output::line(&frame.to_string());
    }
    let data = &frame["data"];
    let what = match data.get("image") {
        Some(image) => format!("{}  {}", image["image_id"].as_str().unwrap_or_default(), labels(image)),
        None => data.to_string(),
    };
    output::line(&format!(
        "{}  {:<16} {what}",
        frame["at"].as_str().unwrap_or_default(),
        frame["event"].as_str().unwrap_or_default()
    ))
}
