"""The main job, end to end, on real parts: a supply of one product and eight things that go wrong."""
