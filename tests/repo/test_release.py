"""A release is of one version, whole, and made by nobody but whom its workflow names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repo.release import NotReadyError, changes
from uplink_exporter import __version__

ROOT = Path(__file__).parents[2]
WORKFLOW: dict[str, Any] = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
CHANGELOG = f"# Changelog\n\n## {__version__} (2026-11-28)\n\n- New.\n\n## 0.0.1 (2026-01-01)\n\n- Old.\n"


def test_the_changelog_tells_of_this_version_alone() -> None:
    assert changes(CHANGELOG, f"v{__version__}") == "- New.\n"


@pytest.mark.parametrize(
    ("changelog", "tag", "reason"),
    [
        (CHANGELOG, "v9.9.9", "the tag v9.9.9 is not"),
        (CHANGELOG.replace("2026-11-28", "not released yet"), f"v{__version__}", "begins with"),
        (CHANGELOG.replace(f"## {__version__}", "## 9.9.9"), f"v{__version__}", "begins with '9.9.9"),
    ],
)
def test_what_is_not_ready_is_not_released(changelog: str, tag: str, reason: str) -> None:
    with pytest.raises(NotReadyError, match=reason):
        changes(changelog, tag)


def steps() -> list[dict[str, Any]]:
    return [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_the_workflow_uses_only_what_cannot_be_changed_under_it() -> None:
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert [one for one in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", one)] == []


def test_each_job_of_the_workflow_may_do_what_it_says_and_no_more() -> None:
    assert WORKFLOW["permissions"] == {}
    assert all("permissions" in job for job in WORKFLOW["jobs"].values())
    assert WORKFLOW["jobs"]["test"]["permissions"] == {"contents": "read"}


def test_nothing_is_published_before_the_tests_pass() -> None:
    publishing = {name for name, job in WORKFLOW["jobs"].items() if "write" in job["permissions"].values()}
    assert publishing == {"publish"}
    assert WORKFLOW["jobs"]["publish"]["needs"] == "test"


def test_no_text_from_outside_becomes_a_part_of_a_command() -> None:
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []
