"""From recorded markets to a model. It runs in a process of its own, because nothing here may be loaded by a bot that trades."""
