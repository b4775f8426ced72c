"""Parametric, seeded meshes of actors and scenery: right-handed, x forward, y left, z up, metres.

`catalog.model_for` finds the model of a blueprint, `mesh.py` says what a model is and how its parts move,
`scenery.py` lists what stands beside the road. Nothing is loaded from files.
"""
