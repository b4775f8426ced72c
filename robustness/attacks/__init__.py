"""Attacks on a model's pictures, inside an L-infinity ball of [0, 1] pixels.

Start with `pgd.py`, which reads like the paper; `objectives.py` says what an attacker may want, `health.py` checks that
the attack itself is sound, `folding.py` makes a model quicker to differentiate.
"""
