//! How an operator names a detector.

use std::path::PathBuf;
use std::str::FromStr;

use super::http::ServiceUrl;

/// `builtin`, `onnx:DIR` or `http:URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DetectorSpec {
    /// What metadata and pixels say.
    Builtin,
    /// A model in a directory.
    Onnx(PathBuf),
    /// A service.
    Http(ServiceUrl),
}

impl FromStr for DetectorSpec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("http://") || text.starts_with("https://") {
            return Err(format!("write http:{text}"));
        }
        match text.split_once(':') {
            None if text == "builtin" => Ok(Self::Builtin),
            Some(("onnx", directory)) if !directory.is_empty() => Ok(Self::Onnx(directory.into())),
            Some(("http", url)) => url.parse().map(Self::Http).map_err(|error| error.to_string()),
            _ => Err("must be builtin, onnx:DIR or http:URL".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detector_is_named_by_its_kind_and_where_it_is() {
        assert_eq!("builtin".parse(), Ok(DetectorSpec::Builtin));
        assert_eq!("onnx:models/cats".parse(), Ok(DetectorSpec::Onnx("models/cats".into())));
        let DetectorSpec::Http(url) = "http:https://models.example.org/v1".parse().unwrap() else {
            panic!("a service")
        };
        assert_eq!(url.source().as_str(), "http:models.example.org");
    }

    #[test]
    fn a_malformed_choice_is_refused_with_what_to_write() {
        let error = |text: &str| text.parse::<DetectorSpec>().unwrap_err();
        assert_eq!(error("http://127.0.0.1:9000/"), "write http:http://127.0.0.1:9000/");
        for text in ["", "onnx:", "onnx", "rekognition", "builtin:x"] {
            assert!(error(text).contains("onnx:DIR"), "{text}");
        }
        assert!(error("http:ftp://host/").contains("http:http://"));
    }
}
