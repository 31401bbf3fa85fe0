"""How far the workers are behind, asked from outside: works when every worker is dead.

`probe` looks at broker and store and gives a `Sample`; `tracker` compares samples; `verdict` judges; the
rest shows it. Everything but `broker`, `store`, `probe` and `serve` is arithmetic without clock or network.
"""
