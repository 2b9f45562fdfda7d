"""Reads what a collector serves over HTTP as strictly as a script may, and says what is wrong with it."""

import http.client
import json
import math
import time
import urllib.parse

from trials.lib import metrics_text

FILES = ("/", "/page.css", "/page.js", "/charts.js")
# Of one answer, for scripts that do not want a store's gigabytes.
RECORDS = 20


def strict_json(data):
    """As JSON's standard has it: no NaN, no infinity, no name twice, nothing but UTF-8."""
    return json.loads(data.decode("utf-8"), parse_constant=refuse_constant, parse_float=finite,
                      object_pairs_hook=names_once)


def refuse_constant(name):
    raise ValueError(f"{name} is no JSON")


def finite(digits):
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"{digits} is no number that can be kept")
    return number


def names_once(pairs):
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(f"a name stands twice: {[name for name, _ in pairs]}")
    return found


def records_path(run, **parameters):
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    return f"/api/runs/{urllib.parse.quote(run, safe='')}/records{query}"


class Pages:
    """Asks as a browser does, on one connection as long as it stands.

    Raises OSError or HTTPException where there is no answer, or half of one.
    """

    def __init__(self, port, seconds=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        self.seconds = seconds
        self.reopened = 0
        # Seconds and path of every answer, from the question to its last byte.
        self.latencies = []

    def close(self):
        self.connection.close()

    def get(self, path):
        begin = time.monotonic()
        answer = self.begin(path)
        data = answer.read()
        self.latencies.append((time.monotonic() - begin, path))
        if answer.status != 200:
            raise ValueError(f"GET {path[:200]} gives {answer.status}: {data[:300]!r}")
        return data

    def begin(self, path):
        """The answer, of which only the head has been read."""
        end = time.monotonic() + self.seconds
        while True:
            try:
                self.connection.request("GET", path)
                return self.connection.getresponse()
            except ConnectionRefusedError:
                # Nobody listens any more.
                raise
            except ConnectionError:
                # A server may close what is idle, also in the moment in which the next question comes.
                self.connection.close()
                self.reopened += 1
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    def judged(self, path, judge):
        """What a function makes of an answer; raises ValueError naming the path."""
        data = self.get(path)
        try:
            return judge(data)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"GET {path[:200]}: {type(error).__name__}: {error}") from error

    def health(self):
        def is_ok(data):
            if data != b"ok\n":
                raise ValueError(f"not ok but {data[:100]!r}")
        self.judged("/healthz", is_ok)

    def runs(self):
        """Identifiers of all runs."""
        return self.judged("/api/runs", lambda data: [run["run_id"] for run in strict_json(data)["runs"]])

    def records(self, run, after=0, **parameters):
        """Some records of a run as objects, and the row to go on after; None at the end."""
        def cut(data):
            page = strict_json(data)
            if page["more"] and page["last"] <= after:
                raise ValueError("there are more, but none after the last")
            if any(record["run_id"] != run for record in page["records"]):
                raise ValueError("records of another run")
            return page["records"], page["last"] if page["more"] else None
        return self.judged(records_path(run, after=after, **{"limit": RECORDS, **parameters}), cut)

    def metrics(self, promtool=False):
        def check(data):
            problem = metrics_text.promtool_problem(data) if promtool else None
            if problem:
                raise ValueError(problem)
            return metrics_text.series(data)
        return self.judged("/metrics", check)

    def files(self):
        for path in FILES:
            self.get(path)
