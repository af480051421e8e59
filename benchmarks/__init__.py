"""Speed as ratios: ours beside a peer in one run, in CPU time, which a busy machine moves least."""
