"""Guardrails: what a command, a text or a list of paths would do, judged by rules.

Promises the same answer for the same input everywhere: nothing here looks at a disk,
a clock or an environment. `judge.py` is the door. It is a net and no wall: whoever
writes a script and runs it goes round it. Not here: who is asked, what is recorded.
"""
