"""Profiles for BI: Parquet, CSV or JSON lines, one row a customer, all as of one instant.

Reading order: `columns` (the flat layout), `nested`, `raw` (state columns for training), `formats` (how rows
become files), `run` (listing, parts, resume), `schedule`; `page` describes the columns.
"""
