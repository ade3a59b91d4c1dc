"""Pictures for people: plain numbers and texts in, a drawing out. Pure, apart from the process that makes PNGs of drawings.

No key, no database, no network and no money rule comes in here; what a picture shows was decided by whoever asked for it.
"""
