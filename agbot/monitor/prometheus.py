"""The newest values in Prometheus' text exposition format."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from agbot.telemetry.protocol import HistogramValue, Labels, MetricEntry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_:]")
_NOT_IN_A_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_KINDS = {"counter": "counter", "gauge": "gauge", "histogram": "summary"}


def exposition(entries: Iterable[MetricEntry]) -> bytes:
    """Return the exposition: counters end in ``_total``, histograms become summaries of count and sum."""
    families: dict[tuple[str, str], list[MetricEntry]] = defaultdict(list)
    for entry in entries:
        kind = _KINDS[entry[2]]
        families[_family(entry[0], kind), kind].append(entry)
    lines: list[str] = []
    seen: set[str] = set()
    for (family, kind), members in sorted(families.items()):
        if family not in seen:  # two names of ours that differ in punctuation only and in type: the first one wins
            seen.add(family)
            lines.append(f"# TYPE {family} {kind}")
            samples = dict(sample for entry in members for sample in _samples(family, entry))
            lines += sorted(f"{name} {value}" for name, value in samples.items())
    return ("\n".join(lines) + "\n").encode() if lines else b""


def _family(name: str, kind: str) -> str:
    family = _NOT_IN_A_NAME.sub("_", name)
    family = f"_{family}" if family[0].isdigit() else family
    return f"{family}_total" if kind == "counter" and not family.endswith("_total") else family


def _samples(family: str, entry: MetricEntry) -> Iterator[tuple[str, str]]:
    labels, value = _labels(entry[1]), entry[3]
    if isinstance(value, HistogramValue):
        yield f"{family}_count{labels}", str(value.count)
        yield f"{family}_sum{labels}", repr(value.sum)
    else:
        yield f"{family}{labels}", repr(float(value))


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    parts = (f'{_label_name(key)}="{value.translate(_ESCAPES)}"' for key, value in sorted(labels.items()))
    return "{" + ",".join(parts) + "}"


def _label_name(key: str) -> str:
    name = _NOT_IN_A_LABEL.sub("_", key)
    return f"_{name}" if not name or name[0].isdigit() else name
