"""As much of CBOR (RFC 8949) as Translate's requests and answers need: one map of short texts to short texts."""


def texts(data):
    """Reads a map of texts, of known length or not."""
    read, place = [], 1
    while place < len(data) and data[place] != 0xFF:
        head, place = data[place], place + 1
        if head >> 5 != 3 or head & 31 > 25:
            raise ValueError(f"no short text begins with {head:#x}")
        wide = max(0, (head & 31) - 23)
        length = int.from_bytes(data[place : place + wide], "big") if wide else head & 31
        read.append(data[place + wide : place + wide + length].decode())
        place += wide + length
    return dict(zip(read[::2], read[1::2]))


def encoded(pairs):
    """Writes a map of texts."""
    whole = bytes([0xA0 + len(pairs)])
    for text in [text for pair in pairs.items() for text in pair]:
        whole += b"\x79" + len(text.encode()).to_bytes(2, "big") + text.encode()
    return whole
