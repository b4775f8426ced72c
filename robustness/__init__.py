"""Attacks, audits and the report.

Start with `report.py` (plan in, report out); `plan.py` says what is asked, `cells.py` and `campaign.py` do it piece by
piece, `statistics.py` and `verdict.py` judge the table, `attacks/` and `audit.py` are the instruments. Importing this
package imports nothing heavy.
"""
