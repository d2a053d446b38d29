"""Expressions of the dashboard: which metrics and labels they name, make and keep."""

from __future__ import annotations

import promql_parser

from tests import promql

# As Grafana fills them in for a panel of six hours.
VARIABLES = {
    "$__rate_interval": "240s",
    "$__interval": "60s",
    "$__range": "21600s",
    "$cluster": ".*",
    "$node": "pi-master1",
}


def filled(text: str) -> str:
    """The text with something for each variable."""
    for name, value in VARIABLES.items():
        text = text.replace(name, value)
    return text


def nodes(expr: str) -> tuple[promql_parser.Expr, ...]:
    """All nodes of the expression's tree. Raises ValueError for what is no PromQL."""
    return promql.walked(filled(expr))


def metrics(expr: str) -> set[str]:
    """The metrics that the expression selects."""
    return set(promql.selected(filled(expr)))


def labels(expr: str) -> set[str]:
    """The labels that it matches, groups by, or joins on."""
    return promql.labels(filled(expr))


def made(expr: str) -> set[str]:
    """The labels that the expression makes itself."""
    calls = [node for node in nodes(expr) if isinstance(node, promql_parser.Call)]
    texts = [_text(call.args[1]) for call in calls if call.func.name in {"label_replace", "label_join"}]
    return set(texts)


def _text(node: promql_parser.Expr) -> str:
    assert isinstance(node, promql_parser.StringLiteral)
    return node.val


def kept(expr: str) -> frozenset[str]:
    """The labels that the series of the result can have. Raises AssertionError if they are all that a target brings."""
    return _kept(promql_parser.parse(filled(expr)))


def _kept(node: promql_parser.Expr) -> frozenset[str]:
    if isinstance(node, promql_parser.AggregateExpr) and str(node.op) not in {"topk", "bottomk"}:
        return frozenset(node.modifier.labels if node.modifier else ())
    if isinstance(node, promql_parser.BinaryExpr):
        return _kept_of_two(node)
    if isinstance(node, promql_parser.Call):
        return _kept_of_call(node)
    if isinstance(node, promql_parser.NumberLiteral):
        return frozenset()
    assert isinstance(node, _OUTER), f"all labels are kept: {node.prettify()}"
    return _kept(node.expr)


_OUTER = (
    promql_parser.AggregateExpr,
    promql_parser.ParenExpr,
    promql_parser.SubqueryExpr,
    promql_parser.UnaryExpr,
)


def _kept_of_two(node: promql_parser.BinaryExpr) -> frozenset[str]:
    if str(node.op) in {"and", "unless"}:
        return _kept(node.lhs)
    return _kept(node.lhs) | _kept(node.rhs)


def _kept_of_call(node: promql_parser.Call) -> frozenset[str]:
    if node.func.name in {"label_replace", "label_join"}:
        return _kept(node.args[0]) | {_text(node.args[1])}
    return frozenset[str]().union(*(_kept(arg) for arg in node.args))
