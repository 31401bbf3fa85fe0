"""`python -m streams` is `profilestream`."""

from streams.cli import main

main()
