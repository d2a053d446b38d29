"""What became of this node: told by the facts as they change, kept over restarts of ours and over boots."""
