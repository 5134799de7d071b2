//! Whether a model works.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use labelcast_functions::ports::DetectorError;

/// Runs in a row that are too late until a model is switched off.
const MAX_LATE: u32 = 2;

/// Whether a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It answers.
    Working,
    /// Two runs in a row took too long. It is not asked any more until the process starts again.
    SwitchedOff,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    /// The run took too long.
    Late,
    /// The run failed, or the runtime panicked.
    Run,
    /// What it answered says nothing: NaN, or no probability.
    Answer,
    /// It was switched off.
    Off,
}

impl Reason {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Run => "run",
            Self::Answer => "answer",
            Self::Off => "off",
        }
    }
}

pub(super) struct Health {
    model: String,
    late_in_a_row: AtomicU32,
}

impl Health {
    pub(super) fn of(model: &str) -> Self {
        let health = Self { model: model.to_owned(), late_in_a_row: AtomicU32::new(0) };
        health.show();
        health
    }

    pub(super) fn state(&self) -> State {
        if self.late_in_a_row.load(Ordering::Relaxed) < MAX_LATE { State::Working } else { State::SwitchedOff }
    }

    /// An error once the model is switched off.
    pub(super) fn working(&self) -> Result<(), DetectorError> {
        match self.state() {
            State::Working => Ok(()),
            State::SwitchedOff => {
                self.count(Reason::Off);
                let why = format!("the model {} is switched off, since it took too long twice in a row", self.model);
                Err(DetectorError::Unavailable(why))
            }
        }
    }

    /// A run ended in time, after `taken`, with this many pictures.
    pub(super) fn answered(&self, taken: Duration, pictures: usize) {
        // Once it is off it stays so: what comes now was begun before.
        let _ =
            self.late_in_a_row.try_update(Ordering::Relaxed, Ordering::Relaxed, |late| (late < MAX_LATE).then_some(0));
        for _ in 0..pictures {
            metrics::histogram!("labelcast_detector_seconds", "detector" => self.model.clone())
                .record(taken.as_secs_f64());
        }
    }

    /// A run is too late.
    pub(super) fn too_late(&self, limit: Duration) -> DetectorError {
        self.count(Reason::Late);
        let late = self.late_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let (model, seconds) = (&self.model, limit.as_secs_f64());
        if late == MAX_LATE {
            tracing::error!(
                model,
                seconds,
                "a model took too long twice in a row and is switched off; start again to try it again"
            );
            self.show();
        } else {
            tracing::warn!(model, seconds, "a model takes too long");
        }
        DetectorError::Unavailable(format!("the model {model} took longer than {seconds} s"))
    }

    /// A run failed, or its answer says nothing.
    pub(super) fn failed(&self, reason: Reason, why: &str) -> DetectorError {
        self.count(reason);
        tracing::warn!(model = self.model, why, "a model has no answer for a picture");
        DetectorError::Unreadable(format!("the model {} has no answer: {why}", self.model))
    }

    fn count(&self, reason: Reason) {
        let (model, reason) = (self.model.clone(), reason.as_str());
        metrics::counter!("labelcast_detector_failures_total", "detector" => model, "reason" => reason).increment(1);
    }

    fn show(&self) {
        let off = if self.state() == State::SwitchedOff { 1.0 } else { 0.0 };
        metrics::gauge!("labelcast_detector_switched_off", "detector" => self.model.clone()).set(off);
    }
}
