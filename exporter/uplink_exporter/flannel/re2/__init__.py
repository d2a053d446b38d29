"""Go's regular expressions, as far as a yes or no needs them: does the text hold a match?

Python's `re` reads another syntax, refuses with other words, and backtracks: a pattern that a pod's log claims to
be flannel's could hold the event loop for hours. Here a part of a pattern takes the set of positions at which a
match may start to the set at which it may end, so that the work is bounded before anything is matched.
Syntax and words are those of Go's regexp/syntax; greed and captures decide nothing and are read over.
"""

from __future__ import annotations

from uplink_exporter.flannel.re2.cursor import Cursor
from uplink_exporter.flannel.re2.parser import Parser
from uplink_exporter.flannel.re2.pattern import HIGHEST_COST, LONGEST_PATTERN, MalformedError, Pattern, TooCostlyError


def compile_pattern(pattern: str) -> Pattern:
    """The pattern, compiled. Raises MalformedError where Go would, TooCostlyError where the work has no good bound."""
    if len(pattern) > LONGEST_PATTERN:
        raise TooCostlyError(f"a pattern of {len(pattern)} characters; at most {LONGEST_PATTERN} are tried")
    parser = Parser(pattern, Cursor(pattern))
    while parser.input.rest:
        parser.step()
    if len(parser.groups) > 1:
        raise MalformedError("missing closing )", pattern)
    compiled = parser.groups[0].close()
    if compiled.cost > HIGHEST_COST:
        raise TooCostlyError(f"a pattern of {compiled.cost} steps; at most {HIGHEST_COST} are tried")
    return compiled


__all__ = ["MalformedError", "Pattern", "TooCostlyError", "compile_pattern"]
