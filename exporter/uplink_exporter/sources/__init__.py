"""Where facts come from: each room reads one thing, by a pure `parse_*`, and its `watch()` yields whole facts."""
