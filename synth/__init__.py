"""New pictures from recorded ones: image augmentation with labels that follow.

Start with `photometric.py` (a drive in, a drive out); `effects.py` has the effects and their strengths. Importing this
package imports nothing heavy.
"""
