"""CONTRIBUTING's drawing of the house is the tree as it is."""

import re
from pathlib import Path

import uplink_exporter

ROOT = Path(__file__).parents[2]
HOUSE = Path(uplink_exporter.__file__).parent


def entries(directory: Path) -> set[str]:
    return {
        f"{path.name}/" if path.is_dir() else path.name
        for path in directory.iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }


def drawn(indent: int) -> set[str]:
    drawing = re.search(r"```\nexporter/uplink_exporter/\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert drawing
    return set(re.findall(rf"^ {{{indent}}}([a-z_]+(?:/|\.py)) ", drawing[1], re.MULTILINE))


def test_every_room_and_file_of_the_house_is_drawn() -> None:
    assert drawn(2) == entries(HOUSE)


def test_every_source_is_drawn() -> None:
    assert drawn(4) == entries(HOUSE / "sources")


def test_no_file_grows_beyond_what_one_look_can_hold() -> None:
    """Tables of data apart: what is data says so in the file's first line."""
    texts = {str(path.relative_to(HOUSE)): path.read_text() for path in HOUSE.rglob("*.py")}
    long = {name for name, text in texts.items() if text.count("\n") > 250 and "as data" not in text.partition("\n")[0]}
    assert not long
