use bytes::Bytes;
use futures_util::TryStreamExt;
use labelcast_functions::model::{ImageFiles, ImageId};
use labelcast_functions::ports::{ObjectKey, Objects};

use super::{Site, key};

async fn bytes_of(site: &Site, key: &ObjectKey) -> Option<Vec<u8>> {
    let read = site.objects.read(key).await.unwrap()?;
    Some(read.bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat())
}

async fn write(site: &Site, key: &ObjectKey, bytes: &'static [u8]) -> String {
    site.objects.write(key, "image/jpeg", Bytes::from_static(bytes)).await.unwrap();
    site.objects.head(key).await.unwrap().unwrap().etag
}

#[tokio::test]
async fn an_object_round_trips() {
    let site = Site::open();
    for bytes in [&b""[..], b"x", b"some bytes"] {
        write(&site, &key("cat"), bytes).await;
        assert_eq!(bytes_of(&site, &key("cat")).await.as_deref(), Some(bytes));
        assert_eq!(site.objects.head(&key("cat")).await.unwrap().unwrap().size, bytes.len() as u64);
    }
    assert_eq!(bytes_of(&site, &key("dog")).await, None);
    for _ in 0..2 {
        site.objects.delete(&key("cat")).await.unwrap();
        assert_eq!(site.objects.head(&key("cat")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_copy_has_the_checked_bytes_even_if_another_version_is_posted_later() {
    let site = Site::open();
    let copy = ObjectKey::processed(&ImageFiles { image_id: ImageId::from_digest([7; 32]), generation: None });
    let checked = write(&site, &key("cat"), b"checked").await;
    let swapped = write(&site, &key("cat"), b"swapped").await;
    assert!(!site.objects.copy_if_unchanged(&key("cat"), &checked, &copy).await.unwrap());
    assert_eq!(bytes_of(&site, &copy).await, None);
    assert!(site.objects.copy_if_unchanged(&key("cat"), &swapped, &copy).await.unwrap());
    // A repeat finds the copy there.
    assert!(site.objects.copy_if_unchanged(&key("cat"), &swapped, &copy).await.unwrap());
    write(&site, &key("cat"), b"later").await;
    assert_eq!(bytes_of(&site, &copy).await.as_deref(), Some(&b"swapped"[..]));
    site.objects.delete(&key("cat")).await.unwrap();
    assert!(!site.objects.copy_if_unchanged(&key("cat"), &swapped, &copy).await.unwrap());
    assert_eq!(bytes_of(&site, &copy).await.as_deref(), Some(&b"swapped"[..]));
    assert!(site.files().iter().all(|file| !file.starts_with("parts/")), "{:?}", site.files());
}

#[tokio::test]
async fn a_reader_keeps_the_version_it_opened() {
    let site = Site::open();
    write(&site, &key("cat"), b"first").await;
    let reading = site.objects.read(&key("cat")).await.unwrap().unwrap();
    write(&site, &key("cat"), b"second").await;
    site.objects.delete(&key("cat")).await.unwrap();
    assert_eq!(reading.bytes.try_collect::<Vec<Bytes>>().await.unwrap().concat(), b"first");
}
