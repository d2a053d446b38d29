"""The chart's README says what is so."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from tests.chart.docs import COPIES, README, SECURITY, documented, made_anew, security_table
from tests.chart.helm import CHART, LOWEST, NEWEST, ROOT, Chart, helm, of_kind, values_of
from tests.chart.security import violations
from tests.chart.test_values import leaves

TEXT = README.read_text()
GUIDES = (README, ROOT / "README.md", ROOT / "docs/install.md")
SHELL = [block for guide in GUIDES for block in re.findall(r"```sh\n(.*?)```", guide.read_text(), re.DOTALL)]


def test_it_is_current() -> None:
    assert made_anew(TEXT) == TEXT, "run `make docs`"


@pytest.mark.parametrize("source", COPIES, ids=lambda path: path.name)
def test_a_copy_is_current(source: object) -> None:
    (pair,) = (pair for pair in COPIES.items() if pair[0] == source)
    assert pair[0].read_bytes() == pair[1].read_bytes(), "run `make docs`"


def test_every_value_is_commented() -> None:
    told = {name: text for name, _, text in documented()}
    assert [name for name, text in told.items() if len(text) < 10] == []
    around = {".".join(name.split(".")[:depth]) for name in told for depth in range(1, 4)}
    there = set(leaves(values_of(CHART / "values.yaml")))
    assert {name for name in there - around if not any(name.startswith(f"{one}.") for one in told)} == set()


def test_each_exception_to_pod_security_is_in_the_table_and_explained() -> None:
    broken = violations(Chart().pod()["spec"])
    assert broken == {"hostNetwork", "hostPorts", "hostPath", "probe host"}
    assert broken <= {control for row in SECURITY for control in row.controls}
    explained = set(re.findall(r"^- \*\*([\w ]+)\*\*:", TEXT.partition("The exceptions")[2], re.MULTILINE))
    assert broken <= explained


def test_the_test_pod_breaks_no_more_than_the_exporters() -> None:
    (pod,) = (one for one in Chart().objects() if one["kind"] == "Pod")
    assert violations(pod["spec"]) == {"hostNetwork"}


def test_the_table_would_show_a_lapse() -> None:
    pod = Chart().pod()["spec"] | {"hostPID": True, "securityContext": {"runAsUser": 0, "runAsGroup": 0}}
    pod["containers"][0]["securityContext"] = {"privileged": True, "readOnlyRootFilesystem": False}
    after = security_table(pod)
    assert "| privileged | yes | **exception** (privileged) |" in after
    assert "| the node's processes | yes | **exception** (hostPID) |" in after
    assert "**exception** (capabilities dropped)" in after


def test_its_versions_are_those_that_are_tested() -> None:
    assert f"schemas of {LOWEST.removesuffix('.0')} and {NEWEST.removesuffix('.0')}" in TEXT
    assert f'kubeVersion: ">={LOWEST}-0"' in (CHART / "Chart.yaml").read_text()


def commands(block: str) -> list[list[str]]:
    """The calls of Helm in a block, as words."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line.partition(" > ")[0]) for line in lines if line.startswith("helm ")]


@pytest.mark.parametrize("words", [words for block in SHELL for words in commands(block)], ids=" ".join)
def test_its_commands_are_helms(words: list[str], monkeypatch: pytest.MonkeyPatch, major: int) -> None:
    monkeypatch.chdir(ROOT)
    _, command, *arguments = words
    if command == "template":
        assert "kind: Pod" in helm(major, command, *arguments)
    elif command == "install" and major == 4:  # Helm 3 wants a cluster for it
        assert "DESCRIPTION: Dry run complete" in helm(major, command, *arguments, "--dry-run=client")
    else:
        flags = {word for word in arguments if word.startswith("-")}
        said = helm(major, command, "--help")
        assert all(re.search(rf"(^|\s){flag}\b", said) for flag in flags)


def test_its_example_of_changed_alerts_is_taken() -> None:
    (example,) = re.findall(r"```yaml\n(prometheusRule:.*?)```", TEXT, re.DOTALL)
    assert of_kind("PrometheusRule", Chart().objects(yaml.safe_load(example)))
