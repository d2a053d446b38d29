"""Where facts come from. Each source is a file with its pure `parse_*` and a `watch()` that yields whole facts."""
