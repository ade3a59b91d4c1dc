"""Supervision by hand: what supervision.toml says beyond the tree, its check, reload and the verbs of an operator."""
