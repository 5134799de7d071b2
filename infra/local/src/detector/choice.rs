//! Which detectors are asked.

use std::sync::Arc;

use super::builtin;
use super::http::HttpDetector;
use super::look::Look;
use super::spec::DetectorSpec;

/// What an operator says of detectors.
#[derive(Debug, Clone, Default)]
pub struct DetectorOptions {
    /// Those to ask, in the order of their importance; all that are there if none is named.
    pub specs: Vec<DetectorSpec>,
    /// What the built-in one is told.
    pub builtin: builtin::Options,
}

/// The detectors that are asked about each picture.
pub struct Chosen {
    /// The built-in one, if it is asked.
    pub builtin: Option<builtin::Options>,
    /// Those that look at pixels only, in the order of their importance.
    pub others: Vec<Arc<dyn Look>>,
}

impl Chosen {
    /// The built-in one alone.
    pub fn builtin_only(options: builtin::Options) -> Self {
        Self { builtin: Some(options), others: Vec::new() }
    }

    /// What people should know who expect things to be recognised.
    pub fn notice(&self) -> Option<String> {
        let notice = "Pictures are labelled by their metadata and pixels only: no model or service looks at them.";
        self.others.is_empty().then(|| notice.to_owned())
    }

    /// Their names, for people.
    pub fn names(&self) -> Vec<String> {
        let builtin = self.builtin.iter().map(|_| "builtin".to_owned());
        builtin.chain(self.others.iter().map(|detector| detector.source().to_string())).collect()
    }
}

/// Makes the detectors.
///
/// # Errors
/// One of them cannot be made; says why.
pub fn choose(options: &DetectorOptions) -> Result<Chosen, String> {
    let mut chosen = Chosen { builtin: None, others: Vec::new() };
    if options.specs.is_empty() {
        return Ok(Chosen::builtin_only(options.builtin.clone()));
    }
    for spec in &options.specs {
        match spec {
            DetectorSpec::Builtin => chosen.builtin = Some(options.builtin.clone()),
            DetectorSpec::Http(url) => {
                let detector = HttpDetector::new(url.clone());
                let name = url.source();
                chosen.others.push(Arc::new(detector.map_err(|error| format!("detector {name}: {error}"))?));
            }
        }
    }
    let names = chosen.names();
    match names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        Some((_, twice)) => Err(format!("two detectors are called {twice}: labels could not say which found them")),
        None => Ok(chosen),
    }
}
