"""The recording of the market on the disk: rows go into segments at once, and segments into partitions of Parquet later.

Nothing here trades or is asked by what trades. The bot's own process writes text and never loads polars; packing is a
process of its own (`python -m bot.recorder`), so that neither its work nor its memory is the loop's.
"""
