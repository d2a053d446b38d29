"""What somebody may have meant, and what nobody did."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from uplink_exporter.settings.flags import ENVIRONMENT_PREFIX, FLAGS
from uplink_exporter.settings.model import SettingsError

# What Kubernetes (and Docker before it) tells a pod of a Service that is called uplink-exporter.
_OF_A_SERVICE = re.compile(r"SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")


ALMOST = 0.85
"""From which likeness on a variable is taken for a flag's that was mistyped."""


def hint(word: str, known: Iterable[str], prefix: str = "", likeness: float = 0.65) -> str:
    """A question that names what is nearest to the word; empty if nothing is near. All begin with the prefix."""
    import difflib  # only for who mistyped

    words = [name.removeprefix(prefix) for name in known]
    found = difflib.get_close_matches(word.removeprefix(prefix)[:64], words, n=1, cutoff=likeness)
    return f"; did you mean {prefix}{found[0]}?" if found else ""


def unknown_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """A warning for each variable of ours that is no flag's. Raises SettingsError for one that is nearly a flag's."""
    known = {flag.variable for flag in FLAGS}
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in known:
            continue
        if _OF_A_SERVICE.fullmatch(name.removeprefix(ENVIRONMENT_PREFIX)):
            continue
        if meant := hint(name, known, ENVIRONMENT_PREFIX, ALMOST):
            raise SettingsError(f"{name[:200]}: no flag has this environment variable{meant}")
        near = hint(name, known, ENVIRONMENT_PREFIX)
        yield f"{name[:200]} is set, and no flag has this environment variable{near}"
