"""What a hostile peer may send to a collector's HTTP port: whole connections as bytes, made of a seed.

Each input of REQUEST_INPUTS is a function of a random.Random alone, so that a seed gives the same bytes again.
"""

import urllib.parse

from trials.lib.hostile_frames import RUN_IDS, TEXTS, http_request, noise, tls_client_hello

NUMBERS = ["0", "1", "-1", "2", "5000", "5001", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
           "-9223372036854775809", "1e9", "NaN", "0x10", "+1", " 1", "%31", "", "1.5", "99999999999999999999999", "१"]
PATHS = ["/", "/page.css", "/page.js", "/metrics", "/healthz", "/api/runs", "/api/runs/", "/api", "/api/runs//records",
         "/api/runs/%00/records", "/api/runs/%zz/records", "/api/runs/%/records", "/api/runs/%ff%fe/records",
         "/api/runs/../../etc/passwd", "/../../../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/", "//",
         "///etc/passwd", "/./page.js", "/page.js/", "/page.js%00.css", "/PAGE.JS", "/?token=x", "/?token=%00%0d%0aX:y",
         "/favicon.ico", "/api/runs/a%2fb/records", "/api/runs/:run/records", "/api/runs/**", "/*", "*", "",
         "http://example.com/api/runs", "http://[::1]:99999/", "example.com:443", "/metrics;x=1", "/metrics#a", "/\t",
         "/metrics?" + "&" * 5000, "/metrics?" + "a=b&" * 5000, "/" + "a" * 9000, "/" + "%41" * 30000,
         "/api/runs/" + "a" * 60000 + "/records", "/" + "../" * 20000, "/" + "/" * 60000]
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND",
           "get", "G\0T", "X" * 9000, ""]
VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/3.7", "HTTP/", "http/1.1", ""]
HEADERS = ["Connection: close", "Connection: keep-alive", "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA",
           "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Content-Length: 10", "Content-Length: 0", "Content-Length: -1",
           "Content-Length: 99999999999999999999", "Content-Length: 9223372036854775807",
           "Content-Length: 5\r\nContent-Length: 6", "Transfer-Encoding: chunked",
           "Transfer-Encoding: chunked\r\nContent-Length: 3", "Transfer-Encoding: gzip, chunked, chunked",
           "Expect: 100-continue", "Range: bytes=0-0,-1,5-2", "Cookie: lora_token=\"; x", "Cookie: " + "a=b;" * 3000,
           "Authorization: Bearer ", "Authorization: Bearer " + "x" * 8000, "If-Modified-Since: never", "Host: b",
           "X: " + "y" * 65536, "Empty:", ": no name", "no colon", " folded: x\r\n more", "X\0Y: z", "X: \x01\x02\x7f",
           "Accept-Encoding: gzip, br;q=9e9", "TE: trailers", "X-Forwarded-For: 127.0.0.1", "X: \u00e9"]
BODIES = [b"", b"x" * 10, b"5\r\nhello\r\n0\r\n\r\n", b"ffffffffffffffff\r\nx", b"-1\r\n\r\n", b"5;a=b\r\nhello\r\n",
          b"zz\r\n", b"0\r\nTrailer: x\r\n\r\n", b"1" * 5000, b"0" * 5000 + b"5\r\nhello\r\n0\r\n\r\n"]


def target(rng):
    """Where a request goes to: a known path with strange parameters, or a strange path."""
    if rng.random() < 0.4:
        return rng.choice(PATHS)
    run = rng.choice([*RUN_IDS, f"hostile-{rng.randrange(60)}"])
    names = rng.choices(["after", "every", "limit", "token", "%61fter", "x", ""], k=rng.randrange(4))
    parameters = "&".join(f"{name}={rng.choice(NUMBERS)}" for name in names)
    return f"/api/runs/{urllib.parse.quote(run, safe='')}/records" + ("?" + parameters if parameters else "")


def request(place, method="GET", version="HTTP/1.1", headers=(), body=b""):
    lines = [f"{method} {place} {version}".rstrip(" "), "Host: localhost", *headers]
    return "\r\n".join(lines).encode(errors="replace") + b"\r\n\r\n" + body


# ---------------------------------------------------------------------- inputs


def parameters(rng):
    return request(target(rng))


def strange(rng):
    """Methods, versions, headers and bodies that do not go together."""
    return request(target(rng), rng.choice(METHODS), rng.choice(VERSIONS),
                   rng.choices(HEADERS, k=rng.choice([0, 1, 1, 2, 5])), rng.choice(BODIES))


def many_headers(rng):
    count, length = rng.choice([(200, 5), (5000, 5), (50000, 1), (3, 64 << 10), (1, 1 << 20)])
    return request("/healthz", headers=[f"X{number}: {'y' * length}" for number in range(count)])


def long_targets(rng):
    return request("/healthz?" + rng.choice(["a", "%41", "&", "=", "%", "é"]) * rng.choice([1000, 20000, 300000]))


def pipeline(rng):
    """A thousand requests at once."""
    places = [rng.choice(["/healthz", "/healthz", "/page.css", "/nowhere", "/api/runs/none/records"]) for _ in range(20)]
    return b"".join(map(request, places)) * rng.choice([1, 10, 50])


def smuggled(rng):
    """Requests whose length can be understood in two ways."""
    hidden = request("/metrics")
    return rng.choice([
        request("/healthz", "POST", headers=["Content-Length: 4", "Transfer-Encoding: chunked"],
                body=b"0\r\n\r\n" + hidden),
        request("/healthz", "POST", headers=[f"Content-Length: {len(hidden) + rng.choice([-5, 0, 5, 10**9])}"],
                body=hidden),
        request("/healthz", headers=["Transfer-Encoding : chunked"], body=b"0\r\n\r\n" + hidden),
        request("/healthz", headers=["Transfer-Encoding: \x0bchunked"], body=b"5\r\n" + hidden),
        b"GET /healthz HTTP/1.1\nHost: a\n\n" + hidden,
        b"\r\n" * 500 + hidden,
    ])


def bare(rng):
    """HTTP/0.9, half requests, and lines without an end."""
    return rng.choice([b"GET /\r\n", b"GET /healthz\n", b"GET", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n",
                       b"G" * 100000, b"\r\n" * 1000, b" / HTTP/1.1\r\n\r\n", b"GET  /  HTTP/1.1\r\n\r\n",
                       b"GET / HTTP/1.1\r\n\r\n\0", b"GET /healthz HTTP/1.1\r\nHost:" + b" " * 90000])


def mutated(rng):
    data = bytearray(parameters(rng) if rng.random() < 0.5 else strange(rng)[:3000])
    for _ in range(rng.choice([1, 1, 3, 20])):
        place = rng.randrange(len(data))
        choice = rng.randrange(3)
        if choice == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif choice == 1 and len(data) > 50:
            del data[place:place + rng.choice([1, 2, 20])]
        else:
            data[place:place] = rng.choice([b"\r\n", b"\0", b" ", b":", b"%", b"\xff", b"\r", b"\n"])
    return bytes(data)


def texts(rng):
    """Hostile texts as they are in the path, not encoded."""
    place = "/api/runs/" + rng.choice(TEXTS).replace(" ", "")
    return place.join(["GET ", "/records HTTP/1.1\r\nHost: a\r\n\r\n"]).encode()


REQUEST_INPUTS = {function.__name__: function for function in (
    noise, parameters, strange, many_headers, long_targets, pipeline, smuggled, bare, mutated, texts, tls_client_hello,
    http_request)}
