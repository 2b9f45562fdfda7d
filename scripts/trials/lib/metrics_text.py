"""A strict reader of Prometheus' text format (exposition format 0.0.4), for scripts that judge /metrics."""

import re
import subprocess

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
# What Go's strconv.ParseFloat takes, without its hexadecimal numbers and underscores.
VALUE = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|Inf|NaN)")
REST = re.compile(r" (\S+)(?: (-?\d+))?")
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


def series(data):
    """(name, labels) → value, as text, of every sample.

    Raises ValueError, naming the line, where a scraper might stumble.
    """
    if data and not data.endswith(b"\n"):
        raise ValueError(f"the last line does not end: {data[-200:]!r}")
    found, types, closed, current = {}, {}, set(), None
    # Only a line feed ends a line: a carriage return or U+2028 within a label is text.
    for number, line in enumerate(data.decode("utf-8").split("\n")[:-1], 1):
        try:
            if line.startswith("#"):
                name = comment(line, types)
            elif line:
                name = sample(line, found)
                # A type that comes later is one too many.
                types.setdefault(name, "untyped")
            else:
                continue
            if name and name != current:
                if name in closed:
                    raise ValueError("the lines of one metric do not stand together")
                closed.add(name)
                current = name
        except ValueError as error:
            raise ValueError(f"line {number}: {error}: {line[:300]!r}") from None
    return found


def comment(line, types):
    """Keeps the type that a line tells; gives the metric that it is about."""
    words = line.split(" ", 3)
    if len(words) < 3 or words[:2] not in (["#", "TYPE"], ["#", "HELP"]):
        return None
    if not NAME.fullmatch(words[2]):
        raise ValueError("no name of a metric")
    if words[1] == "TYPE":
        if words[2] in types or len(words) != 4 or words[3] not in TYPES:
            raise ValueError("no type, or a second one")
        types[words[2]] = words[3]
    return words[2]


def sample(line, found):
    name = NAME.match(line)
    if not name:
        raise ValueError("no name of a metric")
    labels, place = {}, name.end()
    if line[place:place + 1] == "{":
        labels, place = pairs(line, place + 1)
    rest = REST.fullmatch(line[place:])
    if not rest or not VALUE.fullmatch(rest[1]):
        raise ValueError("no value")
    key = name[0], tuple(sorted(labels.items()))
    if key in found:
        raise ValueError("a series that stands twice")
    found[key] = rest[1]
    return name[0]


def pairs(line, place):
    """The labels from `place` on, and where the line goes on after them."""
    labels = {}
    while line[place:place + 1] != "}":
        label = LABEL.match(line, place)
        if not label or label[1] in labels:
            raise ValueError("a label that ends too early, or stands twice")
        labels[label[1]] = label[2]
        place = label.end()
        if line[place:place + 1] == ",":
            place += 1
        elif line[place:place + 1] != "}":
            raise ValueError("labels that do not end")
    return labels, place + 1


def promtool_problem(data):
    """What promtool says of a text that it cannot read; None if it can, whatever it thinks of its style."""
    done = subprocess.run(["promtool", "check", "metrics"], input=data, stderr=subprocess.STDOUT,
                          stdout=subprocess.PIPE, check=False)
    # 3: it was read, and its style could be better.
    return None if done.returncode in (0, 3) else done.stdout.decode(errors="replace")[:500]
