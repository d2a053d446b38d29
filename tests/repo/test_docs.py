import re

from tests.repo.docs import README, with_flags
from uplink_exporter.diagnosis import Verdict
from uplink_exporter.families import FAMILIES


def test_readme_has_the_flags_as_they_are() -> None:
    readme = README.read_text()
    assert with_flags(readme) == readme, "run `make docs`"


def test_readme_names_only_metrics_that_exist() -> None:
    names = {family.name for family in FAMILIES}
    # `uplink_a_present`, `_usable{family}` names two metrics of one stem; only whole names are checked.
    named = set(re.findall(r"\buplink_[a-z0-9_]+", README.read_text())) - {"uplink_exporter", *Verdict}
    assert named <= names


def test_readme_tells_of_every_verdict() -> None:
    told = re.findall(r"^\| `([a-z_]+)` \|", README.read_text(), re.MULTILINE)
    assert [verdict for verdict in told if verdict in set(Verdict)] == list(Verdict)
