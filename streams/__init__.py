"""The shell of profilestream: everything that touches the world.

Reading order: `config`, `topics`, `processor`, `store`, `engine`, `timers`, `relay`, `app`, `cli`.
"""

from pathlib import Path

import models as _models

# `models` is a generic name. If another package of that name shadows ours, say so here, in one
# sentence, rather than fail somewhere inside with a missing attribute.
if Path(_models.__file__ or "").resolve().parent.parent != Path(__file__).resolve().parent.parent:
    raise ImportError(
        f"profilestream needs its own package 'models', but 'models' resolves to {_models.__file__}; "
        "install profilestream in an environment of its own"
    )
