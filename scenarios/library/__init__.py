"""The scenarios: each file one short script on CARLA's client API that a real CARLA server would play as well."""
