"""The main job, end to end: a supply of one product and what goes wrong in it, on real parts."""
