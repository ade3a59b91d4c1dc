"""Recorded markets through the whole bot on virtual time. No trading rule comes in here: the bot decides what is traded."""
