"""The tag catalogue: tags declared in a file, compiled into what a step asks.

Reading order: `tag` (one tag: what it is at an instant, and until when), `catalogue` (all of them), `fields`
and `scope` (what rules may speak of), `load` (from the file), `difference` (between two versions).
"""
