"""What a hostile peer may send to a collector's port of frames: whole connections as bytes, made of a seed.

Each input of FRAME_INPUTS is a function of a random.Random alone, so that a seed gives the same bytes again.
"""

import ssl

from trials.lib.wire import MAXIMUM_BYTES, field, frame, framed, hello, protocol, varint

INTEGERS = [0, 1, -1, 2, 50, 2**31 - 1, 2**31, 2**53 + 1, 2**62, 2**63 - 1, -2**63, -2**63 + 1]
UNSIGNED = [0, 1, 2, 50, 2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 2, 2**64 - 1]
DOUBLES = [0.0, -0.0, 1.0, -1.0, 0.5, 1e-4, 1e300, 1.7976931348623157e308, 5e-324, -1e18, 9.3e18,
           float("nan"), float("inf"), float("-inf")]
# Texts that end, break or repaint what they are put into: URLs, JSON, HTML, labels, terminals. A quote with
# an accent, and a carriage return with its line feed, are one character for who counts as Swift does.
TEXTS = ["", "a", "run", "..", ".", "/", "a/b", "../../etc/passwd", "%", "%00", "%2F", "%zz", "a b", "+", "?a=1",
         "#", ";", "\0", "a\0b", "\n", "\r", "\r\n", "a\r\nb 1\r\n", '"', "\\", "\\n", '"\u0301} 1', "\\\u0301",
         'x"} 1\nevil{a="', "\x1b[2J\x1b]0;title\x07", "\x7f\x80\x9b31m", "\u202e\u2066", "\u2028\u2029",
         "\ufeff", "\U0001f600", "\u00e9", "e\u0301", "</script><script>alert(1)</script>", "<!--", "'", "NaN",
         "null", "{}", "# TYPE a counter", "\ufffd", "\U0010ffff", "\u0301", "nai\u0308ve \u4e16\u754c"]
RUN_IDS = [*TEXTS, "a" * 256, "a" * 257, "\u00e9" * 128, "\u00e9" * 128 + "a", "\x01" * 256, "%41" * 80,
           "/" * 256, '"' * 256, "\U0001f600" * 64, "\r\n" * 128]
KINDS = ["run_started", "step", "evaluation", "checkpoint", "resumed", "warning", "finished", "failed", "gap"]


def text(rng, most):
    """A hostile text of at most `most` bytes."""
    if rng.random() < 0.9:
        chosen = rng.choice(TEXTS)
    else:
        unit = rng.choice(["x", "\x01", '"', "\\", "\n", "\r", "\u0301", "\U0001f600", "e\u0301", "\x1b[", "<"])
        chosen = unit * (rng.choice([256, 5000, most]) // len(unit.encode()))
    return chosen.encode()[:most].decode(errors="ignore")


def fill(message, rng, room, plain=0.5):
    """Gives every field of a message something, plain with this chance and extreme otherwise."""
    for place in message.DESCRIPTOR.fields:
        if place.label == place.LABEL_OPTIONAL and rng.random() < 0.3:
            continue
        count = 1
        if place.label == place.LABEL_REPEATED:
            count = rng.choice([0, 1, 3, 3, 40, 40, 3000]) if room > 30000 else rng.choice([0, 1, 3])
        values = [value(place, rng, room, plain) for _ in range(count)]
        if place.label == place.LABEL_REPEATED:
            # Many long texts would not fit.
            getattr(message, place.name).extend(values if count < 40 or place.type != place.TYPE_STRING
                                                else [""] * count)
        else:
            setattr(message, place.name, values[0])


def value(place, rng, room, plain):
    if place.type == place.TYPE_STRING:
        return "text" if rng.random() < plain else text(rng, room // 3)
    if place.type == place.TYPE_DOUBLE:
        return rng.random() if rng.random() < plain else rng.choice(DOUBLES)
    unsigned = place.type in (place.TYPE_UINT64, place.TYPE_UINT32)
    return rng.randrange(1, 1000) if rng.random() < plain else rng.choice(UNSIGNED if unsigned else INTEGERS)


def run_id(rng):
    """One of not too many: what is tried is not how many runs fit into a store."""
    return rng.choice(RUN_IDS) if rng.random() < 0.5 else f"hostile-{rng.randrange(60)}"


def envelope(rng, kind=None, room=2000, plain=0.5):
    """A message that a sender could make, though none would."""
    def extreme(values, usual):
        return usual if rng.random() < 0.5 + plain / 2 else rng.choice(values)
    message = protocol().Envelope(
        run_id=run_id(rng), sequence=extreme(UNSIGNED, rng.randrange(1, 10**6)),
        unix_time_ns=extreme(INTEGERS, 1764000000 * 10**9 + rng.randrange(10**12)))
    if rng.random() < 0.9:
        message.epoch = extreme(UNSIGNED, rng.randrange(1, 10**4))
    record = getattr(message, kind or rng.choice(KINDS))
    fill(record, rng, room, plain)
    record.SetInParent()
    return message


# ---------------------------------------------------------------------- inputs


def noise(rng):
    return rng.randbytes(rng.choice([1, 3, 4, 5, 100, 5000, 100000]))


def noise_in_frames(rng):
    frames = [framed(rng.randbytes(rng.choice([1, 5, 50, 3000]))) for _ in range(rng.randrange(1, 6))]
    return hello() * rng.randrange(2) + b"".join(frames)


def lengths(rng):
    """Lengths that are absurd, or not what follows."""
    length = rng.choice([0, 1, MAXIMUM_BYTES, MAXIMUM_BYTES + 1, 2**31 - 1, 2**31, 2**32 - 1, rng.randrange(2**32)])
    return hello() * rng.randrange(2) + length.to_bytes(4, "big") + rng.randbytes(rng.choice([0, 1, 100, 70000]))


def extremes(rng):
    """Valid records with the largest, smallest and strangest of everything."""
    return hello() + b"".join(
        frame(envelope(rng, plain=rng.choice([0, 0.5, 0.9]))) for _ in range(rng.randrange(1, 30)))


def one_extreme(rng):
    """One hostile thing in an otherwise plain record, which is not refused for something else."""
    message = envelope(rng, plain=1)
    choice = rng.randrange(4)
    if choice == 0:
        message.unix_time_ns = rng.choice(INTEGERS)
    elif choice == 1:
        message.sequence, message.epoch = rng.choice(UNSIGNED), rng.choice(UNSIGNED)
    elif choice == 2:
        message.run_id = rng.choice(RUN_IDS)
    else:
        record = getattr(message, next(kind for kind in KINDS if message.HasField(kind)))
        place = rng.choice(record.DESCRIPTOR.fields)
        if place.label == place.LABEL_REPEATED:
            getattr(record, place.name).extend(value(place, rng, 9000, 0) for _ in range(3))
        else:
            setattr(record, place.name, value(place, rng, 60000, 0))
    return hello() + frame(message)


def whole_life(rng):
    """A run from its start to its end, in extremes: what a summary of it is made of."""
    run, epoch = run_id(rng) or "x", rng.choice([1, 5, 2**62, 2**63 - 1])
    kinds = ["run_started", *rng.choices(["step", "step", "evaluation", "checkpoint", "warning", "resumed"], k=6),
             *rng.choices(["finished", "failed"], k=rng.randrange(2))]
    frames = []
    for sequence, kind in enumerate(kinds, rng.choice([1, 2**62, 2**63 - 10])):
        message = envelope(rng, kind, room=20000, plain=0.2)
        message.run_id, message.epoch, message.sequence = run, epoch, sequence
        frames.append(frame(message))
    return hello() + b"".join(frames)


def large(rng):
    """Frames as large as they may be."""
    choice = rng.randrange(4)
    message = envelope(rng, "warning", plain=1)
    if choice == 0:
        message = envelope(rng, "run_started", plain=1)
        del message.run_started.hosts[:]
        message.run_started.hosts.extend([""] * 32000)
    elif choice == 1:
        message = envelope(rng, "step", plain=1)
        del message.step.rank_peak_memory_bytes[:]
        message.step.rank_compute_seconds[:] = [rng.choice(DOUBLES)] * 5000
        message.step.rank_peak_memory_bytes[:] = [rng.choice(INTEGERS)] * 1500
    elif choice == 2:
        message = envelope(rng, "failed", plain=1)
        message.failed.message = rng.choice(["\x01", '"', "\u0301", "\r", "\r\n", "x"]) * 20000
    else:
        message.warning.message = "x" * (MAXIMUM_BYTES - rng.choice([0, 1, 30, 60, 100, 300]))
    return hello() + frame(message) * 2


def gaps(rng):
    """Gaps that end before they begin, or span everything."""
    frames = []
    for _ in range(rng.randrange(1, 10)):
        message = envelope(rng, "gap", plain=0.6)
        message.gap.first_sequence = rng.choice([*UNSIGNED, message.sequence, max(0, message.sequence - 1)])
        frames.append(frame(message))
    return hello() + b"".join(frames)


def wire(rng):
    """What no generated code writes: unknown and repeated fields, groups, overlong numbers, two records."""
    valid = envelope(rng, plain=1).SerializeToString()
    other = envelope(rng, plain=1).SerializeToString()
    record = valid[valid.rindex(b"text") if b"text" in valid else -1:]
    strange = rng.choice([
        lambda: valid + other,
        lambda: valid * rng.randrange(2, 20),
        lambda: valid + field(rng.choice([5, 999, 2**29 - 1]), 2, rng.randbytes(50)),
        lambda: valid + field(999, 0, varint(2**64 - 1)) + field(998, 5, b"abcd") + field(997, 1, b"abcdefgh"),
        lambda: valid + field(0, 0, b"\0"),
        lambda: valid + field(100, 3) * 20000,
        lambda: valid + field(100, 3) * 500 + field(100, 4) * 500,
        lambda: valid + field(100, rng.choice([6, 7])),
        lambda: valid + b"\xff" * rng.randrange(1, 30),
        lambda: field(1, 2, b"\xff\xfe\xc0\x80") + valid[valid.index(b"\x10") if b"\x10" in valid else 0:],
        lambda: valid + field(1, 2, b"\xed\xa0\x80 no UTF-8"),
        lambda: valid + field(2, 0, b"\x80" * 9 + b"\x01"),
        lambda: valid + field(2, 2, b"a text, not a number"),
        lambda: valid + field(11, 2, field(20, 2, rng.randbytes(9)) + field(21, 2, b"\xff" * 100)),
        lambda: valid + field(11, 2, (field(20, 1, bytes(8)) + field(21, 0, b"\x01")) * 2000),
        lambda: field(1, 2, b"r") + field(2, 0, b"\1") + field(3, 0, b"\1"),
        lambda: field(10, 2, b"") + field(2, 0, b"\1"),
        lambda: record + valid,
        lambda: field(1, 2, b"") + varint(1 << 3 | 2) + varint(2**64 - 1),
    ])()
    return hello() + framed(strange[:MAXIMUM_BYTES]) + frame(envelope(rng, plain=1))


def mutated(rng):
    """A plain conversation in which some bytes are others, gone, or there twice."""
    data = bytearray(hello() + b"".join(frame(envelope(rng, plain=0.8)) for _ in range(rng.randrange(1, 10))))
    for _ in range(rng.choice([1, 1, 2, 5, 50])):
        place = rng.randrange(len(data))
        choice = rng.randrange(4)
        if choice == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif choice == 1:
            data[place] = rng.choice([0, 1, 127, 128, 255])
        elif choice == 2 and len(data) > 100:
            del data[place:place + rng.choice([1, 4, 30])]
        else:
            data[place:place] = data[place:place + rng.choice([1, 4, 200])]
    return bytes(data)


def torn(rng):
    data = extremes(rng)
    return data[:rng.randrange(1, len(data))]


def greetings(rng):
    """Greetings of other versions, with tokens, twice, or none."""
    return rng.choice([
        lambda: hello(version=rng.choice([0, 2, 2**31, 2**32 - 1])),
        lambda: hello(token=text(rng, 65000)),
        lambda: hello() * rng.choice([2, 2000]),
        lambda: frame(envelope(rng, plain=1)),
        lambda: framed(field(1, 0, varint(2**40 + 1))),
        lambda: framed(field(2, 2, b"token only")),
        lambda: frame(protocol().Reply(welcome=protocol().Welcome(version=1))),
    ])()


def tls_client_hello(rng):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    # Trusts nobody, for nobody answers.
    session = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(incoming, outgoing, server_hostname="collector.example")
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read() + rng.randbytes(rng.choice([0, 100]))


def http_request(rng):
    return rng.choice([b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"POST /v1/metrics HTTP/1.1\r\n\r\n",
                       b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\0\0\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])


FRAME_INPUTS = {function.__name__: function for function in (
    noise, noise_in_frames, lengths, extremes, one_extreme, whole_life, large, gaps, wire, mutated, torn, greetings,
    tls_client_hello, http_request)}
