"""
Does the mail host answer? The program that a deploy runs on the host after a change.

operations/activation.py sends it along and runs `python3 -m probe`; Python's standard library has
all that it needs. Nothing is left behind: no mail, no login.
"""
