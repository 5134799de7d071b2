use super::*;

fn read_all(segments: &[(u8, Vec<u8>)]) -> Metadata {
    let segment = |(marker, contents): &(u8, Vec<u8>)| JpegSegment::new_with_contents(*marker, contents.clone().into());
    read(&segments.iter().map(segment).collect::<Vec<_>>())
}

fn resource(number: u16, name: &[u8], data: &[u8]) -> Vec<u8> {
    let mut resource = [b"8BIM".as_slice(), &number.to_be_bytes(), &[u8::try_from(name.len()).unwrap()], name].concat();
    if name.len().is_multiple_of(2) {
        resource.push(0);
    }
    resource.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    resource.extend(data);
    if data.len() % 2 == 1 {
        resource.push(0);
    }
    resource
}

fn extension(guid: &[u8; 32], offset: u32, part: &[u8]) -> (u8, Vec<u8>) {
    let contents = [EXTENDED_XMP, guid, &99_u32.to_be_bytes(), &offset.to_be_bytes(), part].concat();
    (markers::APP1, contents)
}

#[test]
fn xmp_and_iptc_are_found() {
    let photoshop = [resource(0x0400, b"", b"odd"), resource(IPTC_RESOURCE, b"name", b"records")].concat();
    let metadata = read_all(&[
        (markers::APP1, [XMP, b"<x/>"].concat()),
        (markers::APP1, b"Exif\0\0something".to_vec()),
        (markers::APP13, [PHOTOSHOP, &photoshop].concat()),
    ]);
    assert_eq!(metadata.xmp, ["<x/>"]);
    assert_eq!(metadata.iptc, ["records"]);
}

#[test]
fn photoshop_resources_may_span_several_segments() {
    let resources = resource(IPTC_RESOURCE, b"", b"records");
    let (one, other) = resources.split_at(15);
    let parts = [one, other].map(|part| (markers::APP13, [PHOTOSHOP, part].concat()));
    assert_eq!(read_all(&parts).iptc, ["records"]);
}

#[test]
fn extended_xmp_is_reassembled_in_any_order_if_the_main_packet_refers_to_it() {
    let (ours, foreign) = (b"0123456789ABCDEF0123456789ABCDEF", b"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF");
    let main = [XMP, b"HasExtendedXMP=".as_slice(), ours].concat();
    let segments = [
        extension(ours, 5, b"-second"),
        (markers::APP1, main),
        extension(foreign, 0, b"foreign"),
        extension(ours, 0, b"first"),
        extension(ours, 70, b"after a gap"),
    ];
    assert_eq!(read_all(&segments).xmp[1..], ["first-second"]);
}

#[test]
fn more_than_one_mebibyte_is_not_kept() {
    let segments = vec![(markers::APP1, [XMP, &vec![b' '; 60_000]].concat()); 40];
    let kept: usize = read_all(&segments).xmp.iter().map(Bytes::len).sum();
    assert!(kept > 900_000 && kept <= 1 << 20, "{kept}");
}

#[test]
fn truncated_resources_yield_what_came_before() {
    let whole = [resource(IPTC_RESOURCE, b"", b"records"), resource(IPTC_RESOURCE, b"n", b"more")].concat();
    for length in 0..whole.len() {
        let found = iptc_resources(Bytes::copy_from_slice(&whole[..length]));
        assert!(found.len() <= 1 && found.iter().all(|data| data == "records"), "{length}");
    }
    assert_eq!(iptc_resources(whole.into()).len(), 2);
}
