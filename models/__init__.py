"""The core of profilestream: what a profile is and how it changes.

Plain data and plain functions. Nothing here reads a clock, opens a socket, touches a disk, draws a
random number or writes a log: the instant, the event and the stored state come in as arguments and a
`Step` goes out. That is what makes a retry free and a replay equal to the live run.

Reading order: `events`, `state`, `orders`, `lifecycle`, `tags`, `step`, `document`, `codec`.
"""
