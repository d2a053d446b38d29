"""The journal's files, read directly."""
