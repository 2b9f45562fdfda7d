"""Reads what a collector serves over HTTP as strictly as a script may, and says what is wrong with it."""

import http.client
import json
import math
import urllib.parse

import metrics_text

FILES = ("/", "/page.css", "/page.js")
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
    """One connection, which is never opened again: raises OSError or HTTPException where it ends."""

    def __init__(self, port, seconds=30):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
        self.connection.connect()
        self.connection.auto_open = 0

    def close(self):
        self.connection.close()

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise ValueError(f"GET {path[:200]} gives {answer.status}: {data[:300]!r}")
        return data

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
