"""Backups: what is taken, sealed, brought away and brought back, by verbs and by the bot that runs."""
