"""Drills: emergencies rehearsed on a scratch bot, and their dated records, which profile live asks for."""
