"""PromQL as a tree: which metrics and labels an expression names."""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser


def walked(expr: str) -> tuple[promql_parser.Expr, ...]:
    """All nodes of the expression's tree."""
    nodes: list[promql_parser.Expr] = []
    promql_parser.walk(promql_parser.parse(expr), nodes.append)
    return tuple(nodes)


def selected(expr: str) -> Iterator[str]:
    """The metrics that the expression selects."""
    for node in walked(expr):
        if isinstance(node, promql_parser.VectorSelector):
            assert node.name is not None
            yield node.name


def labels(expr: str) -> set[str]:
    """The labels that it matches, joins on, groups by, or drops."""
    found: set[str] = set()
    for node in walked(expr):
        if isinstance(node, promql_parser.VectorSelector):
            found |= {matcher.name for matcher in node.matchers.matchers}
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            found |= set(node.modifier.labels)
        if isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None and node.modifier.matching:
            found |= set(node.modifier.matching.labels)
    return found
