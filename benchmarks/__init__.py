"""Speed as ratios: ours beside a peer in one run, in CPU time, so that a busy machine changes little."""
