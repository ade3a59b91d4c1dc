"""The chat door: text in, replies out. The same handlers serve Telegram and the console."""
