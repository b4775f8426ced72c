"""Attacks, audits and the report.

Start with `report.py` (plan in, report out); `plan.py` says what is asked, `cells.py` does it piece by piece, `statistics.py`
turns the table into verdicts, `attacks/` and `audit.py` are the instruments. Importing this package imports nothing heavy.
"""
