//! [`labelcast_functions::ports::Translator`]

use labelcast_functions::model::LabelName;

use super::Backend;

/// And what is not known stays open.
pub async fn words_are_translated_into_english_labels(backend: impl Backend) {
    let translator = &backend.ports().translator;
    assert!(
        ["en", "nl", "tr", "de", "fr", "es"].iter().all(|wanted| translator.languages().iter().any(|l| l == wanted))
    );
    let words = ["blauw", "qqqqzz", "portret"].map(str::to_owned);
    let english = translator.to_english("nl", &words).await.unwrap();
    assert_eq!(english.len(), 3);
    assert_eq!(english[0].as_ref().map(LabelName::as_str), Some("blue"));
    assert_eq!(english[1], None);
    assert_eq!(english[2].as_ref().map(LabelName::as_str), Some("portrait"));
}
